"""The run store: what is written is read, wishes and states, references, and what a trainer's death leaves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import POINT_FORMAT, EpochRecord, Point, Progress, RunStarted
from lazytrain.engine.records import Run, RunnerRecord, State, Wanted
from lazytrain.engine.store.database import SCHEMA_VERSION, StoreError
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
from lazytrain.engine.store.store import CHUNK_POINTS, NotPossible, RunNotFound, Store
from lazytrain.presets import load_catalogue

STARTED = RunStarted(num_epochs=25, steps_per_epoch=361, step=0, path="eager", device="cpu", threads=1)


class Clock:
    """Every look is a second later."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def configuration(architecture: str = "lazynet", hyperparameters: str = "quick") -> RunConfiguration:
    catalogue = load_catalogue()
    return RunConfiguration(
        architecture_name=architecture,
        architecture=catalogue.architecture(architecture),
        hyperparameters_name=hyperparameters,
        hyperparameters=catalogue.hyperparameter_preset(hyperparameters).values,
    )


def record(epoch: int, test_accuracy: float, **changes: float | None) -> EpochRecord:
    figures = {"train_loss": 1.5, "train_accuracy": 0.5, "test_loss": 1.25, **changes}
    return EpochRecord(
        epoch=epoch,
        step=epoch * 361,
        test_accuracy=test_accuracy,
        learning_rate=0.01,
        seconds=2.0,
        **figures,  # type: ignore[arg-type]  # all of them are numbers
    )


def progress(step: int) -> Progress:
    return Progress(phase="training", done=step, total=100, step=step, epoch=1, seconds=float(step))


def point(step: int) -> Point:
    return Point(step, 1 / step, 0.25, 0.01, 1000.0, float(step))


@pytest.fixture
def journal(home: Path) -> Iterator[Journal]:
    with Journal(home, clock=Clock()) as journal:
        yield journal


@pytest.fixture
def running(journal: Journal) -> Run:
    run = journal.add_run(configuration())
    journal.claim(run.id)
    journal.begin(run.id, STARTED, "asked for")
    return journal.run(run.id)


def test_runs_are_read_again_only_after_somebody_wrote(journal: Journal, home: Path) -> None:
    run = journal.add_run(configuration())
    with Store(home) as reader:
        assert [each.id for each in reader.runs()] == [run.id]
        asked: list[str] = []
        reader.connection.set_trace_callback(asked.append)
        assert [each.id for each in reader.runs()] == [run.id]
        assert asked == ["PRAGMA data_version"]
        journal.rename(run.id, "by another connection")
        assert [each.name for each in reader.runs()] == ["by another connection"]
        reader.rename(run.id, "by its own")
        assert [each.name for each in reader.runs()] == ["by its own"]


def test_new_figures_of_a_run_at_work_have_no_other_run_read(journal: Journal, running: Run, home: Path) -> None:
    for _ in range(3):
        journal.end(journal.add_run(configuration()).id, State.FINISHED)
    with Store(home) as reader:
        before = reader.runs()
        asked: list[str] = []
        reader.connection.set_trace_callback(asked.append)
        journal.write(running.id, points=[point(10)], progress=progress(10))
        now = reader.runs()
        assert now[0].step == 10
        assert now[1:] == before[1:]
        assert not [each for each in asked if "FROM runs" in each and "WHERE" not in each]


def test_whatever_is_written_is_read_whoever_writes_it(journal: Journal, running: Run, home: Path) -> None:
    over, queued, other = (journal.add_run(configuration()) for _ in range(3))
    journal.end(over.id, State.STOPPED)
    with Store(home) as reader, Store(home) as client:
        acts: list[Callable[[], object]] = [
            lambda: client.pause(running.id),
            lambda: journal.confirm(running.id, State.PAUSED),
            lambda: client.resume(running.id),
            lambda: journal.confirm(running.id, State.RUNNING),
            lambda: journal.hold(running.id, "disk full"),
            lambda: journal.go_on(running.id, State.RUNNING),
            lambda: client.rename(over.id, "another name"),
            lambda: reader.tag(over.id, ["night"]),
            lambda: client.annotate(over.id, "a note"),
            lambda: client.put_away(over.id),
            lambda: client.move(other.id, -1),
            lambda: journal.rewind(running.id, 0, 0),
            lambda: client.resume(over.id),
            lambda: client.add_run(configuration()),
            lambda: client.discard(queued.id),
            lambda: journal.claim(other.id),
            lambda: journal.end(running.id, State.FINISHED, outcome="all epochs done"),
            lambda: journal.forget(other.id),
        ]
        for step, act in enumerate(acts, start=1):
            if running.id in {run.id for run in journal.runs() if run.state.active}:
                journal.write(running.id, points=[point(step)], progress=progress(step))
            act()
            with Store(home) as fresh:
                assert reader.runs() == fresh.runs()


def test_what_a_transaction_takes_back_is_not_what_runs_are(journal: Journal) -> None:
    run = journal.add_run(configuration())
    journal.connection.execute("BEGIN")
    journal.connection.execute("UPDATE runs SET name = 'unsure'")
    assert journal.runs()[0].name == "unsure"
    journal.connection.execute("ROLLBACK")
    assert journal.runs()[0].name == run.name


# ── curves ─────────────────────────────────────────────────────────────────────────────────────────────────

numbers = st.floats(allow_nan=True, allow_infinity=True)
narrow = st.floats(width=32)
points = st.builds(Point, st.integers(1, 2**62), numbers, numbers, numbers, narrow, narrow)


def unpack(packed: bytes) -> list[Point]:
    return [Point(*fields) for fields in POINT_FORMAT.iter_unpack(packed)]


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(points, max_size=9), max_size=9), data=st.data())
def test_points_are_read_as_written_in_any_batches(batches: list[list[Point]], data: st.DataObject) -> None:
    written = [point for batch in batches for point in batch]
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
        run_id = journal.add_run(configuration()).id
        for batch in batches:
            journal.write(run_id, points=batch)
        # Compared packed, since a NaN is not equal to itself.
        whole = journal.packed_points(run_id)
        assert whole == b"".join(POINT_FORMAT.pack(*point) for point in written)
        assert journal.run(run_id).num_points == len(written)
        since = data.draw(st.integers(0, len(written)))
        assert journal.packed_points(run_id, since) == whole[since * POINT_FORMAT.size :]


def test_a_reader_follows_over_the_edges_of_chunks(journal: Journal, running: Run, home: Path) -> None:
    seen: list[Point] = []
    with Store(home) as reader:
        for size in (1, CHUNK_POINTS - 2, 1, 1, 3 * CHUNK_POINTS, 5):
            first = len(seen) + 1
            journal.write(running.id, points=[point(step) for step in range(first, first + size)])
            assert reader.changed()
            seen += unpack(reader.packed_points(running.id, since=len(seen)))
        assert not reader.changed()
    assert [each.step for each in seen] == list(range(1, 4 * CHUNK_POINTS + 7))


@pytest.mark.parametrize("step", [0, 1, CHUNK_POINTS - 1, CHUNK_POINTS, CHUNK_POINTS + 1, 2 * CHUNK_POINTS, 2500])
def test_a_rewind_takes_back_later_points_and_epochs(journal: Journal, running: Run, step: int) -> None:
    journal.write(running.id, points=[point(number) for number in range(1, 2501)])
    for epoch, accuracy in enumerate((0.3, 0.6, 0.5), start=1):
        journal.write(running.id, record=record(epoch, accuracy), best=epoch == 2)
    assert journal.run(running.id).best_epoch == 2

    journal.rewind(running.id, step, epoch=1)

    run = journal.run(running.id)
    assert [each.step for each in unpack(journal.packed_points(running.id))] == list(range(1, step + 1))
    assert (run.num_points, run.step, run.epoch, run.revision) == (step, step, 1, running.revision + 1)
    assert (run.best_epoch, run.best_accuracy, run.test_accuracy) == (1, 0.3, 0.3)

    journal.write(running.id, points=[point(step + 1)])
    assert [each.step for each in unpack(journal.packed_points(running.id))] == list(range(1, step + 2))


def test_epochs_are_read_as_written_and_nan_stays_nan(journal: Journal, running: Run) -> None:
    journal.write(running.id, record=record(1, 0.3))
    journal.write(running.id, record=record(2, 0.1, train_loss=math.nan, validation_accuracy=0.2))
    first, second = journal.epochs(running.id)
    assert first == record(1, 0.3)
    assert math.isnan(second.train_loss)
    assert (second.validation_accuracy, second.chosen_accuracy) == (0.2, 0.2)
    assert [each.epoch for each in journal.epochs(running.id, since=1)] == [2]


def test_progress_says_where_a_training_stands(journal: Journal, running: Run) -> None:
    progress = Progress(phase="training", done=10, total=361, step=371, epoch=2, loss=0.5, seconds=3.0)
    journal.write(running.id, progress=progress)
    run = journal.run(running.id)
    assert (run.progress, run.step, run.seconds) == (progress, 371, 3.0)
    assert run.fraction == 371 / (25 * 361)
    assert run.eta_seconds == pytest.approx(3.0 / 371 * (25 * 361 - 371))


# ── the queue ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_queue_keeps_its_order_and_can_be_reordered(journal: Journal) -> None:
    first, second, third = (journal.add_run(configuration(), name).id for name in ("first", "second", "third"))
    in_front = journal.add_run(configuration(), "in front", first=True).id
    assert journal.queued() == [in_front, first, second, third]
    journal.move(third, -2)
    assert journal.queued() == [in_front, third, first, second]
    journal.move(in_front, 99)
    assert journal.queued() == [third, first, second, in_front]
    journal.move(third, -1)
    assert journal.queued() == [third, first, second, in_front]


def test_a_run_is_claimed_once(journal: Journal, home: Path) -> None:
    run_id = journal.add_run(configuration()).id
    with Journal(home) as other:
        claimed = journal.claim(run_id)
        assert claimed is not None
        assert claimed.state is State.STARTING
        assert other.claim(run_id) is None
        assert other.run(run_id).started == claimed.started


def test_lists_active_runs_then_the_queue_then_the_rest_newest_first(journal: Journal) -> None:
    ids = [journal.add_run(configuration(), name).id for name in "abcd"]
    for run_id in ids[:2]:
        journal.claim(run_id)
        journal.end(run_id, State.FINISHED)
    journal.claim(ids[3])
    assert [run.name for run in journal.runs()] == ["d", "c", "b", "a"]


# ── wishes and states ──────────────────────────────────────────────────────────────────────────────────────


def test_the_state_changes_when_training_confirms_it(journal: Journal, running: Run, home: Path) -> None:
    with Store(home) as client:
        asked = client.pause(running.id)
        assert (asked.state, asked.pending) == (State.RUNNING, Wanted.PAUSE)
        journal.confirm(running.id, State.PAUSED)
        assert (client.run(running.id).state, client.run(running.id).pending) == (State.PAUSED, None)

        assert client.resume(running.id).pending is Wanted.RUN
        journal.confirm(running.id, State.RUNNING)
        assert client.run(running.id).pending is None

        assert client.stop(running.id).pending is Wanted.STOP
        assert journal.wanted(running.id) is Wanted.STOP
        journal.end(running.id, State.STOPPED)
        assert client.run(running.id).pending is None


def test_a_stopped_or_failed_run_is_queued_again(journal: Journal, running: Run) -> None:
    journal.end(running.id, State.FAILED, error="loss became nan")
    assert journal.run(running.id).error == "loss became nan"
    again = journal.resume(running.id)
    assert (again.state, again.wanted, again.error, again.ended) == (State.QUEUED, Wanted.RUN, None, None)
    assert journal.stop(running.id).state is State.STOPPED, "a queued run leaves the queue at once"
    assert journal.queued() == []
    assert journal.resume(running.id).state is State.QUEUED


def test_what_a_state_does_not_allow_is_refused_with_the_reason(journal: Journal, running: Run) -> None:
    with pytest.raises(NotPossible, match="running already"):
        journal.resume(running.id)
    journal.end(running.id, State.FINISHED)
    for verb in (journal.pause, journal.stop, journal.resume):
        with pytest.raises(NotPossible, match=r"lazynet quick is finished"):
            verb(running.id)
    queued = journal.add_run(configuration())
    with pytest.raises(NotPossible, match="being trained"):
        journal.pause(queued.id)


def test_discard_deletes_a_run_with_its_files(journal: Journal, running: Run) -> None:
    journal.write(running.id, points=[point(1)], record=record(1, 0.5))
    (journal.run_folder(running.id) / "checkpoints").mkdir(parents=True)
    journal.discard(running.id)
    assert journal.wanted(running.id) is Wanted.DISCARD
    assert journal.run(running.id).pending is Wanted.DISCARD, "its trainer leaves it first"
    journal.forget(running.id)
    with pytest.raises(RunNotFound):
        journal.run(running.id)
    assert not journal.run_folder(running.id).exists()
    assert journal.packed_points(running.id) == b""
    assert journal.epochs(running.id) == []

    over = journal.add_run(configuration())
    journal.stop(over.id)
    journal.discard(over.id)
    assert journal.runs() == []


def test_a_run_discarded_in_its_last_moment_is_gone(journal: Journal, running: Run) -> None:
    journal.discard(running.id)
    for verb in (journal.pause, journal.resume, journal.stop):
        with pytest.raises(NotPossible, match="being discarded"):
            verb(running.id)
    journal.end(running.id, State.FINISHED)
    assert journal.runs() == []


# ── names and references ───────────────────────────────────────────────────────────────────────────────────


def test_names_cannot_collide(journal: Journal) -> None:
    runs = [journal.add_run(configuration()) for _ in range(3)]
    assert [run.name for run in runs] == ["lazynet quick", "lazynet quick #2", "lazynet quick #3"]
    assert journal.rename(runs[2].id, "lazynet quick").name == "lazynet quick #3"
    assert journal.rename(runs[1].id, " best yet ").name == "best yet"
    assert journal.rename(runs[0].id, "best yet").name == "best yet #2"
    with pytest.raises(ValueError, match="empty"):
        journal.rename(runs[0].id, "  ")


def test_tags_a_note_and_the_archive_stay_with_the_run(journal: Journal, running: Run) -> None:
    run = journal.tag(running.id, ["night", "baseline ", "night"])
    assert run.tags == ("baseline", "night")
    assert journal.annotate(run.id, " worth a second look\n").note == "worth a second look"
    with pytest.raises(ValueError, match="'two words': a tag is one word"):
        journal.tag(run.id, ["two words"])
    with pytest.raises(NotPossible, match="only a run that is over can be archived"):
        journal.put_away(run.id)
    journal.end(run.id, State.FINISHED)
    assert journal.put_away(run.id).archived
    assert not journal.put_away(run.id, away=False).archived
    kept = json.loads((journal.run_folder(run.id) / "run.json").read_text(encoding="utf-8"))
    assert (json.loads(kept["tags"]), kept["note"], kept["archived"]) == (
        ["baseline", "night"],
        "worth a second look",
        0,
    )


def test_a_run_is_found_by_id_beginning_name_or_last(journal: Journal) -> None:
    first, last = journal.add_run(configuration(), "mine"), journal.add_run(configuration())
    assert journal.find(first.id) == first
    assert journal.find("mine") == first
    assert journal.find("last") == last
    length = next(size for size in range(1, 9) if first.id[:size] != last.id[:size])
    assert journal.find(first.id[:length]) == first
    with pytest.raises(RunNotFound, match="lazytrain runs"):
        journal.find("nonsense")
    with pytest.raises(RunNotFound, match=r"fits 2 runs: .*mine"):
        journal.find("")


def test_a_name_that_is_percent_or_underscore_is_no_pattern(journal: Journal) -> None:
    journal.add_run(configuration())
    for reference in ("%", "_", "________"):
        with pytest.raises(RunNotFound):
            journal.find(reference)


# ── trainers' deaths, locks, runners ───────────────────────────────────────────────────────────────────────

TRAINER = """
import sys
from pathlib import Path
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
home, run_id = Path(sys.argv[1]), sys.argv[2]
with Journal(home) as journal:
    lock = FileLock(journal.run_folder(run_id) / "lock")
    lock.acquire()
    journal.claim(run_id)
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_a_killed_trainers_run_goes_in_front_of_the_queue(journal: Journal, home: Path) -> None:
    doomed = journal.add_run(configuration(), "doomed")
    waiting = journal.add_run(configuration(), "waiting")
    with subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(home), doomed.id], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"claimed\n"
        assert journal.recover() == [], "its trainer lives"
        assert journal.run(doomed.id).state is State.STARTING
        trainer.kill()
        trainer.wait()
    assert [run.id for run in journal.recover()] == [doomed.id]
    assert journal.queued() == [doomed.id, waiting.id]
    assert "interrupted" in journal.messages(doomed.id)[-1].text
    assert journal.recover() == []


def test_a_run_to_be_discarded_is_gone_when_its_trainer_died(journal: Journal, running: Run) -> None:
    journal.discard(running.id)
    journal.recover()
    assert journal.runs() == []


def test_only_runners_whose_lock_is_held_are_listed(journal: Journal) -> None:
    runner = RunnerRecord(
        lock="here-cpu.lock",
        host="here",
        pid=1,
        command="lazytrain work",
        device="cpu",
        device_name="a CPU",
        reason="no accelerator",
        threads=1,
        versions="",
        started=1.0,
    )
    journal.announce(runner)
    assert journal.runners() == []
    with FileLock(journal.lock_path(runner.lock)):
        assert journal.runners() == [runner]
        journal.withdraw(runner.lock)
        assert journal.runners() == []


# ── messages, questions, the file itself ───────────────────────────────────────────────────────────────────


def test_messages_come_oldest_first_and_only_the_news(journal: Journal, running: Run) -> None:
    for number in range(5):
        journal.say(running.id, f"line {number}", "warning")
    texts = [message.text for message in journal.messages(running.id)]
    assert texts == [f"line {number}" for number in range(5)]
    third = journal.messages(running.id)[2].id
    assert [message.text for message in journal.messages(since=third)] == ["line 3", "line 4"]
    assert [message.text for message in journal.messages(limit=2)] == ["line 3", "line 4"]


def test_a_question_waits_for_its_answer(journal: Journal, home: Path) -> None:
    with Store(home) as client:
        assert client.ask("speed", {"kind": "measure"}).answered is None
        waiting = journal.next_question()
        assert waiting == ("speed", {"kind": "measure"})
        journal.answer("speed", {"images_per_second": 5400.0})
        answer = client.ask("speed", {"kind": "measure"})
        assert (answer.result, answer.error) == ({"images_per_second": 5400.0}, None)
        assert answer.answered is not None
        assert journal.next_question() is None


def test_the_configuration_is_frozen_whole(journal: Journal) -> None:
    written = configuration("coolnet-v10", "mse")
    run = journal.add_run(written)
    assert journal.configuration(run.id) == written
    assert (run.architecture, run.hyperparameters, run.num_epochs) == ("coolnet-v10", "mse", 200)


def test_a_newer_store_is_refused_and_left_alone(home: Path) -> None:
    with Store(home) as store:
        store.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    with pytest.raises(StoreError, match="newer lazytrain"):
        Store(home)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


def test_a_home_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--home"):
        Store(tmp_path / "file" / "home")
