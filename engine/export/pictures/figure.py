"""What a picture of some runs shows; `engine.export.pictures.picture` draws it."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.analysis.gathered import Gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is drawn as one curve: a run, or the seeds of one setting."""

    name: str
    runs: tuple[Gathered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a picture shows, and what is written on it."""

    groups: tuple[Group, ...]
    title: str
    subtitle: str = ""
    report_accuracy: float | None = None
    """The original report's test accuracy, a fraction: a dotted line, where there is one for all that is drawn."""
