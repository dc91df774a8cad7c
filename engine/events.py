"""What a training can say. Events are past tense, frozen, and about ten a second; steps count from 1 when done."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isnan
from typing import ClassVar, NamedTuple

from lazytrain.engine.confusion import Confusion


class Point(NamedTuple):
    """Means over one window of the fixed grid of steps, which ends at `step`."""

    step: int
    loss: float
    accuracy: float
    """Top-1, a fraction."""
    learning_rate: float
    images_per_second: float
    seconds: float
    """Training time since the run's start, pauses excluded."""


POINT_FORMAT = struct.Struct("<qdddff")
"""How a `Point` is packed in the store: 40 bytes."""


class Norms(NamedTuple):
    """Euclidean norms after `step`, over all of the net's parameters."""

    step: int
    seconds: float
    """Training time since the run's start, pauses excluded."""
    gradient: float | None
    """Of the batch's mean loss; None where the path never has it."""
    weights: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a training stands, for the eye only: nothing of it is kept in the curve."""

    phase: str
    """`preparing data`, `training`, `evaluating` …"""
    done: int
    """Of the phase: images decoded, steps of this epoch, images evaluated."""
    total: int
    step: int = 0
    epoch: int = 0
    """The epoch at work, from 1."""
    loss: float | None = None
    """Mean over the part of the window that is done; None where there is none yet."""
    accuracy: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    seconds: float = 0.0
    """Training time since the run's start, pauses excluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """Figures of one finished epoch. Train figures are running means over its steps; accuracies are fractions."""

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float
    """At the epoch's last step."""
    seconds: float
    """Training and evaluation of this epoch, pauses excluded."""
    evaluation_seconds: float = 0.0

    @property
    def chosen_accuracy(self) -> float:
        """What "best" looks at: the validation accuracy where images are held out for it, else the test accuracy."""
        return self.test_accuracy if self.validation_accuracy is None else self.validation_accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The first event of every training, resumed ones included."""

    num_epochs: int
    steps_per_epoch: int
    step: int
    """Steps already done: above 0 when resumed."""
    path: str
    """How a step is computed: part of what a resume must repeat."""
    device: str
    threads: int

    @property
    def num_steps(self) -> int:
        return self.num_epochs * self.steps_per_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsDone:
    """Steps were trained, or images evaluated: the windows finished since the last event, and where it stands."""

    points: tuple[Point, ...]
    progress: Progress
    norms: tuple[Norms, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded:
    """An epoch was trained and evaluated."""

    record: EpochRecord
    best: bool
    """Whether no earlier epoch was better, by `EpochRecord.chosen_accuracy`."""
    points: tuple[Point, ...] = ()
    confusion: Confusion | None = None
    """Over the test images; None where it isn't known: too many classes, or resumed from within an old evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The last epoch ended, or a stop rule held."""

    reason: str
    """`all epochs done`, `early stopping: …`, `time budget: …`."""
    outcome: ClassVar[str] = "finished"


DIVERGED = "loss became "
"""How the reason of a run that diverged begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiverged:
    """The loss became NaN or infinite and the configuration says to stop."""

    epoch: int
    step: int
    loss: float
    points: tuple[Point, ...] = ()
    norms: tuple[Norms, ...] = ()
    outcome: ClassVar[str] = "failed"

    @property
    def reason(self) -> str:
        became = "NaN" if isnan(self.loss) else "infinite"
        return f"{DIVERGED}{became} at step {self.step:,} (epoch {self.epoch}): try a lower learning rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something a person should know, for the run's log."""

    text: str
    level: str = "info"
    """`info`, `warning` or `error`."""


Event = RunStarted | StepsDone | EpochEnded | RunFinished | RunDiverged | Noticed
