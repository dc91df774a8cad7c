"""Lock files (flock): who trains on a device, and whether a run's trainer lives. The kernel lets go when one dies."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from pathlib import Path
from types import TracebackType

from lazytrain.engine.places import make_folder

try:
    import fcntl
except ImportError:  # Windows has msvcrt instead
    fcntl = None


PATIENCE_SECONDS = 0.02
"""How long taking a lock waits: whoever only asks whether it is held holds it for a moment himself."""


LOGGING_LOCK = "logs"
"""In the folder of a run that is a command: held by its program while it logs to the run, and so obeys by itself."""


class LockHeld(RuntimeError):
    """Another process, or another part of this one, holds the lock."""


class FileLock:
    """A lock on a file, held until `release` or the process's end: exclusive, or `shared` with others that share it.

    The file stays: deleting it would let two processes hold "the" lock on two files of one name. Where somebody does
    delete it, `keep` takes it anew.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        self._shared = shared
        self._descriptor: int | None = None
        self._keeping = threading.Lock()
        """One thread lets go while another looks whether the file is still there."""

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def acquire(self, wait_seconds: float = PATIENCE_SECONDS) -> None:
        """Take the lock, waiting at most so long. Raises LockHeld, or OSError if the file can't be made."""
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                self._descriptor = self._take()
            except LockHeld:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.002)
            else:
                return

    def _take(self) -> int:
        make_folder(self.path.parent, 1)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            _lock(descriptor, shared=self._shared)
        except OSError as error:
            os.close(descriptor)
            raise LockHeld(str(self.path)) from error
        return descriptor

    def keep(self) -> bool:
        """Take it anew, if it is held and its file was deleted or replaced; whether that was so.

        Raises:
            LockHeld: somebody else has taken it meanwhile.
            OSError: the file can't be made.
        """
        with self._keeping:
            if self._descriptor is None or _is_file(self.path, self._descriptor):
                return False
            new, old = self._take(), self._descriptor
            self._descriptor = new
            os.close(old)
            return True

    def release(self) -> None:
        """Let go; nothing happens if it isn't held."""
        with self._keeping:
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


def lock_name(device: str, sharer: int | None = None) -> str:
    """The name of a device's lock here; or of the lock of process `sharer`, which trains beside the device's holder."""
    suffix = f"-shared-{sharer}" if sharer is not None else ""
    return f"{platform.node()}-{device.replace(':', '-')}{suffix}.lock"


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def touch(path: Path, now: float) -> None:
    """Show that the holder of the lock at `path` isn't frozen: its file's time is when it was last seen."""
    with contextlib.suppress(OSError):
        os.utime(path, (now, now))


def last_seen(path: Path) -> float | None:
    """When the holder of the lock at `path` was last seen, in Unix seconds; None if there is no such file."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _is_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116  asked twenty times a second
    except FileNotFoundError:
        return False


def _lock(descriptor: int, *, shared: bool = False) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    elif not shared:  # Windows has none that are shared
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # only there on Windows
