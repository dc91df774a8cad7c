"""What a driver and its workers tell each other. Plain values: no torch, no Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lazytrain.engine.events import Event, Noticed, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the driver wants of a run, whole each time; a later one has a higher `number`."""

    number: int = 0
    hold: bool = False
    """Train no step further, and send a snapshot."""
    snapshots: int = 0
    """How many were asked for since the worker began: one more, and it sends the next between two steps."""
    leave: bool = False
    """Nobody waits for this worker any more."""
    signals: tuple[int, ...] = ()
    """For a command: all that it was to get so far, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where a driver's own data lie; a worker on the same machine uses them as they are."""

    host: str
    home: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One run, as its worker gets it."""

    run_id: str
    wish: Wish
    driver: Whereabouts
    configuration: str
    """JSON."""
    device: str
    """`cpu`, or what the worker chooses among what Ray lets it see: `auto`, `cuda` …"""
    facts: Mapping[str, Any]
    """Of the dataset: its fields without the images."""
    size: int
    """Bytes of its images."""
    sources: Mapping[str, bytes] = field(default_factory=dict)
    """File → content, of a user's own net and what it imports from beside it."""
    snapshot: bytes | None = None
    """As torch saves it."""
    micro_batches: int = 1
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAssignment:
    """One command, as its worker gets it."""

    run_id: str
    wish: Wish
    configuration: str
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The first word of a worker: where it is, and what it trains on."""

    node: str
    """Ray's id of it."""
    device: str
    device_name: str
    reason: str
    versions: str
    place: Mapping[str, str]
    """As a checkpoint keeps it."""
    differences: tuple[str, ...] = ()
    """From what its checkpoint was made on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The net is built: events follow."""

    num_parameters: int
    num_steps: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events, in order, at least one; and where the training stands after the last of them."""

    events: tuple[Event, ...]
    step: int
    seconds: float
    sent: float
    """Unix seconds, by the worker's clock."""
    snapshot: bytes | None = None
    """As torch saves it: the state after the last event."""
    best: bytes | None = None
    """With a snapshot: the weights of the best epoch, where they are others than the last that were sent."""
    held: bool = False
    """No event follows before the driver lets it go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The run can't be trained, or not so."""

    kind: Literal["refused", "memory", "failed"]
    """A person can put it right; a batch didn't fit into memory; an error was raised."""
    name: str
    """Of the error's type."""
    text: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The command was started."""

    process: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What a command printed."""

    stream: Literal["stdout", "stderr"]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstEnded:
    """The command's first process has ended."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllGone:
    """Nothing of the command is left; what it printed was all sent."""


Message = Arrived | Progress | Noticed | Prepared | Batch | Fault
CommandMessage = Arrived | Started | Printed | FirstEnded | AllGone | Fault
