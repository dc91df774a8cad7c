"""A chart as lines of cells: frame, axes, curves, bands and marks. For the screen and for plain output alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tui.text import format_count, format_duration, format_fraction, format_loss
from tui.widgets.axis import (
    LogRange,
    StickyRange,
    YRange,
    log_labels,
    log_ticks,
    short_counts,
    tick_labels,
    ticks,
    time_unit,
)
from tui.widgets.chart_data import AxisKind, ChartData, Curve, Mark, MarkKind
from tui.widgets.chart_lines import Figure, Line, fitting_start, put_figures
from tui.widgets.picture import Picture
from tui.widgets.tones import Tone, faint

SMALLEST = (40, 7)
"""Below this width or height, frame included, a chart is noise: its figures are shown instead."""
LABEL_WIDTH = 6
"""Cells for a y label: `100 %`, `0.0025`."""
GUTTER = LABEL_WIDTH + 1
DOT_SPACING = 4
"""Cells between two dots of a curve, at least: closer together they would hide its shape."""
MARKER_SPACING = 12
"""Cells between two markers of a line."""
COLUMN_BEFORE = 1 + GUTTER
"""Cells left of the canvas: frame, label, axis."""
NUM_BINS = 200
"""Parts of the whole x axis whose means the moving average runs over: zooming doesn't change it."""

_MARKS: dict[MarkKind, tuple[str, Tone]] = {
    "best": ("●", "best"),
    "overfit": ("┊", "overfit"),
    "resumed": ("┊", "axis"),
    "bad": ("✗ NaN", "bad"),
}
OVERFIT_LABEL = "overfitting ▸"


@dataclass(slots=True)
class _Drawn:
    """A curve cut to the canvas, in the units of the axes."""

    curve: Curve
    x: Any
    y: Any
    averaged: tuple[Any, Any] | None = None
    band: tuple[Any, Any, Any] | None = None
    """Columns, lowest and highest value."""

    @property
    def shown(self) -> tuple[Any, Any]:
        """x and y of the line that counts: the moving average where there is one."""
        return self.averaged or (self.x, self.y)


class Plot:
    """Composes a chart anew for each change; what is costly, or should stay as it was, is kept between two."""

    def __init__(self, title: str, *, percent: bool = False) -> None:
        self.title = title
        self.percent = percent
        """Whether the values are fractions, shown in %."""
        self.picture = Picture()
        self.canvas_width = 0
        """Columns of the canvas; 0 where only figures are shown."""
        self.canvas_height = 0
        self.x_limits = (0.0, 1.0)
        self._log = False
        self._range: YRange = StickyRange()
        self._shown_before: object = None

    # ── places ─────────────────────────────────────────────────────────────────────────────────────────────

    def x_at(self, column: int) -> float:
        """What the x axis says in the middle of a column."""
        left, right = self.x_limits
        return left + (column + 0.5) / max(1, self.canvas_width) * (right - left)

    def column_of(self, x: float) -> int:
        """The column that shows `x`, or the one at the edge beyond which it lies."""
        return max(0, min(self.canvas_width - 1, self._column(x)))

    def _column(self, x: float) -> int:
        left, right = self.x_limits
        return math.floor((x - left) / (right - left) * self.canvas_width)

    def _row(self, value: float, limits: tuple[float, float]) -> int:
        """The row of a value as drawn, or the one at the edge beyond which it lies."""
        low, high = limits
        return max(0, min(self.canvas_height - 1, int((high - value) / (high - low) * self.canvas_height)))

    # ── composing ──────────────────────────────────────────────────────────────────────────────────────────

    def compose(
        self, width: int, height: int, data: ChartData | None, *, cursor: int | None = None, empty_text: str = ""
    ) -> list[Line]:
        """The chart in `width` × `height` cells; `empty_text` where there is nothing to show."""
        self._log = data is not None and data.view.log and not self.percent
        if width < SMALLEST[0] or height < SMALLEST[1]:
            self.canvas_width = self.canvas_height = 0
            return self._compose_figures(width, height, data.figures if data else (), empty_text)
        tags = max((len(curve.tag) for curve in data.curves), default=0) if data else 0
        margin = min(tags, width // 4) + 1 if tags else 0
        self.canvas_width, self.canvas_height = width - COLUMN_BEFORE - 2 - margin, height - 3
        lines = _framed(width, height, self._head)
        if data is None:
            _put_centred(lines, empty_text)
            return lines
        self.x_limits = data.view.window or (0.0, max(data.x_end, 1e-9))
        figures = data.figures if cursor is None else self._figures_at(data, cursor)
        start = fitting_start(figures, width - 3, len(self._head) + 6)
        if start is not None:
            lines[0].put(start - 1, " " * (width - 1 - start), "frame")
            put_figures(lines[0], start, width - 3, figures)
        drawn = [self._draw(curve, data) for curve in data.curves]
        limits = self._limits(data, drawn)
        if limits is None:
            _put_centred(lines, empty_text)
            return lines
        self._put_y_axis(lines, limits)
        self._put_canvas(lines, data, drawn, limits)
        if margin:
            self._put_tags(lines, drawn, limits, margin - 1)
        self._put_x_axis(lines[-2], data.view.by)
        if cursor is not None:
            self._put_vertical(lines, min(cursor, self.canvas_width - 1), "│", "cursor")
        return lines

    @property
    def _head(self) -> str:
        return f"{self.title}, log" if self._log else self.title

    def _compose_figures(self, width: int, height: int, figures: tuple[Figure, ...], empty_text: str) -> list[Line]:
        """Too small for a chart: the figures in one line, framed where there is room for a frame."""
        if height < 3:
            lines = [Line.blank(width) for _ in range(height)]
            lines[0].put(0, self.title, "title")
            put_figures(lines[0], len(self.title) + 2, width, figures)
            return lines
        lines = _framed(width, height, self.title)
        if figures:
            put_figures(lines[height // 2], 2, width - 2, figures)
        else:
            lines[height // 2].put(2, empty_text[: width - 4], "axis")
        return lines

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────

    def _figures_at(self, data: ChartData, cursor: int) -> tuple[Figure, ...]:
        """Where the cursor stands, and each curve's value there: the last one at or before it."""
        from engine.series import at

        x = self.x_at(min(cursor, self.canvas_width - 1))
        column = (self.x_limits[1] - self.x_limits[0]) / self.canvas_width
        shown = [_place(data.view.by, x, column)]
        for curve in data.curves:
            value = at(curve.x, curve.y, x / curve.x_scale)
            if value is None:
                continue
            gap = float(curve.x[-1] - curve.x[-2]) * curve.x_scale if len(curve.x) > 1 else 0.0
            if x < float(curve.x[-1]) * curve.x_scale + max(column, gap):
                shown.append(Figure(f"{curve.marker} {curve.label}".strip(), self._say(value), curve.tone))
        return tuple(shown)

    def _say(self, value: float) -> str:
        return format_fraction(value) if self.percent else format_loss(value)

    def _axis_values(self, y: Any) -> Any:
        """Values as they lie on the y axis: in %, or their logarithm (NaN where there is none)."""
        import numpy as np

        if self.percent:
            return y * 100
        if self._log:
            return np.log10(np.where(y > 0, y, np.nan))
        return y

    def _draw(self, curve: Curve, data: ChartData) -> _Drawn:
        """A curve as it is drawn, with its moving average and its band."""
        import numpy as np

        drawn = _Drawn(curve, *self._cut(curve.x, curve.y, curve.x_scale))
        if data.view.smoothing and curve.smooth:
            from engine.series import column_means, smooth

            x, means = column_means(curve.x, curve.y, NUM_BINS, 0, max(data.x_end, data.newest) / curve.x_scale)
            drawn.averaged = self._cut(x, smooth(means, data.view.smoothing), curve.x_scale)
        if curve.low is not None and len(curve.x):
            x = curve.x * curve.x_scale
            centres = np.array([self.x_at(column) for column in range(self.canvas_width)])
            inside = (centres >= x[0]) & (centres <= x[-1])
            bounds = (np.interp(centres[inside], x, bound) for bound in (curve.low, curve.high))
            low, high = (self._axis_values(bound) for bound in bounds)
            drawn.band = (np.flatnonzero(inside), low, high)
        return drawn

    def _cut(self, x: Any, y: Any, scale: float) -> tuple[Any, Any]:
        """A curve thinned to this canvas; where the window cuts it, it comes in and goes out at the edge."""
        import numpy as np

        from engine.series import crossing, thin

        left, right = (limit / scale for limit in self.x_limits)
        thin_x, thin_y = thin(x, y, self.canvas_width, left, right, positive=self._log)
        thin_x, thin_y = thin_x * scale, self._axis_values(thin_y)
        for edge in (left, right):
            value = crossing(x, y, edge)
            if value is not None and (value > 0 or not self._log):
                index = len(thin_x) if edge == right else 0
                thin_x = np.insert(thin_x, index, edge * scale)
                thin_y = np.insert(thin_y, index, self._axis_values(np.float64(value)))
        return thin_x, thin_y

    def _limits(self, data: ChartData, drawn: list[_Drawn]) -> tuple[float, float] | None:
        """The y axis' limits, as they were where they still do; None if there is nothing to show."""
        from engine.series import extremes

        bands = (bound for each in drawn if each.band is not None for bound in each.band[1:])
        found = extremes([*(each.y for each in drawn), *bands])
        if found is None:
            return None
        shown = (data.key, data.view.window, self._log)
        if shown != self._shown_before:
            # Who looks closer wants to see more of it: less of a flat curve's noise is hidden.
            linear = StickyRange(100.0 if self.percent else math.inf, 0.25 if data.view.window is None else 0.1)
            self._range = LogRange() if self._log else linear
            self._shown_before = shown
        return self._range.fit(*found)

    # ── cells ──────────────────────────────────────────────────────────────────────────────────────────────

    def _put_canvas(self, lines: list[Line], data: ChartData, drawn: list[_Drawn], limits: tuple[float, float]) -> None:
        tones: list[Tone] = [faint(each.curve.tone) for each in drawn if each.averaged is not None]
        strokes = [(each.x, each.y) for each in drawn if each.averaged is not None]
        for each in drawn:
            strokes.append(each.shown)
            tones.append(each.curve.tone)
        rows = self.picture.show(self.canvas_width, self.canvas_height, strokes, self.x_limits, limits)
        end = COLUMN_BEFORE + self.canvas_width
        for line, row in zip(lines[1:], rows, strict=False):
            line.characters[COLUMN_BEFORE:end] = row.characters
            line.tones[COLUMN_BEFORE:end] = ["axis" if owner < 0 else tones[owner] for owner in row.owners]
        for each in drawn:
            self._put_band(lines, each, limits)
        for index, each in enumerate(drawn):
            if each.curve.stroke == "dots":
                self._put_dots(lines, each, limits)
            elif each.curve.marker:
                self._put_markers(lines, each, limits, index * MARKER_SPACING // len(drawn))
        for mark in data.marks:
            self._put_mark(lines, mark, limits)

    def _put_band(self, lines: list[Line], drawn: _Drawn, limits: tuple[float, float]) -> None:
        if drawn.band is None:
            return
        tone = faint(drawn.curve.tone)
        for column, low, high in zip(*(each.tolist() for each in drawn.band), strict=True):
            if math.isnan(high):
                continue
            bottom = self.canvas_height - 1 if math.isnan(low) else self._row(low, limits)
            for line in lines[1 + self._row(high, limits) : 2 + bottom]:
                if line.characters[COLUMN_BEFORE + column] == " ":
                    line.put(COLUMN_BEFORE + column, "░", tone)

    def _put_dots(self, lines: list[Line], drawn: _Drawn, limits: tuple[float, float]) -> None:
        """Dots at points of the curve, always the same ones at the same scale."""
        curve, (left, right) = drawn.curve, self.x_limits
        if not len(curve.x):
            return
        x = curve.x * curve.x_scale
        gap = float(x[-1] - x[0]) / (len(x) - 1) if len(x) > 1 else right - left
        every = max(1, math.ceil(DOT_SPACING * (right - left) / self.canvas_width / max(gap, 1e-12) - 1e-6))
        values = self._axis_values(curve.y[every - 1 :: every])
        for place, value in zip(x[every - 1 :: every].tolist(), values.tolist(), strict=True):
            if math.isfinite(value) and left <= place <= right:
                self._put_at(lines, self.column_of(place), self._row(value, limits), curve.marker or "•", curve.tone)

    def _put_markers(self, lines: list[Line], drawn: _Drawn, limits: tuple[float, float], first: int) -> None:
        """Shapes on a line in fixed columns, other ones for each curve: they stay where they are as it grows."""
        import numpy as np

        x, y = drawn.shown
        if not len(x):
            return
        for column in range(first, self.canvas_width, MARKER_SPACING):
            place = self.x_at(column)
            if x[0] <= place <= x[-1]:
                value = float(np.interp(place, x, y))
                self._put_at(lines, column, self._row(value, limits), drawn.curve.marker, drawn.curve.tone)

    def _put_mark(self, lines: list[Line], mark: Mark, limits: tuple[float, float]) -> None:
        column = self._column(mark.x)
        if mark.x == self.x_limits[1]:
            column -= 1
        if not 0 <= column < self.canvas_width:
            return
        glyph, tone = mark.glyph or _MARKS[mark.kind][0], mark.tone or _MARKS[mark.kind][1]
        match mark.kind:
            case "best" if mark.y is not None:
                value = float(self._axis_values(mark.y))
                if math.isfinite(value):
                    self._put_at(lines, column, self._row(value, limits), glyph, tone)
            case "bad":
                lines[1].put(COLUMN_BEFORE + min(column, self.canvas_width - len(glyph)), glyph, tone)
            case _:
                self._put_vertical(lines, column, glyph, tone)
                if mark.kind == "overfit":
                    # Above the axis, where curves rarely are; left of the line where there is no room at its right.
                    room = column + len(OVERFIT_LABEL) + 1 < self.canvas_width
                    text = OVERFIT_LABEL if room else f"{OVERFIT_LABEL[:-2]} ┊"
                    start = column + 1 if room else column + 1 - len(text)
                    if start >= 0:
                        self._put_where_blank(lines[self.canvas_height], start, text, tone)

    def _put_at(self, lines: list[Line], column: int, row: int, character: str, tone: Tone) -> None:
        lines[1 + row].put(COLUMN_BEFORE + column, character, tone)

    def _put_where_blank(self, line: Line, column: int, text: str, tone: Tone) -> None:
        """Write a label unless it would hide a curve."""
        there = line.characters[COLUMN_BEFORE + column : COLUMN_BEFORE + column + len(text)]
        if all(character in " ┊" for character in there):
            line.put(COLUMN_BEFORE + column, text, tone)

    def _put_vertical(self, lines: list[Line], column: int, character: str, tone: Tone) -> None:
        """A vertical line behind the curves."""
        for line in lines[1 : 1 + self.canvas_height]:
            if line.characters[COLUMN_BEFORE + column] in " ░":
                line.put(COLUMN_BEFORE + column, character, tone)

    def _put_tags(self, lines: list[Line], drawn: list[_Drawn], limits: tuple[float, float], width: int) -> None:
        """Names beside the curves' ends; where two would be on one line, the next one moves."""
        ends = [(self._row(float(each.shown[1][-1]), limits), each.curve) for each in drawn if len(each.shown[1])]
        ends = [(row, curve) for row, curve in ends if curve.tag][: self.canvas_height]
        taken = -1
        rows: list[int] = []
        for number, (row, _) in enumerate(sorted(ends, key=lambda end: end[0])):
            # Low enough not to lie on the one before, high enough to leave a line to each that comes.
            taken = min(max(row, taken + 1), self.canvas_height - (len(ends) - number))
            rows.append(taken)
        column = COLUMN_BEFORE + self.canvas_width + 1
        for row, (_, curve) in zip(rows, sorted(ends, key=lambda end: end[0]), strict=True):
            lines[1 + row].put(column, curve.tag[:width], curve.tone)

    # ── axes ───────────────────────────────────────────────────────────────────────────────────────────────

    def _put_y_axis(self, lines: list[Line], limits: tuple[float, float]) -> None:
        for line in lines[1 : 1 + self.canvas_height]:
            line.put(GUTTER, "│", "axis")
        count = max(1, min(5, self.canvas_height // 2))
        if self._log:
            values = log_ticks(10 ** limits[0], 10 ** limits[1], max(2, min(8, self.canvas_height // 2)))
            places, labels = [math.log10(value) for value in values], log_labels(values)
        else:
            places = ticks(*limits, count)
            labels = [f"{label} %" if self.percent else label for label in tick_labels(places)]
        for place, label in zip(places, labels, strict=True):
            line = lines[1 + self._row(place, limits)]
            line.put(1, f"{label[:LABEL_WIDTH]:>{LABEL_WIDTH}}┤", "axis")

    def _put_x_axis(self, line: Line, by: AxisKind) -> None:
        left, right = self.x_limits
        unit, factor = time_unit(right) if by == "time" else (by, 1.0)
        line.put(1, f"{unit:>{LABEL_WIDTH}}"[-LABEL_WIDTH:], "axis")
        count = max(1, min(10, self.canvas_width // 8))
        values = ticks(left / factor, right / factor, count, whole=by != "time")
        labels = short_counts(values) if by in ("step", "images") else tick_labels(values)
        after = -1
        for value, label in zip(values, labels, strict=True):
            centre = round((value * factor - left) / (right - left) * self.canvas_width)
            column = max(0, min(self.canvas_width - len(label), centre - len(label) // 2))
            if column > after:
                line.put(COLUMN_BEFORE + column, label, "axis")
                after = column + len(label)


def _framed(width: int, height: int, title: str) -> list[Line]:
    lines = [Line.blank(width) for _ in range(height)]
    lines[0].put(0, "╭" + "─" * (width - 2) + "╮", "frame")
    lines[0].put(1, f" {title} ", "title")
    lines[-1].put(0, "╰" + "─" * (width - 2) + "╯", "frame")
    for line in lines[1:-1]:
        line.put(0, "│", "frame")
        line.put(width - 1, "│", "frame")
    return lines


def _put_centred(lines: list[Line], text: str) -> None:
    width = len(lines[0].characters)
    lines[len(lines) // 2].put(max(1, (width - len(text)) // 2), text[: width - 2], "axis")


def _place(by: AxisKind, x: float, column: float) -> Figure:
    """Where the cursor stands on the x axis, to a column's precision."""
    match by:
        case "epoch":
            digits = max(0, min(4, math.ceil(-math.log10(column))))
            return Figure("epoch", f"{x:.{digits}f}", "cursor")
        case "time":
            return Figure("after", format_duration(x), "cursor")
        case _:
            return Figure(by, format_count(round(x)), "cursor")
