"""A command in a pseudo-terminal, watched from outside: what it sends, when, and what it costs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?<>=]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
PATIENCE_SECONDS = 120.0
FRAME_SECONDS = 0.05
"""What comes closer together than this belongs to one frame."""
REST_SHARE = 0.1
"""Of a core: an app at rest takes a hundredth."""


class PtyApp:
    """A Python module's program in a terminal of its own; a thread reads whatever it sends."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        size: tuple[int, int] = (120, 40),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        # An installed program's modules are compiled.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            start_new_session=True,
        )
        os.close(theirs)
        self._arrivals: list[tuple[float, bytes]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 1 << 16)
            except OSError:  # how Linux says that the other end is closed
                return
            if not data:
                return
            self._arrivals.append((time.perf_counter(), data))

    # ── what it sends ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def num_bytes(self) -> int:
        """Bytes received so far."""
        return sum(len(data) for _, data in list(self._arrivals))

    @property
    def last_arrival(self) -> float:
        """`time.perf_counter` when something arrived last; of the start if nothing did."""
        return self._arrivals[-1][0] if self._arrivals else self.started

    def num_frames(self, since: int = 0) -> int:
        """How often something was sent after the first `since` arrivals: what comes at once is one frame."""
        return count_frames([moment for moment, _ in list(self._arrivals)[since:]])

    def text(self, since: int = 0) -> str:
        """What was sent after the first `since` arrivals, without escape sequences."""
        data = b"".join(data for _, data in list(self._arrivals)[since:])
        return _ESCAPE.sub("", data.decode(errors="replace"))

    @property
    def num_arrivals(self) -> int:
        return len(self._arrivals)

    def wait_for(self, words: str, since: int = 0) -> float:
        """When `words` had arrived (`time.perf_counter`), counted from arrival `since`.

        Raises:
            RuntimeError: they didn't within two minutes.
        """
        self.wait_until(lambda: words in self.text(since), words)
        low = since
        while low < self.num_arrivals and words not in _plain(self._arrivals[since : low + 1]):
            low += 1
        return self._arrivals[low][0]

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while not holds():
            if time.perf_counter() > deadline or (self.process.poll() is not None and not holds()):
                raise RuntimeError(
                    f"waited in vain for {what!r}; it ended with {self.process.poll()}:\n{self.text()[-2000:]}"
                )
            time.sleep(0.002)  # what is awaited comes from another process, and a busy loop would disturb it

    def wait_for_quiet(self, seconds: float = 0.5) -> float:
        """Wait until nothing has arrived for `seconds`; when the last of it came."""
        self.wait_until(lambda: time.perf_counter() - self.last_arrival >= seconds, "quiet")
        return self.last_arrival

    def wait_for_rest(self, seconds: float = 0.5) -> None:
        """Wait until nothing arrives and its threads do next to nothing: what it imports beside is imported."""
        self.wait_for_quiet(seconds)
        spent = self.cpu_seconds()
        while True:
            time.sleep(seconds)  # the processor time of a while is asked for
            before, spent = spent, self.cpu_seconds()
            if spent - before < REST_SHARE * seconds:
                return

    def press(self, keys: str) -> float:
        """Send keys; when."""
        os.write(self._ours, keys.encode())
        return time.perf_counter()

    # ── what it costs ──────────────────────────────────────────────────────────────────────────────────────

    def cpu_seconds(self) -> float:
        """Processor time of the process so far, all of its threads."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        if tasks.exists() and Path("/proc/self/schedstat").exists():
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
        import psutil

        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def memory(self) -> int:
        """Bytes of memory that are resident."""
        import psutil

        return psutil.Process(self.process.pid).memory_info().rss


def count_frames(arrivals: Sequence[float]) -> int:
    """How many frames there are in what arrived at these times, in order."""
    return sum(moment - before >= FRAME_SECONDS for before, moment in pairwise([float("-inf"), *arrivals]))


def _plain(arrivals: Sequence[tuple[float, bytes]]) -> str:
    return _ESCAPE.sub("", b"".join(data for _, data in arrivals).decode(errors="replace"))
