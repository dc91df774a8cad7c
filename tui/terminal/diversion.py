"""While a screen has the terminal, nobody else has: what is printed goes to a log, line by line.

Not Python's streams alone: descriptors 1 and 2 lead elsewhere, for C libraries and child processes too, and descriptor
0 leads to nothing, so that a net that asks for input takes no keys. The screen has copies that nobody else knows. What
a program writes to `/dev/tty` itself is out of reach.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from lazytrain.tui.terminal.kept_output import KeptOutput
from lazytrain.tui.terminal.outlet import Outlet, point_away

LOOK_SECONDS = 0.25
MOST_CHARACTERS = 500
"""Of a line; the rest of it is cut."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class Diversion:
    """Descriptors 0 to 2 lead away from the terminal, from now until `end`.

    Args:
        copies: descriptors that lead where 0 to 2 lead: all that is left of that.
        kept: takes what is written.
        tell: called in a thread of its own, every quarter of a second, with new lines and with how many more there are.

    Attributes:
        terminal: a stream that does lead there.
        descriptors: the copies.
    """

    def __init__(self, copies: Sequence[int], kept: KeptOutput, tell: Callable[[list[str], int], object]) -> None:
        self._kept, self._tell = kept, tell
        self._lines = Lines()
        self._ended = threading.Event()
        self.descriptors = copies
        self.terminal = cast(TextIO, Outlet(_stream(copies[2])))
        _flush()
        point_away([0])
        for descriptor in (1, 2):
            os.dup2(kept.descriptor, descriptor)
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                # A stream that began on a file or pipe would keep its lines back.
                cast(Any, stream).reconfigure(line_buffering=True)
        self._thread = threading.Thread(target=self._watch, name="lazytrain-output", daemon=True)
        self._thread.start()

    @property
    def leads_back(self) -> bool:
        """Whether the terminal is still there for this process."""
        return os.isatty(self.descriptors[2])

    def leave_terminal(self) -> None:
        """The process goes on without its terminal: no descriptor of it stays open. What is printed is told on."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in self.descriptors:
            os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)

    def end(self, log: Path) -> None:
        """Tell what is left, and lead 0 to 2 back; to the end of `log` where the terminal is left, or gone."""
        self._ended.set()
        self._thread.join()
        _flush()
        self._look(last=True)
        if self.leads_back:
            for descriptor, copy in enumerate(self.descriptors):
                os.dup2(copy, descriptor)
        else:
            point_away(log=log)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._look()

    def _look(self, *, last: bool = False) -> None:
        data, skipped = self._kept.new()
        self._tell(self._lines.take(data, last=last), skipped)


class Lines:
    """Printed bytes as lines that can be shown anywhere: no escape sequences, no control characters."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._open = ""

    def take(self, data: bytes, *, last: bool = False) -> list[str]:
        """The lines that are whole with `data`; the open one too when nothing comes, or when it is the `last`."""
        *whole, now_open = (self._open + self._decode(data, last)).split("\n")
        if last or not data or len(now_open) > MOST_CHARACTERS:
            whole.append(now_open)
            now_open = ""
        self._open = now_open
        return [line for line in map(_harmless, whole) if line]


def _harmless(line: str) -> str:
    # Of what a progress bar wrote over itself the last is what one would see.
    line = _ESCAPE.sub("", line).rstrip("\r").rpartition("\r")[2].replace("\t", "    ")
    line = "".join(filter(str.isprintable, line)).rstrip()
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"


def _stream(descriptor: int) -> TextIO:
    real = sys.__stderr__
    encoding, errors = (real.encoding, real.errors) if real is not None else (None, None)
    return open(descriptor, "w", buffering=1 << 16, encoding=encoding, errors=errors, newline="", closefd=False)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.flush()


def open_closed_descriptors() -> None:
    """A standard descriptor that is closed would be the next file's: point it at nothing."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
