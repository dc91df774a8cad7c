"""A run store that was lost or damaged: set aside under a new name, and rebuilt from what the runs' folders hold."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.records import ACTIVE, CHUNK_POINTS, State, Wanted, epoch_columns
from lazytrain.engine.store.archive import RUN, read_confusions, read_history, read_run
from lazytrain.engine.store.database import Connection, StoreDamaged, connect, damage, transaction
from lazytrain.engine.store.locks import FileLock

LOCK_SECONDS = 60.0
NOTICE = "notice"
"""The key in `meta` of what clients tell a person: {"time", "text"}."""


def is_lost(path: Path) -> bool:
    """Whether there is no store at `path`, though there are runs that one knew. SQLite takes an empty file for new."""
    try:
        if path.stat().st_size:
            return False
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return any(path.parent.glob(f"runs/*/{RUN}"))


def rebuild(path: Path, why: str) -> None:
    """Set the store at `path` aside, if it is there, and put one in its place that holds what the folders tell.

    Processes that find the damage at once do it one after the other, and the second finds nothing to do.

    Raises:
        StoreError: the new one can't be written.
    """
    lock = FileLock(path.parent / "locks" / "rebuild.lock")
    lock.acquire(LOCK_SECONDS)
    try:
        if not _still_bad(path):
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
        fresh = path.with_name(f"{path.stem}.rebuilding{path.suffix}")
        for file in _family(fresh):
            file.unlink(missing_ok=True)
        connection = connect(fresh)
        try:
            _fill(connection, path.parent, why, aside if path.exists() else None)
        finally:
            connection.close()
        for old, new in zip(_family(path), _family(aside), strict=True):
            if old.exists():
                old.rename(new)
        fresh.replace(path)
    finally:
        lock.release()


def _family(path: Path) -> list[Path]:
    """A store's file and those that SQLite keeps beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _still_bad(path: Path) -> bool:
    if is_lost(path):
        return True
    try:
        connection = connect(path)
    except StoreDamaged:
        return True
    try:
        return damage(connection) is not None
    finally:
        connection.close()


def _fill(connection: Connection, home: Path, why: str, aside: Path | None) -> None:
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(runs)")}
    kept = f"it is set aside as {aside.name}" if aside else "it was gone"
    num_runs = num_empty = 0
    with transaction(connection):
        for folder in sorted(home.glob("runs/*")):
            row = read_run(folder)
            if row is None:
                num_empty += folder.is_dir()
                continue
            points, epochs = read_history(folder)
            line = {name: value for name, value in row.items() if name in columns}
            _add(connection, line, points, epochs, read_confusions(folder))
            text = f"rebuilt from its folder, with {len(points) // POINT_FORMAT.size:,} points: the store was damaged"
            connection.execute(
                "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, 'warning', ?)",
                (row["id"], time.time(), text),
            )
            num_runs += 1
        text = f"the run store was damaged ({why}): {kept}, and {num_runs:,} runs were rebuilt from their folders"
        if num_empty:
            text += f"; {num_empty:,} folders held too little"
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
            (NOTICE, json.dumps({"time": time.time(), "text": text})),
        )


def _add(
    connection: Connection,
    row: dict[str, Any],
    points: bytes,
    epochs: list[EpochRecord],
    confusions: Mapping[int, Confusion],
) -> None:
    """One run as its folder tells it. One that was being trained waits in front, to go on from its checkpoint."""
    run_id, size = row["id"], POINT_FORMAT.size
    if row["state"] in ACTIVE:
        stopping = row["wanted"] not in (Wanted.RUN, Wanted.ANYWAY)
        row |= {"state": State.STOPPED if stopping else State.QUEUED, "position": -1.0}
    steps = [int(row.get("step") or 0), epochs[-1].step if epochs else 0]
    if points:
        steps.append(POINT_FORMAT.unpack_from(points, len(points) - size)[0])
    row |= {"wanted": Wanted.RUN, "progress": None, "num_points": len(points) // size, "step": max(steps)}
    row |= {"epoch": epochs[-1].epoch if epochs else 0, **epoch_columns(epochs)}
    row["name"] = _free_name(connection, row["name"])
    _insert(connection, "runs", row)
    for number, start in enumerate(range(0, len(points), CHUNK_POINTS * size)):
        data = points[start : start + CHUNK_POINTS * size]
        _insert(connection, "chunks", {"run_id": run_id, "number": number, "data": data})
    for record in epochs:
        _insert(connection, "epochs", {"run_id": run_id, **asdict(record)})
        confusion = confusions.get(record.epoch)
        if confusion is not None:
            classes = json.dumps(confusion.classes, ensure_ascii=False)
            kept = {"epoch": record.epoch, "classes": classes, "counts": confusion.pack()}
            _insert(connection, "confusions", {"run_id": run_id, **kept})


def _free_name(connection: Connection, name: str) -> str:
    """Names can't collide in a store, but a name that was given to another run meanwhile may stand in two folders."""
    candidate, number = name, 2
    while connection.execute("SELECT 1 FROM runs WHERE name = ?", (candidate,)).fetchone():
        candidate, number = f"{name} #{number}", number + 1
    return candidate


def _insert(connection: Connection, table: str, values: dict[str, Any]) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        tuple(values.values()),
    )
