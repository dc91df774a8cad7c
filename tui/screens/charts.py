"""A screen with charts: its keys look closer, move along, average, and change the axes, in all of them alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import AXIS_KINDS, AxisKind, ChartData, ChartView, YRangeKind
from lazytrain.tui.charts.zoom import FACTOR, followed, pan, reset, zoom
from lazytrain.tui.replaced.parts import replaces
from lazytrain.tui.state.last_session import SMOOTHINGS

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

PAN_SHARE = 0.25
ZOOM_TOOLTIP = "Look closer, around the cursor or at the newest point; the mouse's wheel does so, too"
FULL_TOOLTIP = "One chart on the whole screen, then the other, then everything as before"
Y_TOOLTIP = "The y axis fits the curves as they settle, without their first quarter; or shows the full range"
SMOOTH_TOOLTIP = (
    "Exponential moving average, more with each press, and back to what noise asks for by itself; "
    "the raw curves stay faint behind"
)


def _key(keys: str, action: str, name: str, id: str, tooltip: str, display: str | None = None) -> Binding:  # noqa: A002
    """Not in the footer, which is full: help lists it."""
    return Binding(keys, action, name, key_display=display, id=f"charts.{id}", tooltip=tooltip, show=False)


class ChartScreen(Screen[None]):
    """Its charts have the same `view` and the cursor in the same column.

    A screen that is one says in `show_charts` what its charts show, and calls `new_figures` before it does so because
    of new figures. While one chart fills the screen it has the class `full`, and the other charts the class `away`:
    its style sheet hides the rest.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("left", "move_cursor(-1)", "cursor", "cursor_left", "Read the charts' values, column by column", "←→"),
        _key("right", "move_cursor(1)", "cursor right", "cursor_right", "Cursor right"),
        _key("shift+left", "move_cursor(-10)", "cursor 10 left", "cursor_far_left", "Cursor ten columns left"),
        _key("shift+right", "move_cursor(10)", "cursor 10 right", "cursor_far_right", "Cursor ten columns right"),
        _key("plus,equals_sign", "zoom(1)", "zoom in", "zoom_in", ZOOM_TOOLTIP, "+"),
        _key("minus", "zoom(-1)", "zoom out", "zoom_out", "Show more", "-"),
        _key("less_than_sign", "pan(-1)", "earlier part", "pan_left", "Zoomed in: an earlier part of the curves", "<"),
        _key("greater_than_sign", "pan(1)", "later part", "pan_right", "Zoomed in: a later part of the curves", ">"),
        _key("0", "reset_zoom", "whole curves", "reset", "Show the curves whole"),
        _key("f", "full", "full screen", "full", FULL_TOOLTIP),
        _key("m", "smooth", "smooth", "smooth", SMOOTH_TOOLTIP),
        _key("L", "log_axis", "log axis", "log", "Losses on a logarithmic axis"),
        _key("y", "next_y", "y range", "y", Y_TOOLTIP),
        _key("b", "next_axis", "by epoch, step …", "axis", "Curves by epoch, step, images seen, or training time"),
    ]

    Y_KINDS: ClassVar[tuple[YRangeKind, ...]] = ("held", "fitted", "full")
    """What the y axis can show; the first one at first."""

    def __init__(self) -> None:
        super().__init__()
        if replaces("compositor"):
            from lazytrain.tui.replaced.sparse_compositor import SparseCompositor

            self._compositor = SparseCompositor()
        self.view = ChartView(y=self.Y_KINDS[0])
        self._focused_before: Widget | None = None
        self._first_full: MetricChart | None = None

    def show_charts(self) -> None:
        """Show what there is as `self.view` says."""
        raise NotImplementedError

    @property
    def charts(self) -> list[MetricChart]:
        """From top to bottom."""
        return list(self.query(MetricChart))

    @property
    def full_charts(self) -> list[MetricChart]:
        """Those that can fill the screen, one after the other."""
        return self.charts

    @property
    def axis_kinds(self) -> tuple[AxisKind, ...]:
        """What the x axis of these charts can count."""
        return AXIS_KINDS

    @property
    def _leading(self) -> tuple[MetricChart, ChartData] | None:
        """The first chart that is drawn, and what it shows; one on the common axis, if there is one."""
        shown = ((chart, chart.data) for chart in self.charts if chart.canvas_width and chart.display)
        drawn = [(chart, data) for chart, data in shown if data is not None]
        return next((each for each in drawn if not each[1].axis), drawn[0] if drawn else None)

    def new_figures(self, x_end: float, newest: float) -> None:
        """Before new figures are shown: a window whose right edge was the newest point goes on with it."""
        self.view = followed(self.view, x_end, newest)

    def other_figures(self) -> None:
        """Before other runs are shown: all of them, without a cursor."""
        self.view = reset(self.view)
        self.point(None)

    # ── the cursor ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def cursor(self) -> int | None:
        """Its column."""
        return next((chart.cursor for chart in self.charts), None)

    def point(self, column: int | None) -> None:
        """Put the cursor on a column of the first chart that is drawn and the same place in all others, or away."""
        leading = self._leading
        for chart in self.charts:
            chart.point(chart.column_beside(leading[0], column) if leading and column is not None else column)

    def action_move_cursor(self, columns: int) -> None:
        if self._leading is None:
            return
        chart, data = self._leading
        newest = chart.column_of(data.newest)
        if chart.cursor is None:
            self.point(newest)
            return
        wanted = chart.cursor + columns
        # At the edge of the window the window moves.
        if data.view.window is not None and (wanted < 0 or (wanted > newest and data.newest > data.view.window[1])):
            self.action_pan(1 if columns > 0 else -1)
        self.point(max(0, min(chart.column_of(data.newest), wanted)))

    @on(MetricChart.Pointed)
    def _pointed(self, event: MetricChart.Pointed) -> None:
        self.point(self._in_leading(event.chart, event.column))

    def _in_leading(self, chart: MetricChart, column: int) -> int:
        return self._leading[0].column_beside(chart, column) if self._leading is not None else column

    # ── the window ─────────────────────────────────────────────────────────────────────────────────────────

    def action_zoom(self, direction: int) -> None:
        self._zoom(direction, self.cursor)

    def _zoom(self, direction: int, column: int | None) -> None:
        if self._leading is not None:
            chart, data = self._leading
            anchor = None if column is None else chart.x_at(column)
            factor = 1 / FACTOR if direction > 0 else FACTOR
            self.look(zoom(self.view, factor, data.x_end, data.newest, anchor))

    def action_pan(self, direction: int) -> None:
        if self._leading is not None:
            _, data = self._leading
            self.look(pan(self.view, direction * PAN_SHARE, data.x_end, data.newest))

    def action_reset_zoom(self) -> None:
        self.look(reset(self.view))

    @on(MetricChart.Turned)
    def _turned(self, event: MetricChart.Turned) -> None:
        self._zoom(event.direction, self._in_leading(event.chart, event.column))

    # ── how it is looked at ────────────────────────────────────────────────────────────────────────────────

    def look(self, view: ChartView) -> None:
        """Look at the charts in another way."""
        if view != self.view:
            self.view = view
            self.show_charts()

    def action_smooth(self) -> None:
        now = next((chart.data.smoothing for chart in self.charts if chart.data is not None), 0.0)
        place = SMOOTHINGS.index(self.view.smoothing)
        levels = (*SMOOTHINGS[place + 1 :], *SMOOTHINGS[: place + 1])
        # The first that looks otherwise; without any, what noise asks for.
        level = next((level for level in levels if level != now and (level is not None or place)), None)
        self._host.smoothing = level
        self.look(replace(self.view, smoothing=level))

    def on_screen_resume(self) -> None:
        """How curves are smoothed is one choice for all screens."""
        self.look(replace(self.view, smoothing=self._host.smoothing))

    @property
    def _host(self) -> Host:
        return cast("Host", self.app)

    def action_log_axis(self) -> None:
        self.look(replace(self.view, log=not self.view.log))

    def action_next_y(self) -> None:
        kinds = self.Y_KINDS
        self.look(replace(self.view, y=kinds[(kinds.index(self.view.y) + 1) % len(kinds)]))

    def action_next_axis(self) -> None:
        kinds = self.axis_kinds
        # Of a kind that there isn't here, the first one is shown.
        now = kinds.index(self.view.by) if self.view.by in kinds else 0
        by = kinds[(now + 1) % len(kinds)]
        # A window is a part of its own axis.
        self.point(None)
        self.look(replace(reset(self.view), by=by))

    # ── one chart on the whole screen ──────────────────────────────────────────────────────────────────────

    def action_full(self) -> None:
        charts = self.full_charts
        if not self.has_class("full"):
            self._focused_before = self.focused
            chosen = self._first_full = next((chart for chart in charts if chart.display), charts[0])
        else:
            shown = next((number for number, chart in enumerate(charts) if not chart.has_class("away")), 0)
            chosen = charts[(shown + 1) % len(charts)]
            if chosen is self._first_full:
                self.leave_full()
                self.show_charts()
                return
        self.add_class("full")
        for chart in self.charts:
            chart.set_class(chart is not chosen, "away")
        self.show_charts()

    def leave_full(self) -> bool:
        """Show everything again; whether one chart had filled the screen."""
        if not self.has_class("full"):
            return False
        self.remove_class("full")
        for chart in self.charts:
            chart.remove_class("away")
        if self._focused_before is not None:
            # It lost the focus when it was hidden; it can have it once it is laid out again.
            self.call_after_refresh(self._focused_before.focus)
        return True

    def close_one(self) -> bool:
        """What escape closes first: the cursor, then the full screen; whether there was any."""
        if self.cursor is not None:
            self.point(None)
            return True
        if self.leave_full():
            self.show_charts()
            return True
        return False
