"""The charts of a run that logs metrics of its own: a grid of them, in pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Grid
from textual.events import Resize
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from lazytrain.engine.records import Run
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import ChartView
from lazytrain.tui.charts.layout import Plot
from lazytrain.tui.charts.metric_figures import metric_chart

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metrics import MetricGroup, RunMetrics

LEAST_WIDTH, LEAST_HEIGHT = 38, 9
"""Columns and lines of the smallest chart that is good to read."""
MOST_COLUMNS, MOST_CHARTS = 4, 16


class MetricGrid(Widget):
    """As many charts as are good to read at this size, of the groups of metrics in their order."""

    DEFAULT_CSS = """
    MetricGrid {
        display: none; width: 1fr; height: 1fr;
        & > Grid { height: 1fr; }
        & > #pages { height: 1; color: $foreground 70%; padding: 0 1; }
    }
    """
    ALLOW_SELECT: ClassVar[bool] = False

    class Turned(Message):
        """Another page, or another size: the charts are others."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.page = 0
        self.wanted = ""
        """What the names of the metrics shown fit: a part of them, or a regular expression."""
        self.note = ""
        """What else there is to say of them."""
        self._groups: list[MetricGroup] = []
        self._cells = self._num_shown = 0

    def compose(self) -> ComposeResult:
        with Grid():
            for _ in range(MOST_CHARTS):
                chart = MetricChart("")
                chart.display = False
                yield chart
        yield Static(id="pages", markup=False)

    @property
    def charts(self) -> list[MetricChart]:
        """Those that are shown, in order."""
        return list(self.query(MetricChart))[: self._num_shown]

    @property
    def num_pages(self) -> int:
        return max(1, -(-len(self._fitting) // max(1, self._cells)))

    @property
    def _fitting(self) -> list[MetricGroup]:
        if not self.wanted:
            return self._groups
        try:
            fits = re.compile(self.wanted, re.IGNORECASE).search
        except re.error:
            plain = self.wanted.lower()
            return [group for group in self._groups if plain in group.title.lower()]
        return [group for group in self._groups if any(fits(name) for _, name in group.members) or fits(group.title)]

    def turn(self, pages: int) -> None:
        """Another page, as far as there is one."""
        self.page = max(0, min(self.num_pages - 1, self.page + pages))

    def show(self, run: Run, metrics: RunMetrics, groups: Sequence[MetricGroup], view: ChartView) -> None:
        """Draw what is new of the charts that are shown; of the others nothing is read."""
        self._groups = list(groups)
        if len(self.query(MetricChart)) < MOST_CHARTS or not self.query("#pages"):
            return  # not composed yet: its size is told after that
        fitting = self._fitting
        width, height = max(self.size.width, 1), max(self.size.height - 1, 1)
        columns = max(1, min(MOST_COLUMNS, width // LEAST_WIDTH, len(fitting) or 1))
        rows = max(1, min(MOST_CHARTS // columns, height // LEAST_HEIGHT))
        if not self.screen.has_class("full"):
            self._cells = columns * rows
        self.page = max(0, min(self.page, self.num_pages - 1))
        shown = fitting[self.page * self._cells : (self.page + 1) * self._cells]
        grid = self.query_one(Grid)
        self._num_shown = len(shown)
        columns = 1 if self.screen.has_class("full") else max(1, min(columns, len(shown)))
        if grid.styles.grid_size_columns != columns:
            grid.styles.grid_size_columns = columns
        series = metrics.series(name for group in shown for _, name in group.members)
        for place, chart in enumerate(self.query(MetricChart)):
            chart.display = place < len(shown) and not chart.has_class("away")
            if place < len(shown):
                if chart.plot.title != shown[place].title:
                    chart.plot = Plot(shown[place].title)
                chart.show(metric_chart(run, shown[place], series, view), empty_text="no values yet")
        self._say(len(fitting))

    def _say(self, count: int) -> None:
        parts = [f"{count} chart{'s' * (count != 1)}"]
        if self.wanted:
            parts.append(f"that fit {self.wanted!r}")
        parts += [self.note] if self.note else []
        if self.num_pages > 1:
            parts.append(f"page {self.page + 1} of {self.num_pages}: [ and ] turn")
        self.query_one("#pages", Static).update(" · ".join(parts))

    def on_resize(self, _: Resize) -> None:
        self.post_message(self.Turned())
