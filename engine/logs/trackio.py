"""trackio's projects: a SQLite file each, with the metrics of its runs as JSON. Read-only, by the standard library."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lazytrain.engine.logs.batch import MOST_SAMPLES, Batch, Rewritten
from lazytrain.engine.store.series import Sample
from lazytrain.engine.tracking.values import plain

ENDING = ".db"
BUSY_SECONDS = 5.0
MOST_ROWS = 5_000
_MAGIC = b"SQLite format 3\x00"
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""How trackio writes what JSON hasn't."""


class TrackioFile:
    """A project's file, and which runs are in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def runs(self) -> list[tuple[str, str]]:
        """(id, name) of its runs, none if it isn't trackio's. Raises OSError."""
        with self.path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return []
        with self.connected() as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables >= {"metrics", "configs"}:
                return []
            found = self._identity(connection)
            if found is None:
                return []
            rows = connection.execute(f"SELECT {found}, max(run_name) FROM metrics GROUP BY 1 ORDER BY min(id)")
            return [(str(run_id), str(name)) for run_id, name in rows]

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection that writes nothing. Raises OSError where it can't be read."""
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from error

    @staticmethod
    def _identity(connection: sqlite3.Connection) -> str | None:
        """The column that says which run a row is of; older files have names alone. None: they aren't trackio's."""
        columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
        if not columns >= {"id", "timestamp", "run_name", "step", "metrics"}:
            return None
        return "run_id" if "run_id" in columns else "run_name"

    def rows(self, run_id: str, after: int) -> tuple[int, list[tuple[Any, ...]]]:
        """The highest row of the file, and (row, time, step, metrics) of the run's next ones. Raises OSError."""
        with self.connected() as connection:
            column = self._identity(connection)
            highest = connection.execute("SELECT max(id) FROM metrics").fetchone()[0] or 0
            if column is None or highest <= after:
                return highest, []
            # Not by the index of runs: what is new lies at the end.
            query = (
                f"SELECT id, timestamp, step, metrics FROM metrics WHERE id > ? AND +{column} = ? ORDER BY id LIMIT ?"
            )
            return highest, connection.execute(query, (after, run_id, MOST_ROWS)).fetchall()

    def config(self, run_id: str) -> dict[str, Any]:
        """What the run was begun with. Raises OSError."""
        with self.connected() as connection:
            column = self._identity(connection) or "run_name"
            row = connection.execute(f"SELECT config FROM configs WHERE {column} = ?", (run_id,)).fetchone()
        found = _json(row[0]) if row is not None else {}
        # What trackio notes by itself (_Username, _Created) is nobody's setting.
        return {name: value for name, value in found.items() if not name.startswith("_")}


class TrackioRun:
    """One run of such a file."""

    format = "trackio"

    def __init__(self, file: TrackioFile, run_id: str, name: str) -> None:
        self.file, self.run_id, self.name = file, run_id, name
        self.project = file.path.stem
        self.key = f"{file.path}#{run_id}"
        self._highest: int | None = None
        """Of the file, when it was looked through."""

    def size(self) -> int:
        return self.file.path.stat().st_size

    def read(self, position: dict[str, Any]) -> Batch | None:
        after = position.get("row", 0)
        highest, rows = self.file.rows(self.run_id, max(after, self._highest or 0))
        if highest < after:
            self._highest = None
            raise Rewritten(str(self.file.path))
        if not rows:
            # What came is other runs'.
            self._highest = highest
            return None
        batch = Batch(position=dict(position), started=position.get("started", 0.0))
        if not after:
            batch.config = plain(self.file.config(self.run_id))
        for row, time, step, metrics in rows:
            moment = _seconds(time)
            batch.started = batch.started or moment
            batch.changed = max(batch.changed, moment)
            seconds = max(0.0, moment - batch.started)
            for name, value in _numbers(_json(metrics)):
                batch.add(name, Sample(step, seconds, value))
            batch.position["row"] = row
            if batch.num_samples >= MOST_SAMPLES:
                break
        batch.more = batch.full or len(rows) == MOST_ROWS
        batch.position["started"] = batch.started
        return batch


def _numbers(metrics: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Those of a log that are figures: no tables, images or texts."""
    for name, value in metrics.items():
        if isinstance(value, bool | int | float):
            with contextlib.suppress(OverflowError):
                yield name, float(value)
        elif isinstance(value, str) and value in _SPECIAL:
            yield name, _SPECIAL[value]


def _json(written: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(written)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(written: str) -> float:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
