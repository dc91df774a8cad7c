"""What the run store holds, as it is read: runs, messages, runners, questions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from lazytrain.engine.events import DIVERGED, EpochRecord, Progress
from lazytrain.presets.plain_text import harmless

CHUNK_POINTS = 1024
"""Points a chunk of a curve holds in the store."""


class State(StrEnum):
    """Where a run stands in its life, as training confirmed it."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def active(self) -> bool:
        """A trainer holds it."""
        return self in ACTIVE

    @property
    def over(self) -> bool:
        """It is neither held by a trainer nor waiting for one."""
        return self not in ACTIVE and self is not State.QUEUED

    @property
    def resumable(self) -> bool:
        """`resume` can queue it again."""
        return self in (State.STOPPED, State.FAILED, State.INTERRUPTED)


PRINTED = ("stdout", "stderr")
"""Levels of what a command printed."""
ACTIVE = frozenset((State.STARTING, State.RUNNING, State.PAUSED))


class Kind(StrEnum):
    """Who trains a run."""

    OWN = "own"
    """lazytrain, from presets."""
    SCRIPT = "script"
    """A program of the user's that logs to it: `import lazytrain`."""
    COMMAND = "command"
    """A command of the user's that lazytrain starts when its turn comes."""
    LOGS = "logs"
    """Any program, whose logs are read: `lazytrain watch`."""


RAY = "ray"
"""The device of a runner whose runs are trained on the nodes of a Ray cluster."""
GOALS: Mapping[str, Literal["min", "max"]] = {"min": "min", "minimize": "min", "max": "max", "maximize": "max"}
"""Which way of a metric is better, as it may be said here and in wandb."""


class TrainerState(StrEnum):
    """How the process that holds an active run is, as its lock tells."""

    ALIVE = "alive"
    SUSPENDED = "suspended"
    """Frozen: Ctrl-Z, SIGSTOP, a debugger, a machine that sleeps."""
    GONE = "gone"
    """It ended without a word: the next runner takes the run up."""


class Wanted(StrEnum):
    """What a client asks of a run's trainer; the state changes only when training confirms it."""

    RUN = "run"
    ANYWAY = "anyway"
    """Run even outside the hours that `settings.toml` gives, and on battery; until they would allow it."""
    PAUSE = "pause"
    STOP = "stop"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of the run list. Times are Unix seconds, accuracies fractions; the configuration is read apart."""

    id: str
    name: str
    architecture: str
    """The preset's name."""
    hyperparameters: str
    """The preset's name."""
    dataset: str
    seed: int
    state: State
    wanted: Wanted
    position: float
    """Place in the queue, lowest first."""
    created: float
    started: float | None = None
    """When it was first trained."""
    ended: float | None = None
    updated: float | None = None
    """When training last wrote something."""
    device: str | None = None
    """What it got: `cpu`, `cuda:0`, …; on another machine's `cpu@node-2`."""
    device_reason: str | None = None
    path: str | None = None
    threads: int | None = None
    epoch: int = 0
    """Epochs finished."""
    num_epochs: int
    step: int = 0
    num_steps: int | None = None
    """None until the data's size is known."""
    seconds: float = 0.0
    """Training time, pauses excluded."""
    num_points: int = 0
    revision: int = 0
    """Goes up when points are taken back (a resume from an earlier checkpoint): read them anew."""
    best_epoch: int | None = None
    best_accuracy: float | None = None
    train_loss: float | None = None
    """Of the last finished epoch, like the three below."""
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    error: str | None = None
    """Why it failed, or what it waits for."""
    outcome: str | None = None
    """How it ended: `all epochs done`, `early stopping: …`, …"""
    weights_sha256: str | None = None
    """Of the checkpoint with the highest step."""
    progress: Progress | None = None
    attempts: int = 0
    """How often its process died since it last got further than before."""
    micro_batches: int = 1
    """Parts each batch is computed in, since it didn't fit into the device's memory whole."""
    tags: tuple[str, ...] = ()
    """A person's own words for it, sorted."""
    note: str = ""
    archived: bool = False
    """Out of the list until asked for."""
    versions: str | None = None
    """Of torch and Python, where it was trained last."""
    kind: Kind = Kind.OWN
    project: str = ""
    """What a script's runs belong to."""
    run_group: str = ""
    """Within the project."""
    trainer: TrainerState = TrainerState.ALIVE
    """Not in the store: looked up with it. Of an active run; ALIVE else."""

    @property
    def shown_name(self) -> str:
        """Its name as messages say it: one line, of letters alone, which an old store's needn't be."""
        return harmless(self.name)

    @property
    def node(self) -> str | None:
        """The node of a cluster that trains it, or did so last; None where that is the runner's own machine."""
        return (self.device or "").partition("@")[2] or None

    def may_be_of(self, runner_device: str | None) -> bool:
        """Whether a runner that holds `runner_device` may be the one that trains it, as far as that tells."""
        return self.device == runner_device or (runner_device == RAY and self.node is not None)

    @property
    def fraction(self) -> float:
        """Share of its steps done, 0 to 1."""
        return min(1.0, self.step / self.num_steps) if self.num_steps else 0.0

    @property
    def diverged(self) -> bool:
        """Whether it ended because its loss became NaN or infinite, at `step`."""
        return self.state is State.FAILED and (self.error or "").startswith(DIVERGED)

    @property
    def pending(self) -> Wanted | None:
        """What was asked and is not confirmed yet (`pausing…`, `stopping…`, `resuming…`), else None."""
        if not self.state.active:
            return None
        if self.wanted is Wanted.ANYWAY:
            return Wanted.RUN if self.state is State.PAUSED else None
        if self.wanted is Wanted.RUN:
            # With an error it isn't a person that paused it: it goes on when that is over.
            return Wanted.RUN if self.state is State.PAUSED and self.error is None else None
        return None if (self.wanted is Wanted.PAUSE and self.state is State.PAUSED) else self.wanted

    @property
    def eta_seconds(self) -> float | None:
        """Expected training time still to go, from the time its steps took so far, evaluation included."""
        if not self.num_steps or self.step < 1 or self.seconds <= 0:
            return None
        return self.seconds / self.step * (self.num_steps - self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A line of a run's log.

    `level` is detail (epochs and saves, as they come), info, warning or error; or stdout or stderr, for what a command
    printed there.
    """

    id: int
    run_id: str
    time: float
    level: str
    text: str

    @property
    def begun_at(self) -> int | None:
        """Of a line that says that training starts or is resumed: the steps done before; None for any other line."""
        found = _BEGUN.match(self.text)
        return None if found is None else int((found[1] or "0").replace(",", ""))


_BEGUN = re.compile(r"(?:starts|resumed at step ([\d,]+)):")
"""As `engine.run.diary.describe_start` words it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerRecord:
    """A process that trains: who holds which device, and why that one."""

    lock: str
    """Name of its lock file; it is alive while the lock is held."""
    host: str
    pid: int
    command: str
    device: str
    device_name: str
    reason: str
    threads: int
    versions: str
    started: float
    seen: float = field(default=0.0, compare=False)
    """When it last showed that it isn't frozen; a live one does every few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a runner found out for a client; `result` and `error` are both None while it is not answered."""

    result: dict[str, object] | None = None
    error: str | None = None
    answered: float | None = None


def local_time(seconds: float | None) -> datetime | None:
    """Unix seconds → local time; None where there is none, or no calendar has it: NaN, or a year beyond 9999."""
    try:
        # With its zone, which is what overflows at the calendar's ends.
        return None if seconds is None else datetime.fromtimestamp(seconds).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def iso(seconds: float | None) -> str | None:
    """Unix seconds → ISO 8601 with the local zone, to the millisecond; None as in `local_time`."""
    moment = local_time(seconds)
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def epoch_columns(epochs: Sequence[EpochRecord]) -> dict[str, Any]:
    """The figures in a run's line that follow from its epochs, in order: the last one's, and the best."""
    last = epochs[-1] if epochs else None
    best = max(epochs, key=lambda record: (record.chosen_accuracy, -record.epoch)) if epochs else None
    figures = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    return {
        **{name: getattr(last, name) if last else None for name in figures},
        "best_epoch": best.epoch if best else None,
        "best_accuracy": best.chosen_accuracy if best else None,
    }
