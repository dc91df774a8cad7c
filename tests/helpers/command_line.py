"""`lazytrain …` in this process or in one of its own, and a finished run for it to show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lazytrain.__main__ import main
from lazytrain.engine.events import RunStarted
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from tests.helpers import ROOT
from tests.helpers.bench import configuration, epoch_record

QUICK = ("--set", "dataset=digits", "--set", "epochs=1", "--set", "batch_size=64")


@dataclass
class Result:
    status: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`run("runs", "--json")` in this process, with a home of its own."""
    monkeypatch.setenv("LAZYTRAIN_HOME", str(home))
    monkeypatch.delenv("LAZYTRAIN_DATA", raising=False)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        status = main(list(arguments))
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@contextmanager
def start(*arguments: str, home: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """`python -m lazytrain …` as a process of its own, which doesn't outlive the test."""
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-m", "lazytrain", *arguments], cwd=ROOT, env=environment, text=True, **{**pipes, **options}
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def finished_run(home: Path, train_loss: float = 1.5) -> Run:
    """A run of two epochs, written as a trainer would."""
    with Journal(home) as journal:
        run_id = journal.add_run(configuration(epochs=2), "mine").id
        journal.claim(run_id)
        started = RunStarted(num_epochs=2, steps_per_epoch=361, step=0, path="eager", device="cpu", threads=1)
        journal.begin(run_id, started, "no accelerator found")
        for epoch, accuracy in ((1, 0.5), (2, 0.75)):
            record = epoch_record(epoch, step=361 * epoch, train_loss=train_loss, test_accuracy=accuracy)
            journal.write(run_id, record=record, best=True)
        journal.end(run_id, State.FINISHED, outcome="all epochs done")
        return journal.run(run_id)
