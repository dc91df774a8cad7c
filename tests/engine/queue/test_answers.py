"""What is asked of a user's own net is found out in a process of its own, whatever the net does there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.queue import finding
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from tests.helpers.bench import Bench, configuration, wait_for

NET = """
import os, sys
from torch import nn
os.write(1, b"written by importing it\\n")
print("printed by importing it")
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.linear = nn.Linear(3072, num_classes)
        {in_init}
    def forward(self, images):
        return self.linear(images.flatten(1))
"""


@pytest.fixture
def journal(home: Path) -> Iterator[Journal]:
    with Journal(home) as journal:
        yield journal


def write_net(home: Path, in_init: str = "pass") -> None:
    folder = home / "presets"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lazytrain_test_own.py").write_text(NET.format(in_init=in_init), encoding="utf-8")


def question(kind: str) -> dict[str, Any]:
    net = {"title": "mine", "module": "lazytrain_test_own:Net"}
    asked = {"kind": kind, "input_shape": [3, 32, 32], "num_classes": 10}
    if kind == "check":
        return {**asked, "architecture": net}
    mine = configuration().model_dump(mode="json")
    return {**asked, "configuration": {**mine, "architecture": {**mine["architecture"], **net, "layers": None}}}


def answer(journal: Journal) -> None:
    """Answer all questions, as a worker does between two events."""
    answers = Answers(lambda: None)

    def answered() -> bool:
        answers.give(journal, "cpu")
        return journal.next_question() is None

    wait_for(answered, "the answers")


def test_a_net_that_prints_is_looked_at_elsewhere(
    journal: Journal, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_net(home)
    journal.ask("key", question("measure"))
    answer(journal)
    found = journal.ask("key", question("measure"))
    assert found.error is None
    assert found.result is not None
    assert found.result["images_per_second"]
    assert "lazytrain_test_own" not in sys.modules
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("in_init", "said"),
    [
        ("os.abort()", "ended the process that looked at it (SIGABRT, aborted)"),
        ("input()", "EOF"),
    ],
)
def test_a_net_that_ends_its_process_is_an_answer(journal: Journal, home: Path, in_init: str, said: str) -> None:
    write_net(home, in_init)
    journal.ask("key", question("check"))
    answer(journal)
    assert said in (journal.ask("key", question("check")).error or "")


def test_a_net_that_hangs_is_given_up(journal: Journal, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_SECONDS", 0.5)
    write_net(home, "import threading; threading.Event().wait()")
    journal.ask("key", question("check"))
    answer(journal)
    assert journal.ask("key", question("check")).error == "the net took over 0 s"


@pytest.mark.usefixtures("unhurried")
def test_training_goes_on_while_a_net_hangs_and_its_process_ends_with_the_runner(home: Path) -> None:
    write_net(home, "import threading; threading.Event().wait()")
    with Bench(home) as bench:
        run = bench.queue(epochs=5000)
        runner = bench.runner()
        bench.reaches(run, State.RUNNING)
        bench.store.ask("key", question("check"))
        wait_for(lambda: runner._answers._finding is not None, "the net to be looked at")
        step = bench.step(run)
        wait_for(lambda: bench.step(run) > step, "more steps")
        under_way = runner._answers._finding
        assert under_way is not None
        assert not under_way.done
        runner.stop()
        assert runner.join(60)
        under_way.wait()


@pytest.mark.usefixtures("unhurried")
def test_a_worker_that_trains_writes_down_what_was_found_out(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_net(home)
    with Bench(home) as bench:
        run = bench.queue(epochs=5000)
        bench.runner()
        bench.reaches(run, State.RUNNING)
        bench.store.ask("key", question("check"))
        wait_for(lambda: bench.store.ask("key", question("check")).answered is not None, "the answer")
        assert bench.store.ask("key", question("check")).result == {"rows": [["linear", "10", 30730]]}
    assert "lazytrain_test_own" not in sys.modules
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_two_questions_are_answered_one_after_the_other(journal: Journal, home: Path) -> None:
    write_net(home)
    for kind in ("check", "measure"):
        journal.ask(kind, question(kind))
    answer(journal)
    assert all(journal.ask(kind, question(kind)).result for kind in ("check", "measure"))
