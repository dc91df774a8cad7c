"""One metric of a run as a chart: train and test by epoch, with its figures in the frame.

The frame is drawn here too, since a border title that changes would repaint the whole widget. Only cells that changed
are repainted, and a chart whose picture is the same isn't drawn again.
"""

from __future__ import annotations

import math
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.text import format_fraction, format_loss
from tui.widgets.axis import StickyRange, planned_end, tick_labels, ticks
from tui.widgets.chart_data import ChartData
from tui.widgets.chart_lines import TONES, Figure, Line, Tone, fitting_start, put_figures
from tui.widgets.picture import Picture

SMALLEST = (40, 7)
"""Below this width or height, frame included, a chart is noise: its figures are shown instead."""
LABEL_WIDTH = 5
"""Cells for a y label: `100 %`, `2.50`."""
GUTTER = LABEL_WIDTH + 1
DOT_SPACING = 4
"""Cells between two dots of the test curve, at least."""
COLUMN_BEFORE = 1 + GUTTER
"""Cells left of the canvas: frame, label, axis."""


class MetricChart(Widget):
    """Train and test curves of one metric, aligned by epoch.

    Train is a thinned braille line, test a line with a dot an epoch: they differ in stroke as well as in colour.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"metric-chart--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    MetricChart {
        height: 1fr;
        & > .metric-chart--frame { color: $foreground 25%; }
        & > .metric-chart--title { color: $foreground; text-style: bold; }
        & > .metric-chart--axis { color: $foreground 55%; }
        & > .metric-chart--text { color: $foreground 80%; }
        & > .metric-chart--cursor { color: $foreground 70%; }
        & > .metric-chart--bad { color: $text-error; text-style: bold; }
        & > .metric-chart--train { color: #56B4E9; }
        & > .metric-chart--raw { color: #56B4E9 40%; }
        & > .metric-chart--test { color: #E69F00; }
        & > .metric-chart--best { color: #E69F00; text-style: bold; }
        &:light {
            & > .metric-chart--train { color: #0072B2; }
            & > .metric-chart--raw { color: #0072B2 40%; }
            & > .metric-chart--test { color: #B35C00; }
            & > .metric-chart--best { color: #B35C00; text-style: bold; }
        }
    }
    """

    class Pointed(Message):
        """The mouse chose a column of the canvas."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def __init__(self, title: str, *, percent: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.metric = title
        self.percent = percent
        """Whether the values are fractions, shown in %."""
        self.data: ChartData | None = None
        self.empty_text = ""
        self.cursor: int | None = None
        self._range = StickyRange(100.0 if percent else math.inf)
        self._canvas_size = (0, 0)
        self._x_end = 0.0
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._styles: dict[Tone, Style] = {}
        self._picture = Picture()

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    def show(self, data: ChartData | None, *, empty_text: str = "") -> None:
        """Show a run's figures, or `empty_text` where there are none; repaints only what changed."""
        if data is not None and (self.data is None or data.key != self.data.key):
            self._range.forget()
        self.data, self.empty_text = data, empty_text
        self._update()

    def point(self, column: int | None) -> None:
        """Put the cursor on a column of the canvas, or take it away."""
        if column != self.cursor:
            self.cursor = column
            self._update()

    @property
    def num_drawn(self) -> int:
        """How often plotext drew: a picture that is the same isn't drawn again."""
        return self._picture.num_drawn

    @property
    def canvas_width(self) -> int:
        """Columns of the canvas; 0 where only figures are shown."""
        return self._canvas_size[0]

    @property
    def canvas_height(self) -> int:
        return self._canvas_size[1]

    def epoch_at(self, column: int) -> float:
        """The epoch in the middle of a column."""
        return (column + 0.5) / max(1, self.canvas_width) * self._x_end

    def column_of(self, epoch: float) -> int:
        """The column that shows an epoch."""
        share = epoch / self._x_end if self._x_end else 0.0
        return max(0, min(self.canvas_width - 1, int(share * self.canvas_width)))

    # ── Textual ────────────────────────────────────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = self._lines[y].strip(self._theme())
        return self._strips[y]

    def on_resize(self) -> None:
        self._update()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        column = event.x - COLUMN_BEFORE
        if 0 <= column < self.canvas_width:
            self.post_message(self.Pointed(column))

    def _theme(self) -> dict[Tone, Style]:
        if not self._styles:
            self._styles = {tone: self.get_component_rich_style(f"metric-chart--{tone}") for tone in TONES}
        return self._styles

    def _update(self) -> None:
        """Compose the lines anew and repaint the cells that differ."""
        width, height = self.size
        if not width or not height:
            return
        small = width < SMALLEST[0] or height < SMALLEST[1]
        self._canvas_size = (0, 0) if small else (width - COLUMN_BEFORE - 2, height - 3)
        lines = self._compose_figures(width, height) if not self.canvas_width else self._compose_chart(width, height)
        before, self._lines = self._lines, lines
        if len(before) != height or len(before[0].characters) != width:
            self._strips.clear()
            self.refresh()
            return
        regions: list[Region] = []
        for y, (line, old) in enumerate(zip(lines, before, strict=True)):
            span = line.changed_span(old)
            if span is not None:
                self._strips.pop(y, None)
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            self.refresh(*regions)

    # ── lines ──────────────────────────────────────────────────────────────────────────────────────────────

    def _compose_figures(self, width: int, height: int) -> list[Line]:
        """Too small for a chart: the figures in one line, framed where there is room for a frame."""
        figures = self.data.figures if self.data else ()
        if height < 3:
            lines = [Line.blank(width) for _ in range(height)]
            lines[0].put(0, self.metric, "title")
            put_figures(lines[0], len(self.metric) + 2, width, figures)
            return lines
        lines = self._framed(width, height)
        if figures:
            put_figures(lines[height // 2], 2, width - 2, figures)
        else:
            lines[height // 2].put(2, self.empty_text[: width - 4], "axis")
        return lines

    def _compose_chart(self, width: int, height: int) -> list[Line]:
        lines = self._framed(width, height)
        data = self.data
        figures = self._figures_at_cursor() if self.cursor is not None and data else (data.figures if data else ())
        start = fitting_start(figures, width - 3, len(self.metric) + 6)
        if start is not None:
            lines[0].put(start - 1, " " * (width - 1 - start), "frame")
            put_figures(lines[0], start, width - 3, figures)
        values = self._values(data) if data is not None else None
        if data is None or values is None:
            lines[height // 2].put((width - len(self.empty_text)) // 2, self.empty_text, "axis")
            return lines
        limits = self._range.fit(*values)
        self._put_y_axis(lines, limits)
        self._put_canvas(lines, data, limits)
        self._put_x_axis(lines[-2], data)
        return lines

    def _framed(self, width: int, height: int) -> list[Line]:
        lines = [Line.blank(width) for _ in range(height)]
        lines[0].put(0, "╭" + "─" * (width - 2) + "╮", "frame")
        lines[0].put(1, f" {self.metric} ", "title")
        lines[-1].put(0, "╰" + "─" * (width - 2) + "╯", "frame")
        for line in lines[1:-1]:
            line.put(0, "│", "frame")
            line.put(width - 1, "│", "frame")
        return lines

    def _figures_at_cursor(self) -> tuple[Figure, ...]:
        from engine.series import at

        assert self.data is not None
        assert self.cursor is not None
        data, epoch = self.data, self.epoch_at(self.cursor)
        step = epoch * data.steps_per_epoch
        train, test = at(data.steps, data.train, step), at(data.test_steps, data.test, step)
        shown = [Figure("epoch", f"{epoch:.{0 if self._x_end >= 500 else 1}f}", "cursor")]
        if train is not None and epoch <= data.position + self._x_end / self.canvas_width:
            shown.append(Figure("train", self._say(train), "train"))
        if test is not None and epoch < data.position + 1:
            shown.append(Figure("test", self._say(test), "test"))
        return tuple(shown)

    def _say(self, value: float) -> str:
        return format_fraction(value) if self.percent else format_loss(value)

    def _values(self, data: ChartData) -> tuple[float, float] | None:
        """Thin the curves to this canvas; their smallest and largest value, or None if there is none."""
        from engine.series import extremes, thin

        self._x_end = planned_end(data.position, data.num_epochs)
        last_step = self._x_end * data.steps_per_epoch
        self._train = thin(data.steps, data.train, self.canvas_width, 0, last_step)
        self._test = thin(data.test_steps, data.test, self.canvas_width, 0, last_step)
        if self.percent:
            self._train, self._test = (self._train[0], self._train[1] * 100), (self._test[0], self._test[1] * 100)
        return extremes((self._train[1], self._test[1]))

    def _put_canvas(self, lines: list[Line], data: ChartData, limits: tuple[float, float]) -> None:
        from engine.series import column_means, smooth

        last_step = self._x_end * data.steps_per_epoch
        strokes = [self._train, self._test]
        tones: list[Tone] = ["train", "test"]
        if data.smoothing:
            x, means = column_means(data.steps, data.train, self.canvas_width, 0, last_step)
            strokes.insert(1, (x, smooth(means, data.smoothing) * (100 if self.percent else 1)))
            tones = ["raw", "train", "test"]
        rows = self._picture.show(self.canvas_width, self.canvas_height, strokes, last_step, limits)
        end = COLUMN_BEFORE + self.canvas_width
        for line, row in zip(lines[1:], rows, strict=False):
            line.characters[COLUMN_BEFORE:end] = row.characters
            line.tones[COLUMN_BEFORE:end] = ["axis" if owner < 0 else tones[owner] for owner in row.owners]
        self._put_marks(lines, data, limits)

    def _put_marks(self, lines: list[Line], data: ChartData, limits: tuple[float, float]) -> None:
        per_epoch = data.steps_per_epoch
        # Dots tell the test curve from the other one without colour; closer together they would hide its shape.
        every = max(1, math.ceil(DOT_SPACING * self._x_end / self.canvas_width))
        for x, y in zip(self._test[0].tolist(), self._test[1].tolist(), strict=True):
            if round(x / per_epoch) % every == 0:
                self._put_at(lines, (x / per_epoch, y), limits, "•", "test")
        if data.best is not None:
            epoch, value = data.best
            self._put_at(lines, (epoch, value * 100 if self.percent else value), limits, "●", "best")
        for epoch in data.resumed:
            self._put_vertical(lines, self.column_of(epoch), "┊", "axis")
        if data.bad is not None:
            column = min(self.column_of(data.bad), self.canvas_width - 5)
            lines[1].put(COLUMN_BEFORE + column, "✗ NaN", "bad")
        if self.cursor is not None:
            self._put_vertical(lines, min(self.cursor, self.canvas_width - 1), "│", "cursor")

    def _put_at(
        self, lines: list[Line], place: tuple[float, float], limits: tuple[float, float], character: str, tone: Tone
    ) -> None:
        epoch, value = place
        row = _row_of(value, limits, self.canvas_height)
        lines[1 + row].put(COLUMN_BEFORE + self.column_of(epoch), character, tone)

    def _put_vertical(self, lines: list[Line], column: int, character: str, tone: Tone) -> None:
        """A vertical line behind the curves."""
        for line in lines[1 : 1 + self.canvas_height]:
            if line.characters[COLUMN_BEFORE + column] == " ":
                line.put(COLUMN_BEFORE + column, character, tone)

    def _put_y_axis(self, lines: list[Line], limits: tuple[float, float]) -> None:
        for line in lines[1 : 1 + self.canvas_height]:
            line.put(GUTTER, "│", "axis")
        values = ticks(*limits, max(1, min(5, self.canvas_height // 2)))
        for value, label in zip(values, tick_labels(values), strict=True):
            line = lines[1 + _row_of(value, limits, self.canvas_height)]
            said = f"{label} %" if self.percent else label
            line.put(1, f"{said[:LABEL_WIDTH]:>{LABEL_WIDTH}}┤", "axis")

    def _put_x_axis(self, line: Line, data: ChartData) -> None:
        line.put(1, "epoch", "axis")
        values = ticks(0, self._x_end, max(1, min(10, self.canvas_width // 8)), whole=True)
        for value, label in zip(values, tick_labels(values), strict=True):
            centre = round(value / self._x_end * self.canvas_width)
            column = max(0, min(self.canvas_width - len(label), centre - len(label) // 2))
            line.put(COLUMN_BEFORE + column, label, "axis")


def _row_of(value: float, limits: tuple[float, float], height: int) -> int:
    low, high = limits
    return max(0, min(height - 1, int((high - value) / (high - low) * height)))
