"""Output that survives the loss of its terminal, and descriptors pointed at nothing once it is gone."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO


class Outlet:
    """A text stream whose writes never fail: a terminal or reader that is gone is no reason to lose a run.

    A descriptor that leads nowhere is pointed at nothing, so that what is still in its buffers fails nobody else.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self.lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self.lose(error)

    def lose(self, error: OSError) -> None:
        """Point its descriptor at nothing, if `error` says that nobody reads it any more."""
        if error.errno in (errno.EPIPE, errno.EIO):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def point_away(descriptors: Iterable[int] = (0, 1, 2), log: Path | None = None) -> None:
    """Point descriptors away from their terminal: 0 at nothing, others at the end of `log`.

    They lead to nothing too where there is no log, or it can't be written.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    output = nowhere
    if log is not None:
        with contextlib.suppress(OSError):
            output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in descriptors:
        os.dup2(output if descriptor else nowhere, descriptor)
    for descriptor in {nowhere, output} - {0, 1, 2}:
        os.close(descriptor)


def is_terminal(descriptor: int) -> bool:
    """Whether it is open, and a terminal's."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
