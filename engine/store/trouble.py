"""Disks that are full, read-only or gone for now: told apart from faults, and kept a little room for the worst hour."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from typing import Literal

Kind = Literal["full", "read-only", "failing", "gone", "busy", "damaged"]

_ERRNOS: dict[int, Kind] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
    errno.EIO: "failing",
    errno.ESTALE: "failing",
    errno.EMFILE: "failing",
    errno.ENFILE: "failing",
    errno.ETIMEDOUT: "failing",
    errno.ENOENT: "gone",
    errno.ENOTDIR: "gone",
    errno.ENODEV: "gone",
    errno.ENXIO: "gone",
    errno.ENOTCONN: "gone",
    errno.EHOSTDOWN: "gone",
    errno.EHOSTUNREACH: "gone",
}
_CODES: dict[int, Kind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_PERM: "read-only",
    sqlite3.SQLITE_CANTOPEN: "failing",
    sqlite3.SQLITE_IOERR: "failing",
    sqlite3.SQLITE_PROTOCOL: "failing",
    sqlite3.SQLITE_NOLFS: "full",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
_SENTENCES: dict[Kind, str] = {
    "full": "no room is left on the disk",
    "read-only": "it can't be written",
    "failing": "the disk doesn't work",
    "gone": "it is gone",
    "busy": "another program keeps it locked",
    "damaged": "it is damaged",
}

RESERVE_BYTES = 2**20


class StoreError(RuntimeError):
    """The store cannot be used; the message says which file, why, and what to do."""


class StoreTrouble(StoreError):
    """The store can't be written or read just now: tried again, it may work."""

    def __init__(self, message: str, kind: Kind) -> None:
        self.kind: Kind = kind
        super().__init__(message)


class StoreDamaged(StoreTrouble):
    """The store's file isn't what was written; opened anew, it is set aside and rebuilt."""


class StoreReplaced(StoreDamaged):
    """Another file stands in the store's place: opened anew, that one counts."""


def sqlite_trouble(error: sqlite3.Error, path: Path) -> StoreTrouble | None:
    """What is the matter with the disk under the store at `path`; None if the statement itself is wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    # Moved away it may come back; whether another stands in its place is looked at elsewhere.
    kind = "gone" if code == sqlite3.SQLITE_READONLY_DBMOVED else _CODES.get(code & 0xFF)
    if kind is None:
        return None
    sentence = f"{path}: {_SENTENCES[kind]} ({error})" if kind != "busy" else f"{path}: {_SENTENCES[kind]}"
    return StoreDamaged(sentence, kind) if kind == "damaged" else StoreTrouble(sentence, kind)


def trouble_kind(error: BaseException) -> Kind | None:
    """What keeps something from being stored for now; None if it is a fault that won't go away."""
    if isinstance(error, StoreTrouble):
        return error.kind
    return _ERRNOS.get(error.errno or 0) if isinstance(error, OSError) else None


def reason(error: BaseException) -> str:
    """The trouble as a person reads it, with its place."""
    if isinstance(error, OSError):
        kind = trouble_kind(error)
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{_SENTENCES[kind] if kind else 'the disk does not work'} ({error.strerror})"
    return str(error)


class Reserve:
    """A small file that holds room on the disk, given up when that is full so that the reason can be written."""

    def __init__(self, home: Path) -> None:
        self._path = home / "reserve"

    def make(self) -> bool:
        """Take the room, if it isn't held; False if there is none."""
        with contextlib.suppress(OSError):
            if self._path.stat().st_size == RESERVE_BYTES:
                return True
        try:
            with self._path.open("wb") as file:
                # Random, since some filesystems keep zeros in no room at all.
                file.write(os.urandom(RESERVE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.free()
            return False
        return True

    def free(self) -> None:
        """Give the room up."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
