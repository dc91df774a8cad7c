"""The charts of a run's metrics: a grid of them, in pages, that can be narrowed, ordered and hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import ChartData
from lazytrain.tui.state.arrangement import Arrangement
from lazytrain.tui.words.text import shorten

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metric_names import MetricGroup
    from lazytrain.engine.analysis.metrics import RunMetrics, Values

    Draw = Callable[[MetricGroup, Mapping[str, Values]], ChartData | None]

LEAST_WIDTH, LEAST_HEIGHT = 40, 9
"""Columns and lines of the smallest chart that is good to read."""
MOST_COLUMNS, MOST_CHARTS = 4, 16
CHOSEN = "▸ "
"""Before the title of the chart that keys are for."""
KEYS = "↑↓ choose, K J move"
FILTER_TOOLTIP = "Show only charts of metrics whose name has this in it, or fits this regular expression"


class MetricGrid(Widget, can_focus=True):
    """As many charts as are good to read at this size, of the groups of metrics in their order.

    With the focus it has a chosen chart, for the keys that hide it, move it and show it alone. While the screen has the
    class `full`, that one is all there is.
    """

    BINDING_GROUP_TITLE = "Charts of metrics"
    DEFAULT_CSS = """
    MetricGrid {
        display: none; width: 1fr; height: 1fr;
        & > Grid { height: 1fr; }
        & > #pages { height: 1; color: $foreground 70%; padding: 0 1; }
        & > #pages.wrong { color: $text-error; }
        &:focus .chosen > .metric-chart--frame { color: $accent; }
    }
    """
    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/", id="grid.filter", tooltip=FILTER_TOOLTIP),
        Binding("escape", "clear_filter", "show all", id="grid.clear_filter", tooltip="Show every chart again"),
        Binding("down,j", "choose(1)", "next chart", id="grid.next", tooltip="The next chart", show=False),
        Binding("up,k", "choose(-1)", "chart before", id="grid.before", tooltip="The chart before", show=False),
        Binding(
            "enter", "screen.full", "full screen", id="grid.full", tooltip="The chart on the whole screen, or back"
        ),
        Binding("h", "hide", "hide", id="grid.hide", tooltip="Hide the chart in this project, or show it again"),
        Binding("H", "show_hidden", "hidden", id="grid.hidden", tooltip="Show the hidden charts too", show=False),
        Binding("K,shift+up", "move(-1)", "earlier", id="grid.earlier", tooltip="One place earlier", show=False),
        Binding("J,shift+down", "move(1)", "later", id="grid.later", tooltip="One place later", show=False),
    ]

    class Turned(Message):
        """Other charts are to be shown, or in another size."""

    class Arranged(Message):
        """A person wants another order, or hides a chart."""

        def __init__(self, arrangement: Arrangement) -> None:
            super().__init__()
            self.arrangement = arrangement

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.wanted = ""
        """What the names of the metrics shown fit: a part of them, or a regular expression."""
        self.filtering = False
        """Whether keys are typed into that."""
        self.showing_hidden = False
        self.note = ""
        """What else there is to say of them."""
        self._wrong = ""
        """Why `wanted` is no regular expression."""
        self._arrangement = Arrangement()
        self._groups: list[MetricGroup] = []
        self._fitting: list[MetricGroup] = []
        self._place = 0
        """Of the chosen chart among those that fit."""
        self._chosen = ""
        """Its title: it moves with it."""
        self._cells = 1
        self._num_shown = 0

    def compose(self) -> ComposeResult:
        with Grid():
            for _ in range(MOST_CHARTS):
                chart = MetricChart("")
                chart.display = False
                yield chart
        yield Static(id="pages", markup=False)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def charts(self) -> list[MetricChart]:
        """Those that are shown, in order."""
        return list(self.query(MetricChart))[: self._num_shown]

    @property
    def page(self) -> int:
        return self._place // self._cells

    @property
    def num_pages(self) -> int:
        return max(1, -(-len(self._fitting) // self._cells))

    def begin(self) -> None:
        """Another run's charts: from the first on."""
        self._place, self._chosen = 0, ""

    def show(self, metrics: RunMetrics, groups: Sequence[MetricGroup], arrangement: Arrangement, draw: Draw) -> None:
        """Draw what is new of the charts that are shown; of the others nothing is read."""
        self._groups, self._arrangement = list(groups), arrangement
        if len(self.query(MetricChart)) < MOST_CHARTS or not self.query("#pages"):
            return  # not composed yet: its size is told after that
        self._fitting = self._find_fitting()
        self._find_chosen()
        full = self.screen.has_class("full")
        width, height = max(self.size.width, 1), max(self.size.height - 1, 1)
        columns = max(1, min(MOST_COLUMNS, width // LEAST_WIDTH, len(self._fitting) or 1))
        rows = max(1, min(MOST_CHARTS // columns, height // LEAST_HEIGHT))
        self._cells = 1 if full else columns * rows
        first = self.page * self._cells
        shown = self._fitting[first : first + self._cells]
        grid = self.query_one(Grid)
        self._num_shown = len(shown)
        columns = 1 if full else max(1, min(columns, len(shown)))
        if grid.styles.grid_size_columns != columns:
            grid.styles.grid_size_columns = columns
        names = dict.fromkeys(name for group in shown for _, name in group.members)
        series = metrics.series([*names, *(group.axis for group in shown if group.axis)])
        for place, chart in enumerate(self.query(MetricChart)):
            chart.display = place < len(shown)
            if place < len(shown):
                title = shorten(shown[place].title, max(10, width // columns - 16))
                self._show_chart(chart, title, shown[place], series, draw, chosen=first + place == self._place)
        self._say()

    def _show_chart(
        self,
        chart: MetricChart,
        title: str,
        group: MetricGroup,
        series: Mapping[str, Values],
        draw: Draw,
        *,
        chosen: bool,
    ) -> None:
        marked = chosen and self.has_focus and not self.screen.has_class("full")
        if chart.has_class("chosen") is not marked:
            chart.set_class(marked, "chosen")
            chart.refresh()
        hidden = " (hidden)" if group.title in self._arrangement.hidden else ""
        chart.plot.title = f"{CHOSEN if marked else ''}{title}{hidden}"
        data = draw(group, series)
        chart.show(data, empty_text="no values yet" if data is None else "no value is a number")

    def _find_fitting(self) -> list[MetricGroup]:
        by_title = {group.title: group for group in self._groups}
        hidden = frozenset[str]() if self.showing_hidden else self._arrangement.hidden
        titles = self._arrangement.arranged(list(by_title))
        groups = [by_title[title] for title in titles if title not in hidden]
        self._wrong = ""
        if not self.wanted:
            return groups
        try:
            fits = re.compile(self.wanted, re.IGNORECASE).search
        except re.error as error:
            # While it is typed it often is none: then it is text.
            self._wrong, plain = str(error), self.wanted.casefold()
            fits = lambda name: plain in name.casefold()  # noqa: E731
        return [group for group in groups if fits(group.title) or any(fits(name) for _, name in group.members)]

    def _find_chosen(self) -> None:
        place = next((place for place, group in enumerate(self._fitting) if group.title == self._chosen), None)
        self._place = max(0, min(self._place, len(self._fitting) - 1)) if place is None else place
        self._chosen = self._fitting[self._place].title if self._fitting else ""

    def _say(self) -> None:
        count, hidden = len(self._fitting), len(self._groups) - len(self._fitting)
        typed = f"/{self.wanted}{'▏' if self.filtering else ''}" if self.wanted or self.filtering else ""
        number = f"{count} of {len(self._groups)} charts" if typed else f"{count} chart{'s' * (count != 1)}"
        parts = [typed, f"no regular expression, so text: {self._wrong}" if self._wrong else "", number]
        if not typed and hidden:
            parts.append(f"{hidden} hidden: H")
        parts += [self.note] if self.note else []
        if self.num_pages > 1:
            parts.append(f"{'chart' if self._cells == 1 else 'page'} {self.page + 1} of {self.num_pages}: [ ]")
        if not self.filtering and self._groups:
            parts.append(KEYS if self.has_focus else "tab: choose, order, hide, find")
        line = self.query_one("#pages", Static)
        line.set_class(bool(self._wrong), "wrong")
        line.update(shorten(" · ".join(part for part in parts if part), max(10, self.size.width - 2)))

    # ── choosing ───────────────────────────────────────────────────────────────────────────────────────────

    def turn(self, pages: int) -> bool:
        """Go to another page, as far as there is one; whether there was."""
        page = max(0, min(self.num_pages - 1, self.page + pages))
        if page == self.page:
            return False
        self._go(page * self._cells)
        return True

    def choose_chart(self, chart: MetricChart) -> None:
        """The chart that keys are for, from now on."""
        if chart in self.charts:
            self._go(self.page * self._cells + self.charts.index(chart))

    def _go(self, place: int) -> None:
        if self._fitting:
            self._place = max(0, min(len(self._fitting) - 1, place))
            self._chosen = self._fitting[self._place].title
            self.post_message(self.Turned())

    def action_choose(self, charts: int) -> None:
        self._go(self._place + charts)

    def action_move(self, charts: int) -> None:
        """Put the chosen chart before or after the one beside it."""
        beside = self._place + charts
        if self._fitting and 0 <= beside < len(self._fitting):
            titles = [group.title for group in self._groups]
            moved = self._arrangement.moved(titles, self._chosen, self._fitting[beside].title)
            self.post_message(self.Arranged(moved))

    def action_hide(self) -> None:
        if self._fitting:
            toggled, self._chosen = self._arrangement.toggled(self._chosen), ""
            self.post_message(self.Arranged(toggled))

    def action_show_hidden(self) -> None:
        self.showing_hidden = not self.showing_hidden
        self.post_message(self.Turned())

    # ── narrowing ──────────────────────────────────────────────────────────────────────────────────────────

    def filter(self, text: str) -> None:
        """Show only what fits `text`."""
        self.wanted = text
        self.post_message(self.Turned())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "clear_filter":
            return bool(self.wanted) and not self.screen.has_class("full")
        return True

    def action_filter(self) -> None:
        """From now on, type to narrow the charts."""
        self.focus()
        self.filtering = True
        self.post_message(self.Turned())

    def action_clear_filter(self) -> None:
        self.filtering = False
        self.filter("")
        self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """While filtering, printable keys are text and do nothing else."""
        if not self.filtering:
            return
        match event.key:
            case "enter":
                self.filtering = False
                self.post_message(self.Turned())
                self.refresh_bindings()
            case "escape":
                self.action_clear_filter()
            case "backspace":
                self.filter(self.wanted[:-1])
            case _ if event.is_printable and event.character:
                self.filter(self.wanted + event.character)
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        if self.filtering:
            self.filter(self.wanted + " ".join(event.text.splitlines()))
            event.stop()

    def on_focus(self) -> None:
        self.post_message(self.Turned())

    def on_blur(self) -> None:
        self.filtering = False
        self.post_message(self.Turned())

    def on_resize(self, _: events.Resize) -> None:
        self.post_message(self.Turned())
