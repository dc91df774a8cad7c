"""Opening the run store's SQLite file: created, checked for its version, migrated, and shared by many processes."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from lazytrain.engine.store.trouble import Reserve, StoreDamaged, StoreError, StoreTrouble, sqlite_trouble

SCHEMA_VERSION = 5
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN attempt_step INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN micro_batches INTEGER NOT NULL DEFAULT 1",
    ),
    2: (
        "ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN archived INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN versions TEXT",
        "CREATE TABLE confusions ("
        "run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, epoch INTEGER NOT NULL,"
        " classes TEXT NOT NULL, counts BLOB NOT NULL, PRIMARY KEY (run_id, epoch)) STRICT, WITHOUT ROWID",
    ),
    3: ("ALTER TABLE runs ADD COLUMN attempt_checkpoint INTEGER NOT NULL DEFAULT 0",),
    4: (
        "CREATE TABLE metrics ("
        "id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL,"
        " num_values INTEGER NOT NULL DEFAULT 0, highest_step INTEGER NOT NULL DEFAULT 0,"
        " last REAL, smallest REAL, largest REAL, UNIQUE (run_id, name)) STRICT",
        "CREATE TABLE samples ("
        "metric_id INTEGER NOT NULL REFERENCES metrics ON DELETE CASCADE, number INTEGER NOT NULL,"
        " data BLOB NOT NULL, PRIMARY KEY (metric_id, number)) STRICT",
        "ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'own'",
        "ALTER TABLE runs ADD COLUMN project TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN run_group TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN details TEXT NOT NULL DEFAULT '{}'",
    ),
}
"""Version → the statements that make the next one of it."""

CHANGES = "changes"
"""The key in `meta` of `num_changes`."""
BUSY_SECONDS = 10.0
"""How long SQLite waits for another writer; every transaction here takes milliseconds."""
BUSY_TRIES = 6
"""How often it is asked to wait: a machine that sleeps or swaps must not look like an error."""

NETWORK_FILESYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph", "fuse.glusterfs", "lustre", "beegfs")
)
"""Where processes on several machines may meet, who share no memory: WAL needs that."""


class _Cursor(sqlite3.Cursor):
    """A cursor whose errors are of the store, with its path, where the disk is to blame."""

    connection: Connection  # type: ignore[assignment]  # narrower than SQLite's own

    def execute(self, *arguments: Any) -> Self:
        try:
            return super().execute(*arguments)
        except sqlite3.Error as error:
            raise self.connection.explain(error)  # noqa: B904  it has its cause

    def executemany(self, *arguments: Any) -> Self:
        try:
            return super().executemany(*arguments)
        except sqlite3.Error as error:
            raise self.connection.explain(error)  # noqa: B904  it has its cause

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            raise self.connection.explain(error)  # noqa: B904  it has its cause

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            raise self.connection.explain(error)  # noqa: B904  it has its cause

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except sqlite3.Error as error:
            raise self.connection.explain(error)  # noqa: B904  it has its cause


class Connection(sqlite3.Connection):
    """A connection that knows its file's path."""

    path: Path

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *arguments: Any) -> Any:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self.cursor().executemany(*arguments)

    def explain(self, error: sqlite3.Error) -> Exception:
        """The error as the store's, its cause with it, or as it is if the disk isn't to blame.

        Raise it without `from`: an error that is its own cause is never let go of, and keeps its statement open.
        """
        trouble = sqlite_trouble(error, self.path)
        if trouble is None:
            return error
        trouble.__cause__ = error
        return trouble


def connect(path: Path, *, make: bool = True) -> Connection:
    """Open the store at `path`; if there is none, make one, or the home with it. The connection is the thread's own.

    Raises:
        StoreDamaged: the file is no store, or not what was written.
        StoreError: the folder cannot be written, or a newer lazytrain made the store; there is none, unless `make`.
    """
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise StoreTrouble(f"{path}: it is gone", "gone")
        return _open(path)
    except StoreTrouble as trouble:
        if trouble.kind not in ("full", "failing"):
            raise
        # Opening needs a little room for what several processes share; the reserve is for that too.
        Reserve(path.parent).free()
        return _open(path)
    except OSError as error:
        raise StoreError(
            f"{path.parent}: cannot hold the run store: {error.strerror}; choose another with --home"
        ) from error


@contextmanager
def transaction(connection: Connection, *, counted: bool = True) -> Iterator[None]:
    """A write transaction, taken at once so that two writers queue instead of failing; rolled back on any error.

    It is counted in `num_changes`, unless it writes no more than figures of a run at work: readers need not look at
    all the others for those.

    Raises:
        StoreTrouble: the disk is full, can't be written …; nothing was changed.
    """
    _insist(connection, "BEGIN IMMEDIATE")
    try:
        yield
        if counted:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET value = value + 1",
                (CHANGES,),
            )
        _insist(connection, "COMMIT")
    except BaseException:
        # SQLite itself rolls back where the disk fails it.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def num_changes(connection: Connection) -> int:
    """How many transactions changed more than the figures of runs at work, by whichever connection."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (CHANGES,)).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def durable(connection: Connection) -> Iterator[None]:
    """Commits inside are on the disk itself when they return, with all before them: power may fail then."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA synchronous = {_synchronous(connection)}")


def damage(connection: Connection) -> str | None:
    """What SQLite's own check of the whole file finds, None if it is sound. Takes about a second for each GB."""
    try:
        row = connection.execute("PRAGMA quick_check(1)").fetchone()
    except StoreDamaged as error:
        return str(error)
    return None if row[0] == "ok" else str(row[0])


def _open(path: Path) -> Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, factory=Connection)
    connection.path = path
    connection.row_factory = sqlite3.Row
    try:
        # Before anything that could write: a newer store is left as it is.
        _check_version(connection, path)
        set_journal_mode(connection)
        connection.execute(f"PRAGMA synchronous = {_synchronous(connection)}")
        connection.execute("PRAGMA foreign_keys = ON")
        _prepare(connection, path)
    except sqlite3.OperationalError as error:
        # A table or column that must be there isn't.
        connection.close()
        raise StoreDamaged(f"{path}: it is not a run store ({error})", "damaged") from error
    except BaseException:
        connection.close()
        raise
    return connection


def set_journal_mode(connection: Connection) -> None:
    """WAL, where writers and readers don't wait for each other; a rollback journal where that doesn't work."""
    if not on_network(connection.path):
        with contextlib.suppress(StoreTrouble):
            if _insist(connection, "PRAGMA journal_mode = WAL")[0] == "wal":
                # Some filesystems agree and then can't share memory: a first look tells.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return
    _insist(connection, "PRAGMA journal_mode = TRUNCATE")


def on_network(path: Path) -> bool:
    """Whether `path` lies on a filesystem of another machine; False where the system doesn't tell."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        place = path.parent.resolve()
    except OSError:
        return False
    found = ("", "")
    for line in mounts:
        _, where, kind, *_ = line.split(" ")
        where = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), where)
        if place.is_relative_to(where) and len(where) >= len(found[0]):
            found = (where, kind)
    return found[1] in NETWORK_FILESYSTEMS


def _synchronous(connection: Connection) -> str:
    # WAL is whole after a power cut even if its last commits are not in it; a rollback journal needs more.
    return "NORMAL" if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal" else "FULL"


def _insist(connection: Connection, statement: str) -> Any:
    """Run a statement that waits for other writers, again and again for a minute; its first row."""
    for left in reversed(range(BUSY_TRIES)):
        try:
            return connection.execute(statement).fetchone()
        except StoreTrouble as trouble:
            if trouble.kind != "busy" or not left:
                raise
    raise AssertionError("the last try returns or raises")


def _version(connection: Connection) -> int:
    return _insist(connection, "PRAGMA user_version")[0]


def _check_version(connection: Connection, path: Path) -> int:
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: made by a newer lazytrain (store version {version}, this one reads {SCHEMA_VERSION}); "
            "update lazytrain, or choose another store with --home"
        )
    return version


def _prepare(connection: Connection, path: Path) -> None:
    if _version(connection) == SCHEMA_VERSION:
        # Reads the schema, which is the first thing that damage shows in.
        connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone()
        return
    with transaction(connection):
        # Another process may have done it since we looked.
        version = _check_version(connection, path)
        for statement in _statements(version):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements(version: int) -> Iterator[str]:
    if version == 0:
        schema = files("lazytrain.engine.store").joinpath("schema.sql").read_text(encoding="utf-8")
        yield from (statement for statement in schema.split(";\n") if statement.strip())
        return
    for step in range(version, SCHEMA_VERSION):
        yield from MIGRATIONS[step]


__all__ = [
    "Connection",
    "StoreDamaged",
    "StoreError",
    "StoreTrouble",
    "connect",
    "damage",
    "durable",
    "num_changes",
    "transaction",
]
