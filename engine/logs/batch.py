"""What is read of a run's logs at once, and what reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from lazytrain.engine.records import State
from lazytrain.engine.store.series import Sample

MOST_SAMPLES = 50_000
"""Of one batch: a few megabytes, whatever the size of the logs."""
MOST_BYTES = 32 << 20
"""Read for one batch, at most, unless a single record is larger."""


class Rewritten(Exception):
    """What was read before isn't there any more: the file was truncated or written anew."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What is new of a run."""

    position: dict[str, Any]
    """Where to go on, as JSON; kept with what was read, in one transaction."""
    series: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    after: int | None = None
    """What the run has of the steps after this one is taken back first: its program went on from there."""
    started: float = 0.0
    """When the run began, in Unix seconds."""
    changed: float = 0.0
    """When its logs were last written to."""
    ended: State | None = None
    """How it ended, where its logs tell."""
    said: list[str] = field(default_factory=list[str])
    """For its log: what could not be read, and why."""
    more: bool = False
    """Whether there is more to read at once."""
    num_bytes: int = 0
    num_samples: int = 0

    def add(self, name: str, sample: Sample) -> None:
        """A value of a metric."""
        self.series.setdefault(name, []).append(sample)
        self.num_samples += 1

    @property
    def full(self) -> bool:
        """Whether it is time to write it down."""
        return self.num_samples >= MOST_SAMPLES or self.num_bytes >= MOST_BYTES


class Source(Protocol):
    """The logs of one run."""

    key: str
    """Says which it is, as long as they stay where they are."""
    name: str
    project: str
    format: str
    """As a person knows it: `TensorBoard`, `CSV`, `trackio`."""

    def read(self, position: dict[str, Any]) -> Batch | None:
        """What is new since `position`, `{}` at first; None if nothing is.

        Raises:
            Rewritten: read it anew, from `{}`.
            OSError: it can't be read now.
        """
        ...

    def size(self) -> int:
        """Bytes that there are, for a progress bar."""
        ...
