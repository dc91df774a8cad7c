"""Work beside the generator that waits for it, in threads that nobody has to wait for.

A file on a share that has gone may hold its reader for minutes, and no signal ends that. So these threads are daemons:
whoever leaves gives them a moment, and else leaves them to themselves; they end with what they are at, or the process.
"""

from __future__ import annotations

import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from io import BufferedReader
from typing import Any, TypeVar

from lazytrain.engine.beat import BEAT_SECONDS

T = TypeVar("T")

LEAVE_SECONDS = 1.0
"""How long whoever leaves waits for threads that are at something; one image takes milliseconds."""


class Aside:
    """A few threads that work off calls in their order."""

    def __init__(self, num_threads: int, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(num_threads)
        ]
        self._closed = False
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Have it called, when a thread is free."""
        future: Future[T] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """End the threads: what none has begun is never called, and what takes longer than a moment is left alone."""
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        until = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (given := self._calls.get()) is not None and not self._closed:
            future, call = given
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  # whoever asked is told
                future.set_exception(error)


def aside(call: Callable[[], T], name: str = "aside") -> Generator[None, None, T]:
    """Call it in a thread of its own, yielding every tenth of a second until it is done."""
    threads = Aside(1, name)
    try:
        future = threads.submit(call)
        while not wait([future], timeout=BEAT_SECONDS).done:
            yield None
        return future.result()
    finally:
        threads.close()


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """A file to read. Raises OSError; so too if it is a named pipe or a device, which may have one wait for ever."""
    # Not to wait for whoever would write into a pipe; with a file it says nothing. Windows has no such flag.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file", os.fspath(path))
        return open(descriptor, "rb")  # noqa: PTH123  # a descriptor; whoever called closes it
    except BaseException:
        os.close(descriptor)
        raise
