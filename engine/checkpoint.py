"""Checkpoints: a snapshot in one file, written whole or not at all, checked by its hash, several generations kept.

A file is one line of JSON (what it is, the hash and length of the rest) and then what `torch.save` made. Loading
executes nothing: `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FORMAT = "lazytrain checkpoint 1"
GENERATIONS = 3
"""Checkpoints kept of a run, the newest; the best epoch's weights are kept beside them."""
BEST = "best.ckpt"


class CheckpointError(RuntimeError):
    """A checkpoint that can't be used; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that is on the disk."""

    path: Path
    step: int
    weights_sha256: str


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over each tensor in order: contiguous, on the CPU, little-endian, names left out."""
    digest = hashlib.sha256()
    for tensor in weights.values():
        whole = tensor.detach().cpu().contiguous()
        # As bytes, so that bfloat16, which numpy doesn't know, works as well.
        digest.update(whole.reshape(-1).view(torch.uint8).numpy().tobytes() if whole.numel() else b"")
    return digest.hexdigest()


def save_checkpoint(folder: Path, snapshot: Mapping[str, Any]) -> Saved:
    """Save a training's snapshot as the newest generation in `folder`, and drop what is older than the last three.

    Raises:
        OSError: the disk is full or can't be written; what was saved before is unharmed.
    """
    step = int(snapshot["position"]["step"])
    digest = weights_sha256(snapshot["net"])
    path = folder / f"step-{step:012d}.ckpt"
    _write(path, snapshot, {"step": step, "weights_sha256": digest})
    for old in generations(folder)[GENERATIONS:]:
        old.unlink(missing_ok=True)
    return Saved(path, step, digest)


def save_best(folder: Path, weights: Mapping[str, Tensor], epoch: int) -> None:
    """Save the weights of the best epoch so far. Raises OSError as `save_checkpoint` does."""
    _write(folder / BEST, {"net": dict(weights)}, {"epoch": epoch, "weights_sha256": weights_sha256(weights)})


def generations(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, newest first."""
    return sorted(folder.glob("step-*.ckpt"), reverse=True) if folder.is_dir() else []


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read and verify a checkpoint, its tensors on the CPU.

    Raises:
        CheckpointError: it can't be read, is cut short, or isn't what was written.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(4096))
            body = file.read()
        if header["format"] != FORMAT:
            raise CheckpointError(f"{path}: written in another format ({header['format']})")
        if len(body) != header["length"] or hashlib.sha256(body).hexdigest() != header["sha256"]:
            raise CheckpointError(f"{path}: damaged (its hash doesn't match)")
        return torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: holds more than tensors and plain values, so it is not loaded") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: can't be read ({error})") from error


def load_newest(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest checkpoint that verifies (None if there is none), and what was wrong with those skipped."""
    problems: list[str] = []
    for path in generations(folder):
        try:
            return load_checkpoint(path), problems
        except CheckpointError as error:
            problems.append(str(error))
    return None, problems


def _write(path: Path, content: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write to a temporary file, flush it to the disk, and rename: there is the old file or the new one, never half."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    body = buffer.getbuffer()
    header = {"format": FORMAT, **about, "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows can't open a folder, and needs it not."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
