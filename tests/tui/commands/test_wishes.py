"""`queue`, and what is asked of runs without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazytrain.engine.records import ACTIVE, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from tests.helpers import command_line
from tests.helpers.bench import configuration
from tests.helpers.command_line import Command, finished_run

run = command_line.run


def test_queue_only_queues_and_prints_the_id(run: Command, home: Path) -> None:
    result = run("queue", "coolnet-v10", "quick", "--set", "learning_rate=0.1", "--set", "augmentation.flip=0.5")
    assert result.status == 0
    with Store(home) as store:
        (queued,) = store.runs()
        values = store.configuration(queued.id)
    assert result.out == f"{queued.id}\n"
    assert (queued.state, queued.name) == (State.QUEUED, "coolnet-v10 quick lr=0.1 augmentation.flip=0.5")
    assert (values.edits, values.hyperparameters.augmentation.flip) == (("learning_rate", "augmentation.flip"), 0.5)
    assert run("queue", "lazynet", "quick", "--name", "mine").status == 0
    assert "mine" in run("runs").out


def test_a_relative_folder_is_made_absolute(run: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        for number in ("one", "two"):
            folder = home / "images" / split / number
            folder.mkdir(parents=True)
            (folder / "1.png").write_bytes(b"looked at only when it is decoded")
    monkeypatch.chdir(home)
    assert run("queue", "lazynet", "--set", "dataset=folder:images").status == 0
    with Store(home) as store:
        assert store.find("last").dataset == f"folder:{home / 'images'}"


def test_wishes_on_a_queued_run(run: Command, home: Path) -> None:
    run("queue", "lazynet", "quick", "--name", "mine")
    refused = run("pause", "mine")
    assert refused.status == 2
    assert "mine is queued: only a run that is being trained can be paused" in refused.err
    assert "stopped: mine" in run("stop", "mine").out
    assert run("stop", "mine").status == 2
    assert "`lazytrain work` trains the queue" in run("resume", "mine").out
    with Store(home) as store:
        assert store.find("mine").state is State.QUEUED
    assert run("rename", "mine", "yours").out == "mine is now yours\n"
    assert run("rename", "yours", " ").status == 2


def test_discard_asks_or_needs_yes(run: Command, home: Path) -> None:
    finished_run(home)
    refused = run("discard", "mine")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert "mine" in run("runs").out
    assert run("discard", "mine", "--yes").out.startswith("discarded: mine")
    assert "no runs yet" in run("runs").out


def test_last_is_the_run_that_it_can_be_asked_of(run: Command, home: Path) -> None:
    with Journal(home) as journal:
        living = journal.add_run(configuration(), "living")
        journal.claim(living.id)
        journal.confirm(living.id, State.PAUSED)
        journal.add_run(configuration(), "newest")
        assert journal.find("last").name == "newest"
        assert journal.find("last", ACTIVE).name == "living"
    # No trainer is there to confirm it.
    assert f"asked living ({living.id}) to stop" in run("stop", "last").out
    assert "newest" in run("show", "last").out


def test_what_was_stopped_last_is_what_resume_means_by_last(run: Command, home: Path) -> None:
    with Journal(home) as journal:
        older, newer = (journal.add_run(configuration(), name) for name in ("older", "newer"))
        journal.add_run(configuration(), "newest")
        for each in (newer, older):
            journal.claim(each.id)
            journal.end(each.id, State.STOPPED, outcome="asked to")
    assert f"queued: older ({older.id})" in run("resume", "last").out
    assert f"queued: newer ({newer.id})" in run("resume", "last").out
    assert "newest is queued: there is nothing to resume" in run("resume", "last").err


def test_pause_last_means_one_that_is_not_paused_yet(run: Command, home: Path) -> None:
    with Journal(home) as journal:
        running, paused = (journal.add_run(configuration(), name) for name in ("running", "paused"))
        for each, state in ((running, State.RUNNING), (paused, State.PAUSED)):
            journal.claim(each.id)
            journal.confirm(each.id, state)
    assert f"asked running ({running.id}) to pause" in run("pause", "last").out


def test_no_run_is_named_so_that_another_is_hidden(run: Command, home: Path) -> None:
    with Store(home) as store:
        first, second = store.add_run(configuration(), "first"), store.add_run(configuration(), "second")
    refused = run("rename", "second", first.id)
    assert (refused.status, refused.err) == (
        2,
        f"lazytrain: a run can't be named '{first.id}': that is the id of first; choose another name\n",
    )
    assert "that means the run made last" in run("rename", "second", "last").err
    assert run("queue", "lazynet", "quick", "--name", "last").status == 2
    # A name that is the beginning of an id is found by it, before that id.
    run("rename", "second", first.id[:3])
    with Store(home) as store:
        assert store.find(first.id[:3]).id == second.id
        # As older versions allowed: the id counts.
        store.connection.execute("UPDATE runs SET name = ? WHERE id = ?", (first.id, second.id))
        assert store.find(first.id).id == first.id


def test_several_runs_are_discarded_at_once_or_none(run: Command, home: Path) -> None:
    with Store(home) as store:
        for name in ("one", "two", "three"):
            store.add_run(configuration(), name)
    assert run("discard", "one", "nonsense", "--yes").status == 2
    assert run("discard", "one", "two").err.count("of 2 epochs") == 2
    assert run("discard", "one", "two", "one", "--yes").out.count("discarded: ") == 2
    with Store(home) as store:
        assert [each.name for each in store.runs()] == ["three"]


def test_a_list_of_archived_runs_alone_says_so(run: Command, home: Path) -> None:
    with Store(home) as store:
        stopped = store.add_run(configuration())
        store.stop(stopped.id)
        store.put_away(stopped.id)
    assert run("runs").out == "the only run is archived: `lazytrain runs archived` lists them\n"
