"""The run store: what is written is read, whoever wrote it; messages, questions, the file itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.database import SCHEMA_VERSION, StoreError
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from tests.helpers import store_runs
from tests.helpers.store_runs import configuration, point, progress

journal, running = store_runs.journal, store_runs.running


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
