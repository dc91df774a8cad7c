"""How far a file was read, and whether what was read is still what the file begins with."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

from lazytrain.engine.logs.batch import Rewritten

HEAD_BYTES, TAIL_BYTES = 256, 64
"""What is compared: the beginning, and what lies right before where it was read to."""

Stamp = tuple[int, int]
"""(size, time of the last change): the same as at the last look, nothing is new."""


def stamp(path: Path) -> Stamp:
    """Raises OSError."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def open_at(path: Path, place: dict[str, Any] | None) -> BinaryIO:
    """The file, where it is to be read on.

    Raises:
        Rewritten: it is shorter than it was, or another.
        OSError: it can't be read.
    """
    file = path.open("rb")
    try:
        if place is not None and place != _place(file, place["offset"]):
            raise Rewritten(str(path))
    except BaseException:
        file.close()
        raise
    return file


def place_of(file: BinaryIO, offset: int) -> dict[str, Any]:
    """Where `open_at` goes on: it was read to `offset`."""
    place = _place(file, offset)
    if place is None:
        raise Rewritten(file.name)
    return place


def _place(file: BinaryIO, offset: int) -> dict[str, Any] | None:
    """None where the file is shorter. It is left at `offset`."""
    head = _digest(file, 0, min(HEAD_BYTES, offset))
    tail = _digest(file, max(0, offset - TAIL_BYTES), min(TAIL_BYTES, offset))
    file.seek(offset)
    if head is None or tail is None or os.fstat(file.fileno()).st_size < offset:
        return None
    return {"offset": offset, "head": head, "tail": tail}


def _digest(file: BinaryIO, start: int, length: int) -> str | None:
    file.seek(start)
    data = file.read(length)
    return hashlib.sha1(data, usedforsecurity=False).hexdigest() if len(data) == length else None
