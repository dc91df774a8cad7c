"""What a program prints while its run goes on, kept as the run's log; it is printed all the same."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections import deque
from typing import Any

from lazytrain.engine.store.printed import MOST_LINES, Line
from lazytrain.presets.plain_text import harmless

LONGEST_LINE = 2_000
MOST_PIECES = 50_000
"""Printed and not yet written down: beyond, the oldest are left out."""
LONGEST_PIECE = 1 << 20
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-Z\\^-~])"
)


class Printed:
    """Listens to the program's standard output and standard error.

    A `print` costs about three microseconds more. Progress bars, which write one line again and again, are kept as
    they stood last; colours and other orders to a terminal are left out.
    """

    def __init__(self) -> None:
        self._pieces: deque[tuple[str, float, str]] = deque(maxlen=MOST_PIECES)
        self._begun: dict[str, str] = {"stdout": "", "stderr": ""}
        """The line that has no end yet."""
        self._streams: list[Any] = []

    def listen(self) -> None:
        """From now on."""
        for name in self._begun:
            stream = getattr(sys, name)
            # One that takes no attributes, or is none at all (pythonw), isn't listened to.
            with contextlib.suppress(AttributeError, TypeError):
                stream.write = _Listening(name, stream.write, self._pieces)
                self._streams.append(stream)

    def leave(self) -> None:
        """No more. What listens further in, a notebook's or another program's, stays."""
        for stream in self._streams:
            found = getattr(stream, "__dict__", {}).get("write")
            if isinstance(found, _Listening):
                if found.pieces is not self._pieces:
                    found.forget(self._pieces)
                elif isinstance(found.write, _Listening):
                    stream.write = found.write
                else:
                    del stream.write
        self._streams.clear()

    def add(self, text: str) -> None:
        """As if it were printed on standard error."""
        self._pieces.append(("stderr", time.time(), text))

    def forget(self) -> None:
        """In a child process: what was printed before the fork is the parent's."""
        self._pieces.clear()

    def take(self, *, last: bool = False) -> list[Line]:
        """The lines that were completed since the last time; the last time, one without an end, too."""
        lines: deque[Line] = deque(maxlen=MOST_LINES)
        while self._pieces:
            stream, moment, text = self._pieces.popleft()
            *whole, self._begun[stream] = (self._begun[stream] + text).split("\n")
            lines += [(moment, stream, _plain(line)) for line in whole]
            # Of a progress bar's states the last one counts.
            self._begun[stream] = self._begun[stream][-LONGEST_PIECE:].rpartition("\r")[2] or self._begun[stream][-80:]
        if last:
            lines += [(time.time(), stream, _plain(text)) for stream, text in self._begun.items() if text.strip()]
        return list(lines)


class _Listening:
    """In place of a stream's `write`."""

    def __init__(self, name: str, write: Any, pieces: deque[tuple[str, float, str]]) -> None:
        self.name, self.write, self.pieces = name, write, pieces

    def __call__(self, text: str, /) -> int:
        written = self.write(text)
        if type(text) is str and text:
            self.pieces.append((self.name, time.time(), text[-LONGEST_PIECE:]))
        return written

    def forget(self, pieces: deque[tuple[str, float, str]]) -> None:
        """Somebody further in listens no more."""
        if isinstance(self.write, _Listening) and self.write.pieces is pieces:
            self.write = self.write.write


def _plain(line: str) -> str:
    """A line as a person saw it."""
    shown = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    return harmless(_ESCAPE.sub("", shown).expandtabs(4).rstrip())[:LONGEST_LINE]
