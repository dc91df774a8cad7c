"""Lines of cells, each with a tone: what a chart is composed of before it becomes strips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytrain.tui.charts.spans import changed_span
from lazytrain.tui.charts.tones import Tone

if TYPE_CHECKING:
    from rich.style import Style
    from textual.strip import Strip


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure in the frame: `train 0.412`."""

    label: str
    value: str
    tone: Tone = "text"
    long: str = ""
    """All of it, where there is more room."""

    def __str__(self) -> str:
        return f"{self.label} {self.value}" if self.label else self.value


@dataclass(slots=True)
class Line:
    """A line of the widget: a character and a tone a cell."""

    characters: list[str]
    tones: list[Tone]

    @classmethod
    def blank(cls, width: int) -> Line:
        return cls([" "] * width, ["axis"] * width)

    def copy(self) -> Line:
        return Line(self.characters.copy(), self.tones.copy())

    def put(self, column: int, text: str, tone: Tone) -> None:
        start, end = max(0, column), min(len(self.characters), column + len(text))
        if start < end:
            self.characters[start:end] = text[start - column : end - column]
            tones: list[Tone] = [tone] * (end - start)
            self.tones[start:end] = tones

    def changed_span(self, other: Line) -> tuple[int, int] | None:
        """First changed column and the one after the last, or None if they are the same."""
        return changed_span((self.characters, other.characters), (self.tones, other.tones))

    def parts(self) -> Iterator[tuple[str, Tone]]:
        """The line's text, cut where the tone changes."""
        start, width = 0, len(self.characters)
        for column in range(1, width + 1):
            if column == width or self.tones[column] != self.tones[start]:
                yield "".join(self.characters[start:column]), self.tones[start]
                start = column

    def strip(self, styles: dict[Tone, Style]) -> Strip:
        """The line as Textual shows it."""
        # What is printed without a screen needs no Textual.
        from rich.segment import Segment
        from textual.strip import Strip

        return Strip([Segment(text, styles[tone]) for text, tone in self.parts()], len(self.characters))


def lengthened(figures: tuple[Reading, ...], room: int) -> tuple[Reading, ...]:
    """The figures as long as they may be, if all of them fit then."""
    long = tuple(Reading("", each.long, each.tone) if each.long else each for each in figures)
    return long if figures_width(long) <= room else figures


def fitting_start(figures: tuple[Reading, ...], end: int, first: int) -> int | None:
    """The column where figures begin that are to end before `end`; only as many are counted as fit after `first`."""
    count = num_fitting(figures, end - first)
    return end - figures_width(figures[:count]) if count else None


def num_fitting(figures: tuple[Reading, ...], room: int) -> int:
    """How many figures fit into `room` cells, from the first on."""
    return next((count for count in range(len(figures), 0, -1) if figures_width(figures[:count]) <= room), 0)


def put_figures(line: Line, start: int, end: int, figures: tuple[Reading, ...]) -> None:
    """Write figures from `start` on, as many as fit before `end`."""
    column = start
    for figure in figures:
        text = str(figure)
        if column + len(text) > end:
            return
        line.put(column, text, figure.tone)
        column += len(text) + 2


def figures_width(figures: tuple[Reading, ...]) -> int:
    return sum(len(str(figure)) for figure in figures) + 2 * (len(figures) - 1)
