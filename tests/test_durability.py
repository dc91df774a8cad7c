"""What a run and its store survive: kills, full disks, damage, crowds, frozen processes, and the years."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoint, database, patience, saving, trainer
from engine.checkpoint import best_path, generations, load_checkpoint, load_newest
from engine.confusion import Confusion
from engine.database import SCHEMA_VERSION, StoreTrouble, transaction
from engine.events import POINT_FORMAT, EpochRecord, Point
from engine.journal import MAX_ATTEMPTS, Journal
from engine.locks import FileLock
from engine.paths import AutogradPath
from engine.places import screens_lock
from engine.records import Run, State, Trainer
from engine.runner import Runner
from engine.store import Store
from engine.trouble import RESERVE_BYTES
from tests.chaos.bench import Nursery, configuration, result
from tests.chaos.crowd import command_at_random
from tests.chaos.kills import kill_often
from tests.chaos.room import fill_and_free, small_disk
from tests.test_runner import DEADLINE, Bench, wait_for

SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture
def bench(home: Path) -> Iterator[Bench]:
    bench = Bench(home)
    yield bench
    for runner in bench.runners:
        runner.stop()
        assert runner.join(DEADLINE)
    bench.store.close()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is saved."""
    monkeypatch.setattr(saving, "SAVE_SHARE", 100.0)


# ── for real, on processes: the long forms are `python -m tests.chaos` ─────────────────────────────────────


def test_kill_9_at_any_moment_changes_nothing(home: Path) -> None:
    kills = kill_often(home, num_kills=5, seed=SEED)
    assert kills.same, str(kills)
    assert kills.met.total() == 5


def test_a_full_disk_pauses_and_room_lets_it_go_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("a small filesystem needs root; the tests below fill the store alone")
        shortage = fill_and_free(disk, times=1, seed=SEED, epochs=6)
    assert shortage.same, str(shortage)
    assert "no room is left on the disk" in shortage.reason


def test_a_crowd_on_one_store_loses_and_doubles_nothing(home: Path) -> None:
    crowd = command_at_random(home, seconds=3.0, seed=SEED)
    assert crowd.faults == [], str(crowd)
    assert crowd.done.total() > 20


def test_a_frozen_trainer_is_seen_as_suspended(home: Path) -> None:
    with Store(home) as store, Nursery(home) as nursery:
        run = store.add_run(configuration(epochs=1000))
        trainee = nursery.start(run.id)
        try:
            wait_for(lambda: store.run(run.id).state is State.RUNNING, "the run to be trained")
            assert store.trainer(run.id) is Trainer.ALIVE
            trainee.send(signal.SIGSTOP)
            wait_for(lambda: store.trainer(run.id, after=2.5) is Trainer.SUSPENDED, "the run to be seen as suspended")
            assert store.run(run.id).state is State.RUNNING
            trainee.send(signal.SIGCONT)
            wait_for(lambda: store.trainer(run.id, after=2.5) is Trainer.ALIVE, "the run to be seen again")
        finally:
            trainee.kill()


# ── checkpoints ────────────────────────────────────────────────────────────────────────────────────────────

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-100] + bytes((content[-100] ^ 1,)) + content[-99:],
    "emptied": lambda _: b"",
}


@pytest.mark.usefixtures("often")
def test_every_generation_damaged_in_turn_falls_back_and_ends_with_the_same_bits(bench: Bench) -> None:
    undisturbed, damaged = bench.queue("coolnet-v10", epochs=7), bench.queue("coolnet-v10", epochs=7)
    runner = bench.runner()
    bench.reaches(undisturbed, State.FINISHED)
    folder = bench.store.run_folder(damaged.id) / "checkpoints"
    for number, damage in enumerate((*DAMAGES.values(), None)):
        wait_for(lambda epoch=number + 3: bench.store.run(damaged.id).epoch >= epoch, "another epoch")
        bench.store.stop(damaged.id)
        runner.nudge()
        bench.reaches(damaged, State.STOPPED)
        paths = generations(folder)
        assert len(paths) >= min(3, number + 1)
        # The newest, the two newest, all three; then all of them at once.
        for path in paths if damage is None else paths[: number + 1]:
            path.write_bytes((damage or DAMAGES["flipped"])(path.read_bytes()))
        expected = paths[number + 1 :] if damage else []
        bench.store.resume(damaged.id)
        runner.nudge()
        wait_for(lambda: bench.state(damaged) in (State.RUNNING, State.FINISHED), "the run to go on")
        texts = bench.texts(damaged)
        assert f"checkpoint skipped: {paths[0]}: damaged" in texts
        if expected:
            step = int(expected[0].stem.removeprefix("step-"))
            assert f"resumed at step {step:,}" in texts
        else:
            assert "starts anew: there is no checkpoint to go on from" in texts
    bench.reaches(damaged, State.FINISHED)
    assert result(bench.store, damaged.id) == result(bench.store, undisturbed.id)


@pytest.mark.usefixtures("often")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the death
def test_the_best_weights_are_those_that_the_checkpoint_calls_the_best(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the best weights were written and before the checkpoint was, or the other way round."""

    class Died(BaseException):
        pass

    run = bench.queue("coolnet-v10", epochs=6)
    folder = bench.store.run_folder(run.id) / "checkpoints"
    original = checkpoint.save_checkpoint
    deaths = iter((False, True, False, False, True, False, False, False, False, False))

    def die(*arguments: Any) -> Any:
        if next(deaths, False):
            raise Died
        return original(*arguments)

    monkeypatch.setattr(saving, "save_checkpoint", die)
    monkeypatch.setattr("engine.journal.Journal.end", lambda *_, **__: None)
    for _ in range(3):
        with contextlib.suppress(Died):
            bench.train()
        snapshot, problems = load_newest(folder)
        assert snapshot is not None
        assert problems == []
        best_epoch = snapshot["position"]["best_epoch"]
        assert load_checkpoint(best_path(folder, best_epoch))["net"].keys() == snapshot["net"].keys()
    assert "are lost" not in bench.texts(run)
    best = bench.store.run(run.id).best_epoch
    assert [path.name for path in folder.glob("best-*.ckpt") if path == best_path(folder, best or 0)]


def test_the_best_weights_that_are_gone_are_said_so(bench: Bench) -> None:
    run = bench.queue("coolnet-v10", epochs=100)
    runner = bench.runner()
    _stop_after_epoch(bench, runner, run, 2)
    for path in (bench.store.run_folder(run.id) / "checkpoints").glob("best-*.ckpt"):
        path.unlink()
    bench.store.resume(run.id)
    wait_for(lambda: "the weights of the best epoch so far" in bench.texts(run), "the loss to be said")


def test_another_torch_or_processor_is_a_warning_on_the_run(bench: Bench) -> None:
    run = bench.queue("coolnet-v10", epochs=100)
    runner = bench.runner()
    _stop_after_epoch(bench, runner, run, 1)
    folder = bench.store.run_folder(run.id) / "checkpoints"
    snapshot = load_checkpoint(generations(folder)[0])
    checkpoint.save_checkpoint(folder, {**snapshot, "torch": "1.0", "place": {"processor": "another"}})
    bench.store.resume(run.id)
    wait_for(lambda: "processor is" in bench.texts(run), "the warnings")
    assert f"torch is {torch.__version__}, was 1.0: the rest may differ in the last bits" in bench.texts(run)
    levels = {message.text[:8]: message.level for message in bench.store.messages(run.id)}
    assert levels["torch is"] == "warning"


def _stop_after_epoch(bench: Bench, runner: Runner, run: Run, epoch: int) -> None:
    wait_for(lambda: bench.store.run(run.id).epoch >= epoch, f"epoch {epoch}")
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)


# ── disks ──────────────────────────────────────────────────────────────────────────────────────────────────


def _fill_up(connection: Any) -> None:
    """SQLite's own "database or disk is full", in the midst of a transaction: this connection may use no more pages."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        connection.execute("INSERT INTO meta (key, value) VALUES ('filler', hex(zeroblob(1000000)))")
    finally:
        connection.execute(f"PRAGMA max_page_count = {2**30}")


@pytest.mark.usefixtures("often")
def test_a_full_store_pauses_the_run_and_no_point_is_missing_or_double(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, held = bench.queue("coolnet-v10", epochs=5), bench.queue("coolnet-v10", epochs=5)
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    full, met = threading.Event(), []
    append = Journal._append

    def append_and_fail(journal: Journal, run_id: str, packed: bytes) -> int:
        count = append(journal, run_id, packed)
        if full.is_set():
            try:
                _fill_up(journal.connection)
            except StoreTrouble as trouble:
                met.append(trouble.kind)
                raise
        return count

    monkeypatch.setattr(Journal, "_append", append_and_fail)
    runner = bench.runner()
    wait_for(lambda: bench.step(held) > 100, "the second run")
    full.set()
    bench.reaches(held, State.PAUSED)
    run = bench.store.run(held.id)
    assert "no room is left on the disk" in (run.error or "")
    assert run.pending is None
    assert "no room is left" in (runner.status.error or "")
    step = run.step
    # Time enough for many tries.
    wait_for(lambda: len(met) > 5, "more tries")
    assert bench.step(held) == step
    full.clear()
    bench.reaches(held, State.FINISHED)
    assert runner.status.error is None
    assert result(bench.store, held.id) == result(bench.store, undisturbed.id)
    assert set(met) == {"full"}
    assert "goes on: it can be stored again" in bench.texts(held)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("number", [28, 30, 122, 13, 5])
def test_a_checkpoint_that_cannot_be_written_is_written_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    undisturbed, held = bench.queue("coolnet-v10", epochs=3), bench.queue("coolnet-v10", epochs=3)
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    bench.train()
    bench.store.discard(held.id)
    held = bench.queue("coolnet-v10", epochs=3)
    good = threading.Event()
    fsync = checkpoint.os.fsync

    def fail(descriptor: int) -> None:
        if not good.is_set():
            raise OSError(number, "it is so")
        fsync(descriptor)

    class Os:
        def __getattr__(self, name: str) -> Any:
            return fail if name == "fsync" else getattr(checkpoint_os, name)

    checkpoint_os = checkpoint.os
    monkeypatch.setattr(checkpoint, "os", Os())
    bench.runner()
    bench.reaches(held, State.PAUSED)
    assert "it is so" in (bench.store.run(held.id).error or "")
    good.set()
    bench.reaches(held, State.FINISHED)
    assert result(bench.store, held.id) == result(bench.store, undisturbed.id)


def test_a_run_on_a_full_disk_can_be_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "save_checkpoint", full)
    run = bench.queue("coolnet-v10", epochs=1000)
    runner = bench.runner()
    wait_for(lambda: bench.step(run) > 0, "the first step")
    bench.store.pause(run.id)
    runner.nudge()
    wait_for(lambda: bench.store.run(run.id).error is not None, "the reason")
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)
    assert "is lost: no room is left on the disk" in (bench.store.run(run.id).outcome or "")
    monkeypatch.undo()
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)


def test_a_queue_that_cannot_be_claimed_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runner.RETRY_SECONDS", 0.02)
    full = threading.Event()
    full.set()
    original = Journal.claim

    def claim(journal: Journal, run_id: str) -> Run | None:
        if full.is_set():
            raise StoreTrouble("no room is left on the disk", "full")
        return original(journal, run_id)

    monkeypatch.setattr(Journal, "claim", claim)
    run = bench.queue(epochs=1)
    runner = bench.runner()
    wait_for(lambda: runner.status.error is not None, "the reason in the status")
    assert bench.state(run) is State.QUEUED
    full.clear()
    bench.reaches(run, State.FINISHED)


def test_room_is_held_beside_the_store(bench: Bench) -> None:
    runner = bench.runner()
    wait_for(lambda: runner.status.phase == "idle", "the runner")
    assert (bench.home / "reserve").stat().st_size == RESERVE_BYTES


def test_a_store_that_another_keeps_locked_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(database, "BUSY_TRIES", 5)
    with Store(home) as store, Store(home) as other:
        with transaction(other.connection), pytest.raises(StoreTrouble) as refused:
            store.add_run(configuration())
        assert str(refused.value) == f"{store.path}: another program keeps it locked"
        waits = iter((True, True, False))
        insist = store.connection.execute

        other.connection.execute("BEGIN IMMEDIATE")

        class Waiting:
            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

            def execute(self, *arguments: Any) -> Any:
                if arguments[0] == "BEGIN IMMEDIATE" and not next(waits, False) and other.connection.in_transaction:
                    other.connection.execute("COMMIT")
                return insist(*arguments)

        connection = store.connection
        store.connection = Waiting()  # type: ignore[assignment]  # stands in for it
        assert store.add_run(configuration()).state is State.QUEUED
        store.connection = connection


def test_a_filesystem_without_wal_gets_another_journal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = bench.queue("coolnet-v10")
    bench.train()
    expected = result(bench.store, undisturbed.id)
    monkeypatch.setattr(database, "on_network", lambda _: True)
    other = Bench(bench.home.parent / "far")
    bench.runners, other.runners = other.runners, bench.runners
    mode = other.store.connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == "truncate"
    run = other.queue("coolnet-v10")
    assert other.store.changed()
    other.train()
    assert other.store.changed(), "it is noticed without WAL too"
    assert not other.store.changed()
    assert result(other.store, run.id) == expected
    other.store.close()


# ── deaths without progress ────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_gets_no_further_counts_and_the_third_is_the_last(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id

        def die_at(step: int) -> Run:
            journal.claim(run_id)
            journal.rewind(run_id, 0, 0)
            journal.confirm(run_id, State.RUNNING, step=step)
            journal.recover()
            return journal.run(run_id)

        assert (die_at(100).state, die_at(90).attempts) == (State.QUEUED, 1)
        assert die_at(100).attempts == 2
        assert die_at(101).attempts == 0, "it got further"
        for attempts in range(1, MAX_ATTEMPTS):
            assert (die_at(50).attempts, journal.run(run_id).state) == (attempts, State.QUEUED)
        failed = die_at(50)
        assert failed.state is State.FAILED
        assert "ended 3 times without getting past step 101" in (failed.error or "")
        assert journal.queued() == []
        assert journal.resume(run_id).attempts == 0


def test_what_a_person_held_stays_held_when_its_process_dies(home: Path) -> None:
    with Journal(home) as journal:
        paused, stopping = journal.add_run(configuration()), journal.add_run(configuration())
        for run in (paused, stopping):
            journal.claim(run.id)
        journal.pause(paused.id)
        journal.confirm(paused.id, State.PAUSED)
        journal.stop(stopping.id)
        journal.recover()
        assert journal.queued() == []
        assert [journal.run(run.id).state for run in (paused, stopping)] == [State.STOPPED] * 2
        assert "while it was paused" in (journal.run(paused.id).outcome or "")


def test_a_paused_run_that_no_screen_shows_is_let_go(bench: Bench) -> None:
    now = [0.0]
    run, waiting = bench.queue("coolnet-v10", epochs=1000), bench.queue(epochs=1)
    runner = bench.runner(clock=lambda: now[0])
    wait_for(lambda: bench.step(run) > 0, "the first step")
    bench.store.pause(run.id)
    runner.nudge()
    bench.reaches(run, State.PAUSED)
    now[0] += trainer.LET_GO_SECONDS + 1
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "a screen shows it"
    runner.screenless = True
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "one did until now"
    with FileLock(screens_lock(bench.home), shared=True), FileLock(screens_lock(bench.home), shared=True):
        now[0] += trainer.LET_GO_SECONDS + 1
        threading.Event().wait(2 * trainer.WAIT_SECONDS)
        assert bench.state(run) is State.PAUSED, "two of other processes do"
        now[0] += trainer.LET_GO_SECONDS + 1
        threading.Event().wait(2 * trainer.WAIT_SECONDS)
        assert bench.state(run) is State.PAUSED
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "they did until now"
    now[0] += trainer.LET_GO_SECONDS + 1
    bench.reaches(run, State.STOPPED)
    assert bench.store.run(run.id).outcome == "let go after 10 min paused without a screen"
    bench.reaches(waiting, State.FINISHED)
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_that_does_not_fit_is_computed_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.queue("lazynet", epochs=2, batch_size=16, optimizer="adam")
    original = AutogradPath.step

    def step(path: AutogradPath, *arguments: Any) -> Any:
        if path._micro_batches < 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return original(path, *arguments)

    monkeypatch.setattr(AutogradPath, "step", step)
    bench.train()
    finished = bench.store.run(run.id)
    assert (finished.state, finished.micro_batches) == (State.FINISHED, 4)
    assert "out of memory on cpu: each batch is computed in 4 parts from here on" in bench.texts(run)
    assert (finished.test_accuracy or 0) > 0.5

    hopeless, good = bench.queue("lazynet", batch_size=2, optimizer="adam"), bench.queue()
    bench.train()
    assert bench.state(good) is State.FINISHED
    assert "out of memory on cpu" in (bench.store.run(hopeless.id).error or "")


# ── the store's file ───────────────────────────────────────────────────────────────────────────────────────


def test_a_store_of_version_1_is_migrated(home: Path) -> None:
    home.mkdir()
    old = sqlite3.connect(home / "store.sqlite3")
    old.executescript((Path(__file__).parent / "store_version_1.sql").read_text(encoding="utf-8"))
    old.execute(
        "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state, wanted,"
        " position, created, num_epochs, step) VALUES ('ab', 'old', ?, 'coolnet-v10', 'default', 'digits', 0,"
        " 'stopped', 'run', 1.0, 1.0, 3, 7)",
        (configuration().model_dump_json(),),
    )
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Store(home) as store, Store(home / "new") as new:
        run = store.run("ab")
        assert (run.name, run.step, run.attempts, run.micro_batches) == ("old", 7, 0, 1)
        assert store.resume("ab").state is State.QUEUED
        assert store.connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        for table in ("runs", "epochs", "chunks", "messages", "runners", "questions", "meta", "confusions"):
            columns = [tuple(row) for row in store.connection.execute(f"PRAGMA table_info({table})")]
            assert columns == [tuple(row) for row in new.connection.execute(f"PRAGMA table_info({table})")]
    assert files("engine").joinpath("schema.sql").is_file()


def _scribble(path: Path) -> None:
    """Damage the store's file, with all that was written in it and nothing left in the WAL."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.write(b"this is no database any more".ljust(8192, b"!"))


@pytest.mark.parametrize("damage", ["header", "middle", "gone", "emptied"])
def test_a_damaged_store_is_rebuilt_from_the_runs_folders(bench: Bench, damage: str) -> None:
    finished, stopped = bench.queue("coolnet-v10", epochs=3), bench.queue("coolnet-v10", epochs=4)
    queued = bench.queue("lazynet")
    bench.store.stop(queued.id)
    runner = bench.runner()
    _stop_after_epoch(bench, runner, stopped, 2)
    bench.store.rename(stopped.id, "mine")
    runner.stop()
    assert runner.join(DEADLINE)
    bench.store.resume(queued.id)
    before, expected = bench.store.run(stopped.id), result(bench.store, finished.id)
    curve = result(bench.store, stopped.id)
    confusions = {run.id: bench.store.confusions(run.id) for run in (finished, stopped)}
    assert all(confusions.values())
    bench.store.close()
    path = bench.home / "store.sqlite3"
    match damage:
        case "header":
            _scribble(path)
        case "middle":
            content = bytearray(path.read_bytes())
            content[4096 : len(content) - 4096] = b"?" * (len(content) - 8192)
            path.write_bytes(bytes(content))
        case "gone":
            path.unlink()
        case _:
            path.write_bytes(b"")
    if damage == "middle":
        # SQLite's own look at the whole file finds it, as a runner does at its start.
        assert bench.runner(only="none").join(DEADLINE)
    bench.store = Store(bench.home)
    assert "runs were rebuilt from their folders" in (bench.store.notice or "")
    assert len(list(bench.home.glob("store.damaged-*.sqlite3"))) == (damage != "gone")
    after = bench.store.run(stopped.id)
    assert (after.name, after.state, after.step, after.epoch) == ("mine", State.STOPPED, before.step, before.epoch)
    assert result(bench.store, stopped.id) == curve
    assert result(bench.store, finished.id) == expected
    assert {run.id: bench.store.confusions(run.id) for run in (finished, stopped)} == confusions
    assert "rebuilt from its folder" in bench.texts(stopped)
    assert bench.state(queued) is State.QUEUED
    again = bench.queue("coolnet-v10", epochs=4)
    bench.store.resume(stopped.id)
    bench.train()
    assert result(bench.store, stopped.id) == result(bench.store, again.id)


@pytest.mark.usefixtures("often")
def test_a_store_damaged_under_a_training_costs_nothing(bench: Bench) -> None:
    undisturbed, run = bench.queue("coolnet-v10", epochs=5), bench.queue("coolnet-v10", epochs=5)
    runner = bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 2, "the second run's second epoch")
    bench.store.close()
    _scribble(bench.home / "store.sqlite3")
    bench.store = Store(bench.home)
    assert bench.store.notice
    bench.reaches(run, State.FINISHED)
    assert runner.status.phase in ("training", "idle")
    assert result(bench.store, run.id) == result(bench.store, undisturbed.id)


def test_a_client_follows_to_the_rebuilt_store(bench: Bench) -> None:
    run = bench.queue()
    client = Store(bench.home)
    client.changed()
    bench.store.close()
    (bench.home / "store.sqlite3").unlink()
    bench.store = Store(bench.home)
    bench.store.rename(run.id, "new")
    assert client.changed()
    assert client.run(run.id).name == "new"
    client.close()


def test_a_client_that_meets_damage_has_it_rebuilt(bench: Bench) -> None:
    run = bench.queue()
    bench.train()
    expected, generation = result(bench.store, run.id), bench.store.generation
    _scribble(bench.home / "store.sqlite3")
    assert result(bench.store, run.id) == expected
    assert bench.store.notice
    assert bench.store.generation == generation + 1
    _scribble(bench.home / "store.sqlite3")
    assert bench.store.rename(run.id, "mine").name == "mine"
    assert bench.store.generation == generation + 2
    assert result(bench.store, run.id) == expected


def test_a_history_is_read_up_to_where_it_is_damaged(home: Path) -> None:
    from engine.archive import HISTORY, History, read_history

    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        folder = journal.run_folder(run_id)
        history = History(folder)
        sizes = []
        for epoch in range(1, 4):
            steps = range(10 * epoch - 9, 10 * epoch + 1)
            journal.write(run_id, points=[Point(step, 0.5, 0.5, 0.1, 1.0, 1.0) for step in steps])
            journal.write(run_id, record=_record(epoch))
            history.save(journal, run_id)
            sizes.append((folder / HISTORY).stat().st_size)
        points, epochs = read_history(folder)
        assert points == journal.packed_points(run_id)
        assert [each.epoch for each in epochs] == [1, 2, 3]
        with (folder / HISTORY).open("r+b") as file:
            file.seek(sizes[1] - 5)
            file.write(b"!")
        points, epochs = read_history(folder)
        assert (len(points) // POINT_FORMAT.size, [each.epoch for each in epochs]) == (10, [1])


def test_confusions_are_kept_in_the_folder_whole_or_not_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import archive
    from engine.archive import CONFUSIONS, History, read_confusions

    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        folder = journal.run_folder(run_id)
        history = History(folder)
        assert read_confusions(folder) == {}
        for epoch in (1, 2, 3):
            confusion = Confusion.of(("Katze 猫", "dog"), (epoch, 1, 0, 2))
            journal.write(run_id, record=_record(epoch), best=epoch == 1, confusion=confusion)
            if epoch == 2:
                # A full disk, met between the curve and them: the next save writes them.
                with monkeypatch.context() as patch:
                    patch.setattr(archive, "write_confusions", _refuse)
                    with pytest.raises(OSError, match="full"):
                        history.save(journal, run_id)
                assert list(read_confusions(folder)) == [1]
            history.save(journal, run_id)
            assert read_confusions(folder) == journal.confusions(run_id)
        assert list(read_confusions(folder)) == [1, 3]
        path = folder / CONFUSIONS
        whole = path.read_bytes()
        for damaged in (whole[:-9], whole.replace(b"[3, 1]", b"[3, 7]"), b"[]", b"null", b""):
            path.write_bytes(damaged)
            assert read_confusions(folder) == {}


def _refuse(*_: object) -> None:
    raise OSError("the disk is full")


def _record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        step=10 * epoch,
        train_loss=float("nan"),
        train_accuracy=0.5,
        test_loss=1.0,
        test_accuracy=0.5,
        learning_rate=0.1,
        seconds=1.0,
    )
