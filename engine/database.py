"""Opening the run store's SQLite file: created, checked for its version, and shared by many processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
"""How long a writer waits for another before SQLite gives up; every transaction here takes milliseconds."""


class StoreError(RuntimeError):
    """The store cannot be used; the message says which file, why, and what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the store at `path`, made if absent. The connection belongs to the calling thread.

    Raises:
        StoreError: the folder cannot be written, the file is no store, or a newer lazytrain made it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _prepare(connection, path)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: cannot be used as the run store: {error}") from error
    except OSError as error:
        raise StoreError(
            f"{path.parent}: cannot hold the run store: {error.strerror}; choose another with --home"
        ) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction, taken at once so that two writers queue instead of failing; rolled back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        with transaction(connection):
            # Another process may have made it since we looked.
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in files("engine").joinpath("schema.sql").read_text(encoding="utf-8").split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: made by a newer lazytrain (store version {version}, this one reads {SCHEMA_VERSION}); "
            "update lazytrain, or choose another store with --home"
        )
