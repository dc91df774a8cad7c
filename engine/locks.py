"""Lock files (flock): who trains on a device, and whether a run's trainer lives. The kernel lets go when one dies."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows has msvcrt instead
    fcntl = None


class LockHeld(RuntimeError):
    """Another process, or another part of this one, holds the lock."""


class FileLock:
    """An exclusive lock on a file, held until `release` or the process's end.

    The file stays: deleting it would let two processes hold "the" lock on two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock now. Raises LockHeld, or OSError if the file can't be made."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise LockHeld(str(self.path)) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; nothing happens if it isn't held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path`."""
    if not path.exists():
        return False
    probe = FileLock(path)
    try:
        probe.acquire()
    except LockHeld:
        return True
    probe.release()
    return False


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # only there on Windows
