"""What the next start begins with: the choice on Launch, the theme, and what is marked for comparison."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST_ARCHITECTURE = "coolnet-v10"
FIRST_HYPERPARAMETERS = "quick"
SMOOTHINGS = (None, 0.0, 0.6, 0.85, 0.95)
"""How much charts can be smoothed; None: as the curves' noise asks for."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the next start begins with, by name; a preset that is gone is forgotten."""

    architecture: str = FIRST_ARCHITECTURE
    hyperparameters: str = FIRST_HYPERPARAMETERS
    theme: str | None = None
    marked: Mapping[str, int] = field(default_factory=dict[str, int])
    """Runs marked for comparison, each with its place among the colours."""
    smoothing: float | None = None
    """Of the charts' curves; None: as their noise asks for."""


def recall(path: Path) -> Remembered:
    """What `remember` wrote to `path`; the first start's choice where there is nothing readable."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        names = ("architecture", "hyperparameters", "theme")
        known: dict[str, Any] = {name: written[name] for name in names if isinstance(written.get(name), str)}
        marked = written.get("marked", {}).items()
        known["marked"] = {run_id: place for run_id, place in marked if isinstance(place, int) and place >= 0}
        smoothing = written.get("smoothing")
        known["smoothing"] = smoothing if smoothing in SMOOTHINGS else None
    except (OSError, ValueError, AttributeError):
        return Remembered()
    return Remembered(**known)


def remember(path: Path, choice: Remembered) -> None:
    """Write the choice, whole or not at all. Where the folder can't be written it is simply not remembered."""
    text = json.dumps({name: getattr(choice, name) for name in Remembered.__slots__}, indent=2) + "\n"
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
