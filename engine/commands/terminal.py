"""What a program prints, as the lines that a person would have seen: progress bars in their last state, no escapes.

Takes bytes in pieces of any size; its work grows with their number, and its memory is bounded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from lazytrain.presets.plain_text import harmless

MOST_CHARACTERS = 2_000
"""Of a line; what is beyond is cut off."""
ROWS_ABOVE = 8
"""So many lines a program may go up: nested progress bars do, and are held back so far."""
_LONGEST_ESCAPE = 4_096
_ESCAPE = re.compile(
    r"\x1b(?:\[([0-9;:<=>?]{0,40})[ -/]{0,4}([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[PX^_][^\x1b]*\x1b\\|[ -/]{0,4}[0-Z\\^-~])"
)
_BREAK = re.compile(r"[\n\r\b\x1b]")


class Printed(NamedTuple):
    """What a line shows now."""

    text: str
    whole: bool
    """It won't change any more: it belongs in the log. Else it is what a progress bar shows for the moment."""


class Terminal:
    """The end of one stream, as a terminal would show it."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rows: list[list[str]] = [[]]
        """Those that may change still, from top to bottom."""
        self._row = self._column = 0
        self._goes_up = False
        """The program has gone up a line: lines are held back, since it will again."""
        self._escape = ""
        """The beginning of an escape sequence whose end is yet to come."""
        self._shown = ""

    def feed(self, data: bytes) -> Iterator[Printed]:
        """What is new by these bytes."""
        text = self._escape + self._decoder.decode(data)
        self._escape = ""
        at = 0
        while at < len(text):
            found = _BREAK.search(text, at)
            end = found.start() if found else len(text)
            if end > at:
                self._write(text[at:end])
            if found is None:
                return
            at = end + 1
            match found[0]:
                case "\n":
                    yield from self._line_feed()
                case "\r":
                    yield from self._show()
                    self._column = 0
                case "\b":
                    self._column = max(0, self._column - 1)
                case _:
                    at = yield from self._obey(text, end)

    def look(self) -> Iterator[Printed]:
        """What the line at work shows now, if that is new."""
        yield from self._show()

    def close(self) -> Iterator[Printed]:
        """Nothing more is printed: what was held back."""
        for row in self._rows:
            if text := _text(row):
                yield Printed(text, whole=True)
        self._rows, self._row, self._column = [[]], 0, 0

    def _show(self) -> Iterator[Printed]:
        text = _text(self._rows[self._row])
        if text and text != self._shown:
            self._shown = text
            yield Printed(text, whole=False)

    def _write(self, text: str) -> None:
        row, room = self._rows[self._row], MOST_CHARACTERS - self._column
        text = text[: max(0, room)]
        if len(row) < self._column:
            row.extend(" " * (self._column - len(row)))
        row[self._column : self._column + len(text)] = text
        self._column += len(text)

    def _line_feed(self) -> Iterator[Printed]:
        self._column = 0
        if self._row + 1 < len(self._rows):
            self._row += 1
            return
        self._rows.append([])
        self._row += 1
        kept = ROWS_ABOVE if self._goes_up else 0
        while self._row > kept:
            text = _text(self._rows.pop(0))
            self._row -= 1
            self._shown = ""
            yield Printed(text, whole=True)

    def _obey(self, text: str, start: int) -> Iterator[Printed]:
        """Do what the escape sequence at `start` says, as far as it is about lines; returns where it ends."""
        found = _ESCAPE.match(text, start)
        if found is None:
            if len(text) - start < _LONGEST_ESCAPE and _may_go_on(text, start):
                self._escape = text[start:]
                return len(text)
            return start + 1
        number = int(found[1]) if found[1] and found[1].isdecimal() and len(found[1]) < 6 else 0
        row = self._rows[self._row]
        match found[2]:
            case "K" if number == 2:
                row.clear()
            case "K" if number == 0:
                del row[self._column :]
            case "A" | "F":
                yield from self._show()
                self._goes_up = True
                self._row = max(0, self._row - max(1, number))
            case "G":
                self._column = min(max(0, number - 1), MOST_CHARACTERS)
            case _:
                pass
        return found.end()


def _may_go_on(text: str, start: int) -> bool:
    """Whether what comes next may end the sequence that begins at `start`."""
    rest = text[start + 1 :]
    if not rest:
        return True
    if rest[0] == "[":
        return all(" " <= character <= "?" for character in rest[1:])
    return rest[0] in "]PX^_" and "\x1b" not in rest[:-1]


def _text(row: list[str]) -> str:
    return harmless("".join(row).replace("\t", " ").rstrip())
