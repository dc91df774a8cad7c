"""A byte that survives its writer: which phase a process was in when it was killed."""

from __future__ import annotations

import mmap
from pathlib import Path

PHASES = (
    "start-up",
    "preparing",
    "resuming",
    "training",
    "evaluating",
    "writing points",
    "saving: curve",
    "saving: store",
    "saving: best",
    "saving: checkpoint",
    "saving: renamed",
    "ended",
)


class Board:
    """The phase, in a file that two processes map."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(b"\0")
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 1)

    @property
    def phase(self) -> str:
        return PHASES[self._memory[0]]

    @phase.setter
    def phase(self, phase: str) -> None:
        self._memory[0] = PHASES.index(phase)
