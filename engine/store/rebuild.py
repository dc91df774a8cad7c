"""A run store that was lost or damaged: set aside under a new name, and rebuilt from what the runs' folders hold."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.places import make_folder
from lazytrain.engine.records import ACTIVE, CHUNK_POINTS, Kind, State, Wanted, epoch_columns
from lazytrain.engine.store.archive import RUN, read_confusions, read_history, read_run, read_series_history
from lazytrain.engine.store.database import Connection, StoreDamaged, connect, damage, transaction
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.engine.store.series import SAMPLE_FORMAT, MetricRefused, Sample, append_samples

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
        fresh = _fresh(path)
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


def put_back(path: Path, connection: Connection) -> bool:
    """Write what `connection` still holds of a store whose file was deleted to `path` again; False if one is there.

    Raises:
        OSError: it can't be written now.
        StoreError: likewise.
    """
    lock = FileLock(path.parent / "locks" / "rebuild.lock")
    make_folder(lock.path.parent, 1)
    lock.acquire(LOCK_SECONDS)
    try:
        if path.exists():
            return False
        for file in _family(path):
            file.unlink(missing_ok=True)
        fresh = _fresh(path)
        copy = connect(fresh)
        try:
            connection.backup(copy)
        except sqlite3.Error as error:
            raise connection.explain(error)  # noqa: B904  it has its cause
        finally:
            copy.close()
        fresh.replace(path)
    finally:
        lock.release()
    return True


def drop_leftovers(path: Path, beside: Sequence[tuple[int, int] | None]) -> None:
    """Delete what SQLite kept beside a store in whose place another stands now: it would take it for the new one's.

    Args:
        beside: which files those were, by `identities`.
    """
    with contextlib.suppress(OSError, LockHeld), FileLock(path.parent / "locks" / "rebuild.lock") as _:
        for file, known in zip(_family(path)[1:], beside, strict=True):
            if known is not None and identity(file) == known:
                file.unlink(missing_ok=True)


def identities_beside(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Which files SQLite keeps beside the store at `path` now."""
    return tuple(map(identity, _family(path)[1:]))


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path`; None if there is none for the moment."""
    try:
        status = os.stat(path)  # noqa: PTH116  asked ten times a second
    except OSError:
        return None
    return status.st_dev, status.st_ino


def add_from_folder(connection: Connection, folder: Path) -> int | None:
    """Add the run that `folder` keeps, in a transaction; its number of points.

    None if the folder holds too little, or what no store takes: one damaged folder is no reason to lose the others.
    """
    row = read_run(folder)
    if row is None:
        return None
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(runs)")}
    points, epochs = read_history(folder)
    line = {name: value for name, value in row.items() if name in columns}
    connection.execute("SAVEPOINT folder")
    try:
        _add(connection, line, points, epochs, read_confusions(folder))
        _add_series(connection, row["id"], folder)
    # Values of another type, or beyond what SQLite takes; the disk's own troubles are StoreTrouble.
    except (sqlite3.Error, ValueError, TypeError, KeyError, OverflowError):
        connection.execute("ROLLBACK TO folder")
        return None
    finally:
        connection.execute("RELEASE folder")
    return len(points) // POINT_FORMAT.size


def add_curve(connection: Connection, run_id: str, folder: Path) -> int:
    """Put the curve that `folder` keeps in place of the run's in the store, in a transaction; its number of points."""
    points, epochs = read_history(folder)
    for table in ("chunks", "epochs", "confusions", "metrics"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    _add_curve(connection, run_id, points, epochs, read_confusions(folder))
    _add_series(connection, run_id, folder)
    return len(points) // POINT_FORMAT.size


def _add_series(connection: Connection, run_id: str, folder: Path) -> None:
    for name, packed in read_series_history(folder).items():
        samples = (Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed))
        # What a damaged file holds under a name that can't be is no reason to lose the rest.
        with contextlib.suppress(MetricRefused):
            append_samples(connection, run_id, {name: samples})


def _fresh(path: Path) -> Path:
    """Where a store is written before it is put at `path`, with nothing of an earlier try."""
    fresh = path.with_name(f"{path.stem}.rebuilding{path.suffix}")
    for file in _family(fresh):
        file.unlink(missing_ok=True)
    return fresh


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
    kept = f"it is set aside as {aside.name}" if aside else "it was gone"
    num_runs = num_empty = 0
    with transaction(connection):
        for folder in sorted(home.glob("runs/*")):
            num_points = add_from_folder(connection, folder)
            if num_points is None:
                num_empty += folder.is_dir()
                continue
            text = f"rebuilt from its folder, with {num_points:,} points: the store was damaged"
            connection.execute(
                "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, 'warning', ?)",
                (folder.name, time.time(), text),
            )
            num_runs += 1
        text = f"the run store was damaged ({why}): {kept}, and {num_runs:,} runs were rebuilt from their folders"
        if num_empty:
            text += f"; {num_empty:,} folders held too little, or are damaged"
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
    if row["state"] in ACTIVE and row.get("kind", Kind.OWN) != Kind.OWN:
        # Whose program still lives says so.
        row |= {"state": State.INTERRUPTED}
    elif row["state"] in ACTIVE:
        stopping = row["wanted"] not in (Wanted.RUN, Wanted.ANYWAY)
        row |= {"state": State.STOPPED if stopping else State.QUEUED, "position": -1.0}
    steps = [int(row.get("step") or 0), epochs[-1].step if epochs else 0]
    if points:
        steps.append(POINT_FORMAT.unpack_from(points, len(points) - size)[0])
    row |= {"wanted": Wanted.RUN, "progress": None, "num_points": len(points) // size, "step": max(steps)}
    row |= {"epoch": epochs[-1].epoch if epochs else 0, **epoch_columns(epochs)}
    row["name"] = _free_name(connection, row["name"])
    _insert(connection, "runs", row)
    _add_curve(connection, run_id, points, epochs, confusions)


def _add_curve(
    connection: Connection,
    run_id: str,
    points: bytes,
    epochs: list[EpochRecord],
    confusions: Mapping[int, Confusion],
) -> None:
    size = POINT_FORMAT.size
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
