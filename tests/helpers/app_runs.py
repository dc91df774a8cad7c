"""Runs in the store of an app that is open."""

from __future__ import annotations

import os
from pathlib import Path

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.presets import load_catalogue
from lazytrain.tui.app import LazytrainApp


def configuration() -> RunConfiguration:
    catalogue = load_catalogue()
    return RunConfiguration(
        architecture_name="lazynet",
        architecture=catalogue.architecture("lazynet"),
        hyperparameters_name="quick",
        hyperparameters=catalogue.hyperparameter_preset("quick").values,
    )


def queue(app: LazytrainApp, count: int = 1) -> list[Run]:
    runs = [app.store.add_run(configuration()) for _ in range(count)]
    app.refresh_runs()
    return runs


def start(app: LazytrainApp, journal: Journal) -> Run:
    """A run that trains, as the app knows."""
    (run,) = queue(app)
    journal.claim(run.id)
    journal.confirm(run.id, State.RUNNING)
    app.refresh_runs()
    return run


def abandon(home: Path, run: Run) -> None:
    """Its trainer was last seen long ago, and its lock is free."""
    lock = home / "runs" / run.id / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (1.0, 1.0))


def train(home: Path, run: Run, state: State = State.RUNNING) -> None:
    """Another process has claimed the run."""
    with Journal(home) as journal:
        journal.claim(run.id)
        journal.confirm(run.id, state)
