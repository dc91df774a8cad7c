"""A store with a run that is trained, and what a trainer writes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import EpochRecord, Point, Progress, RunStarted
from lazytrain.engine.records import Run
from lazytrain.engine.store.journal import Journal
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
