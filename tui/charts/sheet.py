"""The cells of a chart and its scales: where a value lies, and what is put there over and behind the curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lazytrain.tui.charts.axis import short_counts, tick_labels, ticks, time_unit
from lazytrain.tui.charts.data import Mark, MarkKind
from lazytrain.tui.charts.lines import Line
from lazytrain.tui.charts.tones import Tone
from lazytrain.tui.words.text import shorten

if TYPE_CHECKING:
    from lazytrain.tui.replaced.cell_row import CellRow

LABEL_WIDTH = 6
"""Cells for a y label: `100 %`, `0.0025`."""
COLUMN_BEFORE = 1 + LABEL_WIDTH + 1
"""Cells left of the canvas: frame, label, axis."""
AROUND = (COLUMN_BEFORE + 2, 3)
"""Columns and lines of a chart that aren't its canvas."""
MARK_LOOKS: dict[MarkKind, tuple[str, Tone]] = {
    "best": ("●", "best"),
    "overfit": ("╎", "overfit"),
    "resumed": ("┊", "axis"),
    "bad": ("✗ NaN", "bad"),
}
OVERFIT_LABEL = "overfitting"


@dataclass(slots=True)
class ChartSheet:
    """A framed chart under way. Rows and columns are counted from the canvas' top left cell."""

    lines: list[Line]
    width: int
    """Of the canvas, in cells."""
    height: int
    x_limits: tuple[float, float]
    """Of the canvas' left and right edge."""
    y_limits: tuple[float, float] = field(default=(0.0, 1.0))
    """Of its bottom and top edge, as values are drawn: in %, or as logarithms."""

    # ── where ──────────────────────────────────────────────────────────────────────────────────────────────

    def x_at(self, column: int) -> float:
        """What the x axis says in the middle of a column."""
        left, right = self.x_limits
        return left + (column + 0.5) / max(1, self.width) * (right - left)

    def column_of(self, x: float) -> int:
        """The column that shows `x`, or the one at the edge beyond which it lies."""
        left, right = self.x_limits
        return max(0, min(self.width - 1, math.floor((x - left) / (right - left) * self.width)))

    def row_of(self, value: float) -> int:
        """The row of a value, or the one at the edge beyond which it lies."""
        low, high = self.y_limits
        return max(0, min(self.height - 1, int((high - value) / (high - low) * self.height)))

    def shows(self, x: float) -> bool:
        """Whether `x` lies inside."""
        return self.x_limits[0] <= x <= self.x_limits[1]

    # ── putting ────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, column: int, row: int, text: str, tone: Tone) -> None:
        self.lines[1 + row].put(COLUMN_BEFORE + column, text, tone)

    def put_rows(self, rows: Sequence[CellRow], tones: Sequence[Tone], *, over: bool = True) -> None:
        """Curves as they were drawn; `tones` are the strokes'.

        Args:
            over: leave what is there where no stroke is; otherwise there is nothing yet.
        """
        if not over:
            canvas = slice(COLUMN_BEFORE, COLUMN_BEFORE + self.width)
            of_owner: list[Tone] = [*tones, "axis"]  # the last one is that of no owner, -1
            for line, row in zip(self.lines[1:], rows, strict=False):
                line.characters[canvas] = row.characters
                shown: list[Tone] = [of_owner[owner] for owner in row.owners]
                line.tones[canvas] = shown
            return
        for line, row in zip(self.lines[1:], rows, strict=False):
            for column, owner in enumerate(row.owners, COLUMN_BEFORE):
                if owner >= 0:
                    line.characters[column] = row.characters[column - COLUMN_BEFORE]
                    line.tones[column] = tones[owner]

    def put_points(
        self, points: Iterable[tuple[float, float]], character: str, tone: Tone, *, inside: bool = False
    ) -> None:
        """A character at each point that is on the x axis and a number.

        Args:
            inside: leave out those that the y axis doesn't show; otherwise they are at its edge.
        """
        (low, high), slack = self.y_limits, 1e-9 * (self.y_limits[1] - self.y_limits[0])
        for x, value in points:
            if self.shows(x) and math.isfinite(value) and (not inside or low - slack <= value <= high + slack):
                self.put(self.column_of(x), self.row_of(value), character, tone)

    def put_band(self, column: int, low: float, high: float, tone: Tone) -> None:
        """A column of a band, where nothing is drawn; without a lower end (a logarithm of 0) down to the axis."""
        if math.isnan(high) or high < self.y_limits[0] or low > self.y_limits[1]:
            return
        bottom = self.height - 1 if math.isnan(low) else self.row_of(low)
        for line in self.lines[1 + self.row_of(high) : 2 + bottom]:
            if line.characters[COLUMN_BEFORE + column] == " ":
                line.put(COLUMN_BEFORE + column, "░", tone)

    def put_vertical(self, column: int, character: str, tone: Tone) -> None:
        """A vertical line behind the curves."""
        for line in self.lines[1 : 1 + self.height]:
            if line.characters[COLUMN_BEFORE + column] in " ░":
                line.put(COLUMN_BEFORE + column, character, tone)

    def put_mark(self, mark: Mark, value: float) -> None:
        """A mark, of a point at `value` as it is drawn, or of a place on the x axis; nothing where it lies outside."""
        if not self.shows(mark.x):
            return
        glyph, tone = mark.glyph or MARK_LOOKS[mark.kind][0], mark.tone or MARK_LOOKS[mark.kind][1]
        column = self.column_of(mark.x)
        if mark.y is not None:
            self.put_points([(mark.x, value)], glyph, tone)
            return
        match mark.kind:
            case "best":
                pass  # without a figure there is none
            case "bad":
                start = min(column, self.width - len(glyph))
                self.put(start, self._blank_row(start, len(glyph)) or 0, glyph, tone)
            case "resumed":
                self.put_vertical(column, glyph, tone)
            case "overfit":
                self.put_vertical(column, glyph, tone)
                # Beside the line, in the first row where that hides no curve.
                at_right = column + len(OVERFIT_LABEL) + 2 < self.width
                start = column + 2 if at_right else column - 1 - len(OVERFIT_LABEL)
                row = self._blank_row(start, len(OVERFIT_LABEL))
                if row is not None:
                    self.put(start, row, OVERFIT_LABEL, tone)

    def _blank_row(self, column: int, width: int) -> int | None:
        """The first row with nothing in these columns."""
        if column < 0:
            return None
        cells = slice(COLUMN_BEFORE + column, COLUMN_BEFORE + column + width)
        rows = (line.characters[cells] for line in self.lines[1 : 1 + self.height])
        return next((number for number, there in enumerate(rows) if all(each == " " for each in there)), None)

    def put_tags(self, ends: Sequence[tuple[float, str, Tone]]) -> None:
        """Names in the margin at the right, beside the curves' ends; where two would be on one line, the next moves.

        Args:
            ends: each curve's last value, its name, and its tone; those without a line left for them are left out.
        """
        ordered = sorted(ends, key=lambda end: -end[0])[: self.height]
        taken = -1
        for number, (value, tag, tone) in enumerate(ordered):
            # Below the one before, and high enough to leave a line to each that comes.
            taken = min(max(self.row_of(value), taken + 1), self.height - (len(ordered) - number))
            self.put(self.width + 1, taken, tag, tone)

    # ── axes ───────────────────────────────────────────────────────────────────────────────────────────────

    def put_y_axis(self, places: Sequence[float], labels: Sequence[str]) -> None:
        for line in self.lines[1 : 1 + self.height]:
            line.put(COLUMN_BEFORE - 1, "│", "axis")
        for place, label in zip(places, labels, strict=True):
            line = self.lines[1 + self.row_of(place)]
            line.put(1, f"{label[:LABEL_WIDTH]:>{LABEL_WIDTH}}┤", "axis")

    def put_x_axis(self, by: str) -> None:
        """The axis of one of the kinds that views know, or of a metric."""
        line, (left, right) = self.lines[-2], self.x_limits
        unit, factor = time_unit(right) if by == "time" else (by, 1.0)
        line.put(1, f"{shorten(unit, LABEL_WIDTH):>{LABEL_WIDTH}}", "axis")
        count = max(1, min(10, self.width // 8))
        values = ticks(left / factor, right / factor, count, whole=by != "time")
        labels = short_counts(values) if by in ("step", "images") else tick_labels(values)
        after = -1
        for value, label in zip(values, labels, strict=True):
            centre = round((value * factor - left) / (right - left) * self.width)
            column = max(0, min(self.width - len(label), centre - len(label) // 2))
            if column > after:
                line.put(COLUMN_BEFORE + column, label, "axis")
                after = column + len(label)


def framed(width: int, height: int, title: str) -> list[Line]:
    """Blank lines in a frame with a title."""
    lines = [Line.blank(width) for _ in range(height)]
    lines[0].put(0, "╭" + "─" * (width - 2) + "╮", "frame")
    lines[0].put(1, f" {title} ", "title")
    lines[-1].put(0, "╰" + "─" * (width - 2) + "╯", "frame")
    for line in lines[1:-1]:
        line.put(0, "│", "frame")
        line.put(width - 1, "│", "frame")
    return lines
