"""What a training's events and weights come to, without the times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lazytrain.engine.events import (
    EpochEnded,
    EpochRecord,
    Event,
    Point,
    RunDiverged,
    StepsDone,
)
from lazytrain.engine.store.checkpoint import weights_sha256
from lazytrain.engine.training.loop import Training


def points(events: Iterable[Event]) -> list[Point]:
    """The curve, without the times."""
    found = [point for event in events if isinstance(event, StepsDone | RunDiverged) for point in event.points]
    return [point._replace(images_per_second=0.0, seconds=0.0) for point in found]


def records(events: Iterable[Event]) -> list[EpochRecord]:
    found = (event.record for event in events if isinstance(event, EpochEnded))
    return [replace(record, seconds=0.0, evaluation_seconds=0.0) for record in found]


def digest(training: Training) -> str:
    return weights_sha256(training.snapshot()["net"])


class Ticks:
    """A clock that goes on by the same amount at every look."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now
