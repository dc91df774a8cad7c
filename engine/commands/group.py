"""A command's processes: a group of their own, steered as a whole, which never outlives the process that started it.

Beside the group a shell waits at a pipe from here. If this process dies, whatever of, the pipe ends, and the shell
kills the group: what `PR_SET_PDEATHSIG` does for one process on Linux, for all of them and everywhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

_GUARD = 'read -r group && { read -r over || kill -9 "-$group"; }'


class CannotStart(OSError):
    """The command can't be started; the message says why."""


class Group(Protocol):
    """A command that was started, here or on another machine."""

    id: int

    @property
    def outputs(self) -> tuple[IO[bytes], IO[bytes]]: ...
    @property
    def has_ended(self) -> bool: ...
    def send(self, number: signal.Signals) -> None: ...
    def collect(self) -> int: ...
    @property
    def is_gone(self) -> bool: ...
    def release(self) -> None: ...


class ProcessGroup:
    """A command that was started here.

    Args:
        ended: called, in another thread, when its first process has ended.

    Raises:
        CannotStart: the program can't be started.
    """

    def __init__(
        self, arguments: Sequence[str], folder: str, environment: Mapping[str, str], ended: Callable[[], object]
    ) -> None:
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=environment,
                start_new_session=True,
                restore_signals=True,
            )
        except (OSError, ValueError) as error:
            self._dismiss_guard()
            raise CannotStart(str(error)) from error
        self.id = self._process.pid
        """Of the group, and of its first process."""
        self._tell_guard(f"{self.id}\n")
        self._exited = threading.Event()
        threading.Thread(target=self._wait, args=(ended,), name="lazytrain-command", daemon=True).start()

    @property
    def outputs(self) -> tuple[IO[bytes], IO[bytes]]:
        """Its stdout and stderr."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        return self._process.stdout, self._process.stderr

    @property
    def has_ended(self) -> bool:
        """Whether its first process has."""
        return self._exited.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all of it."""
        # Its first process isn't waited for before the end: until then its number is no other's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, number)

    def collect(self) -> int:
        """Its first process' status, below 0 for a signal. Call it once that has ended."""
        return self._process.wait()

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left; after `collect`."""
        try:
            os.killpg(self.id, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False  # macOS says so of what has ended but wasn't waited for by its parent yet
        return _only_zombies(self.id)

    def release(self) -> None:
        """Nothing of it is left that is to be killed if this process dies."""
        self._tell_guard("over\n")
        self._dismiss_guard()
        for output in self.outputs:
            output.close()

    def _wait(self, ended: Callable[[], object]) -> None:
        os.waitid(os.P_PID, self.id, os.WEXITED | os.WNOWAIT)
        self._exited.set()
        ended()

    def _tell_guard(self, word: str) -> None:
        with contextlib.suppress(OSError):  # somebody has killed it
            assert self._guard.stdin is not None
            self._guard.stdin.write(word.encode())
            self._guard.stdin.flush()

    def _dismiss_guard(self) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        self._guard.wait()


def _only_zombies(group: int) -> bool:
    """Whether all that is left of a group has ended, and only its parent, a container's first process, doesn't care."""
    if not Path("/proc/self/stat").exists():
        return False
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in ("Z", "X"):
                return False
    return True
