"""What the next start begins with: the choice on Launch, and the theme."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

FIRST_ARCHITECTURE = "coolnet-v10"
FIRST_HYPERPARAMETERS = "quick"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the next start begins with, by name; a preset that is gone is forgotten."""

    architecture: str = FIRST_ARCHITECTURE
    hyperparameters: str = FIRST_HYPERPARAMETERS
    theme: str | None = None


def recall(path: Path) -> Remembered:
    """What `remember` wrote to `path`; the first start's choice where there is nothing readable."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        known = {name: written[name] for name in Remembered.__slots__ if isinstance(written.get(name), str)}
    except (OSError, ValueError, AttributeError):
        return Remembered()
    return Remembered(**known)


def remember(path: Path, choice: Remembered) -> None:
    """Write the choice, whole or not at all. Where the folder can't be written it is simply not remembered."""
    text = json.dumps({name: getattr(choice, name) for name in Remembered.__slots__}, indent=2) + "\n"
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
