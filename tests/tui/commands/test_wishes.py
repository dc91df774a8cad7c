"""`queue`, and what is asked of runs without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from tests.helpers import command_line
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
