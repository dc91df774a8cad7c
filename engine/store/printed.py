"""What a program printed, among a run's messages: the newest lines of it."""

from __future__ import annotations

from collections.abc import Sequence

from lazytrain.engine.records import PRINTED
from lazytrain.engine.store.database import Connection

MOST_LINES = 10_000
"""Kept of a run."""
SPARE_LINES = 1_000
"""So many more, before the oldest are deleted."""

Line = tuple[float, str, str]
"""(time, `stdout` or `stderr`, text)."""

_PRINTED = ", ".join(f"'{level}'" for level in PRINTED)


def append_lines(connection: Connection, run_id: str, lines: Sequence[Line]) -> None:
    """Add lines, inside the caller's transaction."""
    connection.executemany(
        "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, ?, ?)",
        [(run_id, time, level, text) for time, level, text in lines],
    )


def drop_old_lines(connection: Connection, run_id: str) -> None:
    """Delete what goes beyond `MOST_LINES`, inside the caller's transaction."""
    connection.execute(
        f"DELETE FROM messages WHERE run_id = ?1 AND level IN ({_PRINTED}) AND id <="
        f" (SELECT id FROM messages WHERE run_id = ?1 AND level IN ({_PRINTED}) ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (run_id, MOST_LINES),
    )
