"""A chart as lines of cells: for the screen and for plain output alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len

from lazytrain.tui.charts.axis import LogRange, StickyRange, YRange, log_labels, log_ticks, tick_labels, ticks
from lazytrain.tui.charts.data import ChartData, Curve
from lazytrain.tui.charts.drawing import Picture
from lazytrain.tui.charts.lines import Line, Reading, figures_width, fitting_start, lengthened, num_fitting, put_figures
from lazytrain.tui.charts.sheet import AROUND, ChartSheet, framed
from lazytrain.tui.charts.tones import faint
from lazytrain.tui.words.names import tell_apart
from lazytrain.tui.words.text import format_count, format_duration, format_fraction, format_loss

SMALLEST = (40, 7)
"""Below this width or height, frame included, a chart is noise: its figures are shown instead."""
ROOMY = 60
"""From this width on, what is said of smoothing has room beside the figures at the cursor."""
DOT_SPACING = 4
"""Cells between two dots of a curve, at least: closer together they would hide its shape."""
MARKER_SPACING = 12
"""Cells between two markers of a line."""
SETTLED = 0.25
"""Of a curve, the first part that a fitted y axis may leave out."""
FLAT = {"held": 0.25, "zoomed": 0.1, "fitted": 0.02, "full": 0.25}
"""The share of the largest value that the y axis covers at least: noise isn't blown up to fill a chart."""
NUM_BINS = 200
"""Parts of the whole x axis whose means the moving average runs over: zooming doesn't change it."""


@dataclass(slots=True)
class DrawnCurve:
    """A curve cut to the canvas, in the units of the axes as they are drawn."""

    curve: Curve
    x: Any
    y: Any
    average: tuple[Any, Any] | None = None
    band: tuple[Any, Any, Any] | None = None
    """Columns, lowest and highest value."""

    @property
    def shown(self) -> tuple[Any, Any]:
        """x and y of the line that counts: the moving average where there is one."""
        return self.average or (self.x, self.y)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A curve's arrays, on what it was to be shown, and the points that came of it."""

    x: Any
    y: Any
    place: tuple[object, ...]
    points: tuple[Any, Any]


class Plot:
    """Composes a chart anew for each change; what is costly, or should stay as it was, is kept between two."""

    def __init__(self, title: str, *, percent: bool = False, colours: bool = True) -> None:
        self.title = title
        self.colours = colours
        """Whether they tell curves apart; else those of dots are dots alone, and their figures say which they are."""
        self.percent = percent
        """Whether the values are fractions, shown in %."""
        self.picture = Picture()
        self._behind = Picture()
        """Raw curves behind their averages, apart: a cell shows the dots of one of the two."""
        self.sheet: ChartSheet | None = None
        """What was composed last; None where only figures are shown."""
        self._log = False
        self._range: YRange = StickyRange()
        self._shown_before: object = None
        self._cuts: dict[str, _Cut] = {}
        self._frame_of: object = None
        self._frame: list[Line] = []

    def compose(
        self, width: int, height: int, data: ChartData | None, *, cursor: int | None = None, empty_text: str = ""
    ) -> list[Line]:
        """The chart in `width` × `height` cells; `empty_text` where there is nothing to show."""
        self._log = data is not None and data.view.log and not self.percent
        if width < SMALLEST[0] or height < SMALLEST[1]:
            self.sheet = None
            return self._compose_figures(width, height, data.figures if data else (), empty_text)
        # Where the cursor is, its figures have the room.
        head = self._head(data, brief=cursor is not None, smoothing=cursor is None or width >= ROOMY)
        told = self._told(data.figures, data) if data else ()
        if told and cursor is None:
            # Figures are what people look for; that it is smoothed they see, by the raw curve behind.
            plain, room = self._head(data, smoothing=False), width - 3 - 6
            if num_fitting(told, room - len(head)) < num_fitting(told, room - len(plain)):
                head = plain
        tags = _tags(data.curves if data else (), width // 4)
        margin = max(map(cell_len, tags.values()), default=-1) + 1
        limits = (data.view.window or (0.0, max(data.x_end, 1e-9))) if data else (0.0, 1.0)
        sheet = self.sheet = ChartSheet([], width - AROUND[0] - margin, height - AROUND[1], limits)
        drawn = [self._draw(sheet, curve, data) for curve in data.curves] if data else []
        values = self._limits(data, drawn) if data else None
        if values is not None:
            sheet.y_limits = values
        lines = sheet.lines = self._framed(
            sheet, width, head, (data.axis or data.view.by) if data and values is not None else None
        )
        if data is not None:
            room = width - 3 - len(head) - 6
            at_cursor = () if cursor is None else self._figures_at(sheet, data, cursor, room)
            figures = lengthened(told, room) if cursor is None else self._told(at_cursor, data)
            start = fitting_start(figures, width - 3, len(head) + 6)
            if start is not None:
                lines[0].put(start - 1, " " * (width - 1 - start), "frame")
                put_figures(lines[0], start, width - 3, figures)
            labels = {curve.label for curve in data.curves}
            self._cuts = {label: cut for label, cut in self._cuts.items() if label in labels}
            if values is not None:
                self._put_curves(sheet, data, drawn)
                if margin:
                    ends = [(each.shown[1], each.curve) for each in drawn if each.curve.label in tags]
                    sheet.put_tags([(float(y[-1]), tags[curve.label], curve.tone) for y, curve in ends if len(y)])
                if cursor is not None:
                    sheet.put_vertical(min(cursor, sheet.width - 1), "│", "cursor")
        if values is None:
            lines[height // 2].put(max(1, (width - len(empty_text)) // 2), empty_text[: width - 2], "axis")
        return lines

    def _head(self, data: ChartData | None, *, brief: bool = False, smoothing: bool = True) -> str:
        parts = [self.title, *(["log"] if self._log else [])]
        if smoothing and data is not None and data.smoothing and any(curve.smooth for curve in data.curves):
            parts.append(f"smoothed {data.smoothing:g}")
        if data is not None and data.view.y != "held" and not brief:
            parts.append("y fitted" if data.view.y == "fitted" else "full y")
        return ", ".join(parts)

    def _compose_figures(self, width: int, height: int, figures: tuple[Reading, ...], empty_text: str) -> list[Line]:
        """Too small for a chart: the figures in one line, framed where there is room for a frame."""
        if height < 3:
            lines = [Line.blank(width) for _ in range(height)]
            lines[0].put(0, self.title, "title")
            put_figures(lines[0], len(self.title) + 2, width, figures)
            return lines
        lines = framed(width, height, self.title)
        if figures:
            put_figures(lines[height // 2], 2, width - 2, figures)
        else:
            lines[height // 2].put(2, empty_text[: width - 4], "axis")
        return lines

    def _told(self, figures: tuple[Reading, ...], data: ChartData) -> tuple[Reading, ...]:
        return figures if self.colours else _with_dots(figures, data.curves)

    # ── values ─────────────────────────────────────────────────────────────────────────────────────────────

    def _figures_at(self, sheet: ChartSheet, data: ChartData, cursor: int, room: int) -> tuple[Reading, ...]:
        """Where the cursor stands, and each curve's value there: the last one at or before it.

        Where `room` is too small for all names, markers stand for them.
        """
        from lazytrain.engine.analysis.series import at

        x = sheet.x_at(min(cursor, sheet.width - 1))
        column = (sheet.x_limits[1] - sheet.x_limits[0]) / sheet.width
        place = _place(data.axis or data.view.by, x, column)
        named, marked = [place], [place]
        for curve in data.curves:
            value = at(curve.x, curve.y, x / curve.x_scale)
            if value is None:
                continue
            gap = float(curve.x[-1] - curve.x[-2]) * curve.x_scale if len(curve.x) > 1 else 0.0
            if x < float(curve.x[-1]) * curve.x_scale + max(column, gap):
                said = format_fraction(value) if self.percent else format_loss(value)
                named.append(Reading(f"{curve.marker} {curve.label}".strip(), said, curve.tone))
                marked.append(Reading(curve.marker or curve.label, said, curve.tone))
        return tuple(named if figures_width(tuple(named)) <= room else marked)

    def _axis_values(self, y: Any) -> Any:
        """Values as they lie on the y axis: in %, or their logarithm (NaN where there is none)."""
        import numpy as np

        if self.percent:
            return y * 100
        if self._log:
            return np.log10(np.where(y > 0, y, np.nan))
        return y

    def _draw(self, sheet: ChartSheet, curve: Curve, data: ChartData) -> DrawnCurve:
        """A curve as it is drawn, with its moving average and its band."""
        import numpy as np

        from lazytrain.engine.analysis.series import column_means, smooth

        def average(y: Any) -> tuple[Any, Any]:
            x_max = max(data.x_end, data.newest) / curve.x_scale
            x, means = column_means(curve.x, y, NUM_BINS, 0, x_max)
            return x, smooth(means, data.smoothing)

        drawn = DrawnCurve(curve, *self._cut_once(sheet, curve))
        smoothed = data.smoothing > 0 and curve.smooth and len(curve.x) > 0
        if smoothed:
            drawn.average = self._cut(sheet, *average(curve.y), curve.x_scale)
        if curve.low is not None and len(curve.x):
            bounds = [average(y) if smoothed else (curve.x, y) for y in (curve.low, curve.high)]
            centres = np.array([sheet.x_at(column) for column in range(sheet.width)]) / curve.x_scale
            inside = (centres >= curve.x[0]) & (centres <= curve.x[-1])
            low, high = (self._axis_values(np.interp(centres[inside], x, y)) for x, y in bounds)
            drawn.band = (np.flatnonzero(inside), low, high)
        return drawn

    def _cut_once(self, sheet: ChartSheet, curve: Curve) -> tuple[Any, Any]:
        """`_cut`, or what it gave last time for the same arrays: most of the time a test curve has nothing new."""
        place = (sheet.width, sheet.x_limits, curve.x_scale, self._log)
        known = self._cuts.get(curve.label)
        if known is None or known.place != place or known.x is not curve.x or known.y is not curve.y:
            points = self._cut(sheet, curve.x, curve.y, curve.x_scale)
            known = self._cuts[curve.label] = _Cut(curve.x, curve.y, place, points)
        return known.points

    def _cut(self, sheet: ChartSheet, x: Any, y: Any, scale: float) -> tuple[Any, Any]:
        """A curve thinned to this canvas; where the window cuts it, it comes in and goes out at the edge."""
        import numpy as np

        from lazytrain.engine.analysis.series import crossing, thin

        left, right = (limit / scale for limit in sheet.x_limits)
        thin_x, thin_y = thin(x, y, sheet.width, left, right, positive=self._log)
        thin_x, thin_y = thin_x * scale, self._axis_values(thin_y)
        for edge in (left, right):
            value = crossing(x, y, edge)
            if value is not None and (value > 0 or not self._log):
                index = len(thin_x) if edge == right else 0
                thin_x = np.insert(thin_x, index, edge * scale)
                thin_y = np.insert(thin_y, index, self._axis_values(np.float64(value)))
        return thin_x, thin_y

    def _limits(self, data: ChartData, drawn: list[DrawnCurve]) -> tuple[float, float] | None:
        """The y axis' limits, as they were where they still do; None if there is nothing to show."""
        import numpy as np

        from lazytrain.engine.analysis.series import extremes

        view = data.view
        if view.y == "full" and self.percent:
            return 0.0, 100.0
        bands = (bound for each in drawn if each.band is not None for bound in each.band[1:])
        fitted = view.y == "fitted" and view.window is None
        lines = [_settled(each) if fitted else each.y for each in drawn]
        best = [
            self._axis_values(np.float64(mark.y)) for mark in data.marks if mark.kind == "best" and mark.y is not None
        ]
        zero = [np.zeros(1)] if view.y == "full" and not self._log else []
        found = extremes([*lines, *([] if fitted else bands), *zero, np.array(best)])
        if found is None:
            return None
        shown = (data.key, view.window, view.y, self._log)
        if shown != self._shown_before:
            # Who looks closer wants to see more of it: less of a flat curve's noise is hidden.
            flat = FLAT["zoomed" if view.window is not None and view.y == "held" else view.y]
            self._range = LogRange() if self._log else StickyRange(100.0 if self.percent else math.inf, flat)
            self._shown_before = shown
        return self._range.fit(*found)

    # ── cells ──────────────────────────────────────────────────────────────────────────────────────────────

    def _put_curves(self, sheet: ChartSheet, data: ChartData, drawn: list[DrawnCurve]) -> None:
        size, scales = (sheet.width, sheet.height), (sheet.x_limits, sheet.y_limits)
        averaged = [each for each in drawn if each.average is not None]
        entering = (lambda x, y: _entering(x, y, sheet.y_limits)) if data.view.y == "fitted" else (lambda x, y: (x, y))
        if averaged:
            rows = self._behind.show(*size, [entering(each.x, each.y) for each in averaged], *scales)
            sheet.put_rows(rows, [faint(each.curve.tone) for each in averaged], over=False)
        joined = [each for each in drawn if self.colours or each.curve.stroke != "dots"]
        rows = self.picture.show(*size, [entering(*each.shown) for each in joined], *scales)
        sheet.put_rows(rows, [each.curve.tone for each in joined], over=bool(averaged))
        for each in drawn:
            for column, low, high in zip(*(values.tolist() for values in each.band or ()), strict=True):
                sheet.put_band(column, low, high, faint(each.curve.tone))
        for index, each in enumerate(drawn):
            if each.curve.stroke == "dots":
                self._put_dots(sheet, each.curve)
            elif each.curve.marker:
                self._put_markers(sheet, each, index * MARKER_SPACING // len(drawn))
        for mark in data.marks:
            sheet.put_mark(mark, math.nan if mark.y is None else float(self._axis_values(mark.y)))

    def _put_dots(self, sheet: ChartSheet, curve: Curve) -> None:
        """Dots at points of the curve, always the same ones at the same scale."""
        if not len(curve.x):
            return
        left, right = sheet.x_limits
        gap = float(curve.x[-1] - curve.x[0]) * curve.x_scale / max(1, len(curve.x) - 1) or right - left
        spacing = DOT_SPACING if self.colours else 1
        every = max(1, math.ceil(spacing * (right - left) / sheet.width / gap - 1e-6))
        x, y = (values[every - 1 :: every] for values in (curve.x, curve.y))
        points = zip((x * curve.x_scale).tolist(), self._axis_values(y).tolist(), strict=True)
        sheet.put_points(points, curve.marker or "•", curve.tone, inside=True)

    def _put_markers(self, sheet: ChartSheet, drawn: DrawnCurve, first: int) -> None:
        """Shapes on a line in fixed columns, other ones for each curve: they stay where they are as it grows."""
        import numpy as np

        x, y = drawn.shown
        if len(x):
            places = [sheet.x_at(column) for column in range(first, sheet.width, MARKER_SPACING)]
            # A curve between two of them, such as a first epoch's one point, has its marker at its end.
            places = [place for place in places if x[0] <= place <= x[-1]] or [float(x[-1])]
            values = np.interp(places, x, y).tolist()
            sheet.put_points(zip(places, values, strict=True), drawn.curve.marker, drawn.curve.tone, inside=True)

    def _framed(self, sheet: ChartSheet, width: int, head: str, by: str | None) -> list[Line]:
        """Lines with a frame, a title and, unless `by` is None, axes; kept, since most charts have the last one's."""
        shown = (width, sheet.width, sheet.height, sheet.x_limits, sheet.y_limits, head, self._log, by)
        if shown != self._frame_of:
            sheet.lines = framed(width, sheet.height + AROUND[1], head)
            if by is not None:
                self._put_axes(sheet, by)
            self._frame_of, self._frame = shown, sheet.lines
        return [line.copy() for line in self._frame]

    def _put_axes(self, sheet: ChartSheet, by: str) -> None:
        low, high = sheet.y_limits
        if self._log:
            values = log_ticks(10**low, 10**high, max(2, min(8, sheet.height // 2)))
            sheet.put_y_axis([math.log10(value) for value in values], log_labels(values))
        else:
            values = ticks(low, high, max(1, min(5, sheet.height // 2)))
            labels = tick_labels(values)
            sheet.put_y_axis(values, [f"{label} %" for label in labels] if self.percent else labels)
        sheet.put_x_axis(by)


def _tags(curves: Sequence[Curve], width: int) -> dict[str, str]:
    """What is written beside the curves' ends, by label: marker and name, in at most `width` cells."""
    tagged = [curve for curve in curves if curve.tag is not None]
    names = tell_apart([curve.tag or "" for curve in tagged], width - 2)
    return {curve.label: f"{curve.marker} {name}".strip() for curve, name in zip(tagged, names, strict=True)}


def _with_dots(figures: tuple[Reading, ...], curves: Sequence[Curve]) -> tuple[Reading, ...]:
    """`• test 0.7` where dots are that curve."""
    dotted = {curve.label for curve in curves if curve.stroke == "dots" and not curve.marker}
    return tuple(replace(each, label=f"• {each.label}") if each.label in dotted else each for each in figures)


def _settled(drawn: DrawnCurve) -> Any:
    """A curve's values after its first quarter."""
    x, y = drawn.x, drawn.y
    return y[x >= x[0] + SETTLED * (x[-1] - x[0])] if len(x) else y


def _entering(x: Any, y: Any, limits: tuple[float, float]) -> tuple[Any, Any]:
    """A curve from where it comes into the limits: what lies outside before that isn't drawn along the edge."""
    import numpy as np

    low, high = limits
    inside = np.flatnonzero((y >= low) & (y <= high))
    first = int(inside[0]) if len(inside) else 0
    if first == 0:
        return x, y
    edge = low if y[first - 1] < low else high
    share = (edge - y[first - 1]) / (y[first] - y[first - 1])
    entry = x[first - 1] + share * (x[first] - x[first - 1])
    return np.insert(x[first:].astype("f8"), 0, entry), np.insert(y[first:].astype("f8"), 0, edge)


def _place(by: str, x: float, column: float) -> Reading:
    """Where the cursor stands on the x axis, to a column's precision."""
    match by:
        case "time":
            return Reading("after", format_duration(x), "cursor")
        case "step" | "images":
            return Reading(by, format_count(round(x)), "cursor")
        case _:
            digits = max(0, min(4, math.ceil(-math.log10(column))))
            return Reading(by, f"{x:.{digits}f}", "cursor")
