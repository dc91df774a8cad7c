"""How a curve is kept: points packed in chunks, epochs, confusion matrices. All inside the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.records import CHUNK_POINTS
from lazytrain.engine.store.database import Connection
from lazytrain.engine.store.store import RunNotFound

_EPOCH_FIELDS = tuple(field.name for field in fields(EpochRecord))


def append_points(connection: Connection, run_id: str, packed: bytes) -> int:
    """Append packed points to the run's chunks; returns how many points it has now."""
    row = connection.execute("SELECT num_points FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise RunNotFound(run_id)
    count, size = row["num_points"], POINT_FORMAT.size
    done = 0
    while done < len(packed):
        number, filled = divmod(count, CHUNK_POINTS)
        part = packed[done : done + (CHUNK_POINTS - filled) * size]
        if filled:
            connection.execute(
                "UPDATE chunks SET data = CAST(data || ? AS BLOB) WHERE run_id = ? AND number = ?",
                (part, run_id, number),
            )
        else:
            _insert_chunk(connection, run_id, number, part)
        done += len(part)
        count += len(part) // size
    return count


def take_back_points(connection: Connection, run_id: str, step: int, packed: bytes) -> int:
    """Delete the points after `step` of all those that `packed` holds; returns how many are left."""
    size = POINT_FORMAT.size
    kept = len(packed) // size
    while kept and POINT_FORMAT.unpack_from(packed, (kept - 1) * size)[0] > step:
        kept -= 1
    first, within = divmod(kept, CHUNK_POINTS)
    connection.execute("DELETE FROM chunks WHERE run_id = ? AND number >= ?", (run_id, first))
    if within:
        _insert_chunk(connection, run_id, first, packed[first * CHUNK_POINTS * size : kept * size])
    return kept


def _insert_chunk(connection: Connection, run_id: str, number: int, data: bytes) -> None:
    connection.execute("INSERT INTO chunks (run_id, number, data) VALUES (?, ?, ?)", (run_id, number, data))


def add_epoch(connection: Connection, run_id: str, record: EpochRecord, *, best: bool) -> dict[str, Any]:
    """Add an epoch's figures; returns what the run's own line says of it."""
    connection.execute(
        f"INSERT OR REPLACE INTO epochs (run_id, {', '.join(_EPOCH_FIELDS)})"
        f" VALUES (?, {', '.join('?' * len(_EPOCH_FIELDS))})",
        (run_id, *(getattr(record, name) for name in _EPOCH_FIELDS)),
    )
    columns: dict[str, Any] = {
        name: getattr(record, name)
        for name in ("epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
    }
    if best:
        columns |= {"best_epoch": record.epoch, "best_accuracy": record.chosen_accuracy}
    return columns


def add_confusion(connection: Connection, run_id: str, epoch: int, confusion: Confusion, best_epoch: int) -> None:
    """Add an epoch's confusion matrix; the last and the best epoch's are kept."""
    connection.execute(
        "INSERT OR REPLACE INTO confusions (run_id, epoch, classes, counts) VALUES (?, ?, ?, ?)",
        (run_id, epoch, json.dumps(confusion.classes, ensure_ascii=False), confusion.pack()),
    )
    connection.execute("DELETE FROM confusions WHERE run_id = ? AND epoch NOT IN (?, ?)", (run_id, epoch, best_epoch))
