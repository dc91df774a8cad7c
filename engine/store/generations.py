"""The files of a run's checkpoints, by their names alone: whoever only asks how far it was saved needs no torch."""

from __future__ import annotations

from pathlib import Path


def generation_path(folder: Path, step: int) -> Path:
    """The checkpoint after `step`."""
    return folder / f"step-{step:012d}.ckpt"


def generations(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True) if folder.is_dir() else []


def newest_step(folder: Path) -> int:
    """The step of the newest one; 0 without any."""
    steps = (path.stem.removeprefix("step-") for path in generations(folder))
    return max((int(step) for step in steps if step.isdecimal()), default=0)
