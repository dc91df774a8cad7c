"""A log of any length: only the lines in view are drawn."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytrain.engine.records import Message
from lazytrain.presets.plain_text import invisible
from lazytrain.tui.words.text import format_moment

MOST_LINES = 10_000
"""So many of the newest are kept."""
GLYPHS = {"warning": ("⚠", "warning"), "error": ("✗", "error"), "stderr": ("┆", "warning"), "stdout": ("│", "muted")}
_CLOCK = "00:00:00"
_PREFIX = len(_CLOCK) + 4
LEAST_TEXT = 20
"""Cells that a text has beside its time; with less, the time stands alone."""
_WORD = re.compile(r"\S+\s*|\s+")


class Row(NamedTuple):
    """A line on the screen."""

    message: Message
    when: str
    """The time of day beside its first line; or the day, where that is all that stands here."""
    text: str | None = None


class LogLines(ScrollView, can_focus=False):
    """Messages with their times under their days, the newest at the end, long ones in several lines."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--muted", "log--warning", "log--error"}
    DEFAULT_CSS: ClassVar[str] = """
    LogLines {
        overflow-x: hidden;
        & > .log--muted { color: $foreground 60%; }
        & > .log--warning { color: $text-warning; }
        & > .log--error { color: $text-error; }
    }
    """

    def __init__(self, empty: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._empty = empty
        self._messages: deque[Message] = deque(maxlen=MOST_LINES)
        self._rows: list[Row] = []
        self._day = ""
        """Of the last line."""
        self._width = 0

    @property
    def text(self) -> str:
        """All of it, as it is shown in a terminal of any width."""
        return "\n".join(f"{_moment(each)[1]}  {_glyph(each)} {each.text}" for each in self._messages)

    def add(self, messages: Iterable[Message]) -> None:
        """Add messages; what is in view stays, or the end does if that was in view."""
        at_end = self.scroll_offset.y >= self.max_scroll_y
        new = list(messages)
        self._messages.extend(new)
        self._rows += [row for message in new for row in self._wrapped(message)]
        oldest = self._messages[0].id if self._messages else 0
        gone = next((number for number, row in enumerate(self._rows) if row.message.id >= oldest), 0)
        del self._rows[:gone]
        self._fit()
        if at_end:
            self.scroll_end(animate=False)

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width:
            at_end = self.scroll_offset.y >= self.max_scroll_y
            self._wrap()
            self._fit()
            if at_end:
                self.scroll_end(animate=False)

    def _wrap(self) -> None:
        self._width, self._day = self.scrollable_content_region.width, ""
        self._rows = [row for message in self._messages for row in self._wrapped(message)]

    def _wrapped(self, message: Message) -> Iterator[Row]:
        """Its lines, under its day where that is another one than the line's before."""
        day, clock = _moment(message)
        if day != self._day:
            self._day = day
            yield Row(message, day)
        lines = wrap(message.text, max(LEAST_TEXT, self._width - _PREFIX)) if self._width else [message.text]
        for number, line in enumerate(lines):
            yield Row(message, "" if number else clock, line)

    def _fit(self) -> None:
        self.virtual_size = Size(self._width, max(1, len(self._rows)))
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        muted = self.get_component_rich_style("log--muted")
        row = y + self.scroll_offset.y
        if not self._rows:
            return Strip([Segment(self._empty if y == 0 else "", muted)]).adjust_cell_length(width, self.rich_style)
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        message, when, text = self._rows[row]
        if text is None:
            return Strip([Segment(when, muted)]).adjust_cell_length(width, self.rich_style)
        tone = GLYPHS.get(message.level, ("", "muted"))[1]
        segments = [
            Segment(f"{when:<{len(_CLOCK)}}  ", muted),
            Segment(f"{_glyph(message) if when else ' '} ", self.get_component_rich_style(f"log--{tone}")),
            Segment(invisible(text), self.rich_style),
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)


def _moment(message: Message) -> tuple[str, str]:
    """(day, time of day)."""
    day, _, clock = format_moment(message.time).rpartition(" ")
    return day, clock


def _glyph(message: Message) -> str:
    return GLYPHS.get(message.level, ("·", ""))[0]


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of `width` cells, between words where there are some."""
    if text.isascii():
        return list(_wrap_ascii(text, width))
    if cell_len(text) <= width:
        return [text]
    lines, line = [], ""
    for word in _WORD.findall(text):
        if cell_len(line) + cell_len(word.rstrip()) <= width:
            line += word
            continue
        if line:
            lines.append(line.rstrip())
        *whole, line = chop_cells(word, width)
        lines += whole
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _wrap_ascii(text: str, width: int) -> Iterator[str]:
    """The same where each character is a cell: ten thousand lines are wrapped in no time."""
    start = 0
    while len(text) - start > width:
        space = text.rfind(" ", start + 1, start + width + 1)
        end = space if space > start else start + width
        yield text[start:end].rstrip()
        start = end + (space > start)
    yield text[start:].rstrip()
