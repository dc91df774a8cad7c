"""Checkpoints: a snapshot in one file, written whole or not at all, checked by its hash, several generations kept.

A file is one line of JSON (what it is, the hash and length of the rest) and then what `torch.save` made. Loading
executes nothing: `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import contextlib
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

from lazytrain.engine.errors import first_line
from lazytrain.engine.places import make_folder
from lazytrain.engine.store.generations import generation_path, generations

FORMAT = "lazytrain checkpoint 1"
GENERATIONS = 3
"""Checkpoints kept of a run, the newest; the weights of the best epoch by each of them are kept beside them."""
_LONGEST_HEADER = 4096


class CheckpointError(RuntimeError):
    """A checkpoint that can't be used; the message says which file and why."""


class CheckpointDamaged(CheckpointError):
    """It isn't what was written, and never will be again."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that is on the disk."""

    path: Path
    step: int
    weights_sha256: str


def weights_sha256(weights: Mapping[str, Any]) -> str:
    """SHA-256 over each tensor in order: contiguous, on the CPU, little-endian; neither names nor what is no tensor."""
    digest = hashlib.sha256()
    for tensor in weights.values():
        if not isinstance(tensor, Tensor):
            continue
        whole = tensor.detach().cpu().contiguous()
        # As bytes, so that bfloat16, which numpy doesn't know, works as well.
        digest.update(whole.reshape(-1).view(torch.uint8).numpy().tobytes() if whole.numel() else b"")
    return digest.hexdigest()


def save_checkpoint(folder: Path, snapshot: Mapping[str, Any]) -> Saved:
    """Save a training's snapshot as the newest generation in `folder`, and drop what is older than the last three.

    Raises:
        OSError: the disk is full or can't be written; what was saved before is unharmed.
    """
    position = snapshot["position"]
    step = int(position["step"])
    digest = weights_sha256(snapshot["net"])
    path = generation_path(folder, step)
    _write(path, snapshot, {"step": step, "best_epoch": position.get("best_epoch", 0), "weights_sha256": digest})
    kept = generations(folder)
    for old in kept[GENERATIONS:]:
        old.unlink(missing_ok=True)
    _drop_surpassed(folder, kept[:GENERATIONS])
    return Saved(path, step, digest)


def save_best(folder: Path, weights: Mapping[str, Any], epoch: int) -> None:
    """Save the weights of epoch `epoch`, the best so far. Raises OSError as `save_checkpoint` does.

    Saved before the checkpoint that calls this epoch the best; it goes when no checkpoint that is kept does.
    """
    digest = weights_sha256(weights)
    _write(best_path(folder, epoch), {"net": dict(weights)}, {"epoch": epoch, "weights_sha256": digest})


def best_path(folder: Path, epoch: int) -> Path:
    """Where the weights of `epoch` lie, if it was the best by one of the checkpoints in `folder`."""
    return folder / f"best-{epoch:06d}.ckpt"


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read and verify a checkpoint, its tensors on the CPU.

    Raises:
        CheckpointDamaged: it is cut short, or isn't what was written.
        CheckpointError: it can't be read, or this lazytrain can't use it.
    """
    try:
        with path.open("rb") as file:
            header = _header(file.readline(_LONGEST_HEADER))
            if header["format"] != FORMAT:
                raise CheckpointError(f"{path}: written in another format ({header['format']})")
            body = file.read()
        if len(body) != header["length"] or hashlib.sha256(body).hexdigest() != header["sha256"]:
            raise CheckpointDamaged(f"{path}: damaged (its hash doesn't match)")
        return torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: holds more than tensors and plain values, so it is not loaded") from error
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointDamaged(f"{path}: damaged ({first_line(error)})") from error


def load_newest(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest checkpoint that verifies (None if there is none), and what was wrong with those skipped.

    A damaged one is renamed to end in `.damaged`: it must not count among the generations that are kept.
    """
    problems: list[str] = []
    for path in generations(folder):
        try:
            return load_checkpoint(path), problems
        except CheckpointError as error:
            problems.append(str(error))
            if isinstance(error, CheckpointDamaged):
                with contextlib.suppress(OSError):
                    path.replace(path.with_suffix(".damaged"))
    return None, problems


def _header(line: bytes) -> dict[str, Any]:
    header = json.loads(line)
    if not isinstance(header, dict):
        raise ValueError("no header")
    return header


def _drop_surpassed(folder: Path, kept: list[Path]) -> None:
    """Delete weights that were best once and are by none of the checkpoints `kept`."""
    best: set[Path] = set()
    for path in kept:
        try:
            with path.open("rb") as file:
                best.add(best_path(folder, _header(file.readline(_LONGEST_HEADER))["best_epoch"]))
        except (OSError, ValueError, KeyError):
            return  # It can't say which it needs.
    for path in set(folder.glob("best-*.ckpt")) - best:
        path.unlink(missing_ok=True)


def _write(path: Path, content: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write to a temporary file, flush it to the disk, and rename: there is the old file or the new one, never half."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    body = buffer.getbuffer()
    header = {"format": FORMAT, **about, "length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    if not path.parent.is_dir():
        make_folder(path.parent, 3)
        # The folders on the way to it are new as well.
        for folder in (path.parent.parent, path.parent.parent.parent):
            _sync_folder(folder)
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
