"""A chart on the screen: any number of curves of one metric, with their figures in the frame.

The frame is drawn here too, since a border title that changes would repaint the whole widget. Only cells that changed
are repainted, and a chart whose picture is the same isn't drawn again.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lazytrain.tui.charts.data import ChartData
from lazytrain.tui.charts.layout import Plot
from lazytrain.tui.charts.lines import Line
from lazytrain.tui.charts.sheet import COLUMN_BEFORE
from lazytrain.tui.charts.tones import TONES, Tone, component_css


class MetricChart(Widget):
    """Curves of one metric on common axes, told apart by stroke, marker or label as well as by colour."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"metric-chart--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    MetricChart {
        height: 1fr;
        &.away { display: none; }
        & > .metric-chart--frame { color: $foreground 25%; }
        & > .metric-chart--title { color: $foreground; text-style: bold; }
        & > .metric-chart--axis { color: $foreground 55%; }
        & > .metric-chart--text { color: $foreground 80%; }
        & > .metric-chart--cursor { color: $foreground 70%; }
        & > .metric-chart--bad { color: $text-error; text-style: bold; }
        & > .metric-chart--overfit { color: $text-warning; }
    }
    """ + component_css("MetricChart", "metric-chart")

    class Pointed(Message):
        """The mouse chose a column of a chart's canvas."""

        def __init__(self, chart: MetricChart, column: int) -> None:
            super().__init__()
            self.chart, self.column = chart, column

    class Turned(Message):
        """The mouse's wheel was turned over a column of a chart: up (1) to look closer, or down (-1)."""

        def __init__(self, chart: MetricChart, column: int, direction: int) -> None:
            super().__init__()
            self.chart, self.column = chart, column
            self.direction = direction

    def __init__(self, title: str, *, percent: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.plot = Plot(title, percent=percent)
        """What it shows as lines of cells; values are fractions shown in % if `percent`."""
        self.data: ChartData | None = None
        self.empty_text = ""
        self.cursor: int | None = None
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._styles = _Styles(self)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    def show(self, data: ChartData | None, *, empty_text: str = "") -> None:
        """Show curves, or `empty_text` where there are none; repaints only what changed."""
        self.data, self.empty_text = data, empty_text
        self._update()

    def point(self, column: int | None) -> None:
        """Put the cursor on a column of the canvas, or take it away."""
        if column != self.cursor:
            self.cursor = column
            self._update()

    @property
    def num_drawn(self) -> int:
        """How often it was drawn: a picture that is the same isn't drawn again."""
        return self.plot.picture.num_drawn

    @property
    def canvas_width(self) -> int:
        """Columns of the canvas; 0 where only figures are shown."""
        return self.plot.sheet.width if self.plot.sheet else 0

    @property
    def canvas_height(self) -> int:
        return self.plot.sheet.height if self.plot.sheet else 0

    def x_at(self, column: int) -> float:
        """What the x axis says in the middle of a column."""
        return self.plot.sheet.x_at(column) if self.plot.sheet else 0.0

    def column_of(self, x: float) -> int:
        """The column that shows `x`, or the one at the edge beyond which it lies."""
        return self.plot.sheet.column_of(x) if self.plot.sheet else 0

    def column_beside(self, other: MetricChart, column: int) -> int:
        """The column that shows what a column of another chart does, whatever their sizes and axes."""
        if other is self or not (self.plot.sheet and other.plot.sheet and self.data and other.data):
            return column
        x = other.x_at(column)
        if other.data.axis != self.data.axis:
            x = _along(_along(x, other.data.places, back=True), self.data.places)
        return self.column_of(x)

    # ── Textual ────────────────────────────────────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = self._lines[y].strip(self._styles)
        return self._strips[y]

    def on_resize(self) -> None:
        self._update()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        self._point_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if event.button == 1:
            self._point_to(event.x)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turn(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turn(event, -1)

    def _point_to(self, x: int) -> None:
        if 0 <= x - COLUMN_BEFORE < self.canvas_width:
            self.post_message(self.Pointed(self, x - COLUMN_BEFORE))

    def _turn(self, event: events.MouseEvent, direction: int) -> None:
        if self.canvas_width:
            event.stop()
            column = max(0, min(self.canvas_width - 1, event.x - COLUMN_BEFORE))
            self.post_message(self.Turned(self, column, direction))

    def _update(self) -> None:
        """Compose the lines anew and repaint the cells that differ."""
        width, height = self.size
        if not width or not height:
            return
        self.plot.colours = not self.app.no_color
        lines = self.plot.compose(width, height, self.data, cursor=self.cursor, empty_text=self.empty_text)
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


def _along(x: float, places: tuple[Any, Any] | None, *, back: bool = False) -> float:
    """Where a step lies on an axis that counts something else; or the step of such a place."""
    if places is None:
        return x
    import numpy as np  # with the first such chart

    steps, values = places
    return float(np.interp(x, values, steps) if back else np.interp(x, steps, values))


class _Styles(dict[Tone, Style]):
    """Tone → its style, found when a cell has it: most charts have few of them."""

    def __init__(self, chart: MetricChart) -> None:
        super().__init__()
        self._chart = chart

    def __missing__(self, tone: Tone) -> Style:
        self[tone] = style = self._chart.get_component_rich_style(f"metric-chart--{tone}")
        return style
