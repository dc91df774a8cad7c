"""The runs' names at a glance, for a shell that completes them: the store is neither made, migrated nor mended."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

MOST_NAMES = 1_000
PATIENCE_SECONDS = 0.2
"""Nobody waits longer for a completion."""


class RunName(NamedTuple):
    """What a run goes by."""

    id: str
    name: str
    state: str


def list_run_names(store: Path) -> list[RunName]:
    """The runs in the file `store`, newest first; none where it isn't there, is busy, damaged, or no store."""
    if not store.is_file():
        return []
    try:
        connection = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            # Columns that stores of every version have.
            rows = connection.execute(
                "SELECT id, name, state FROM runs ORDER BY created DESC, rowid DESC LIMIT ?", (MOST_NAMES,)
            ).fetchall()
    except sqlite3.Error:
        return []
    return [RunName(*map(str, row)) for row in rows]
