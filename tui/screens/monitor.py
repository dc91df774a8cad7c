"""Monitor: every run in a list, and the selected one's curves, progress and state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Static

from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import AxisKind
from lazytrain.tui.charts.metric_figures import METRIC_AXES
from lazytrain.tui.charts.run_figures import RunAxis, accuracy_chart, loss_chart
from lazytrain.tui.lists.run_list import RunList
from lazytrain.tui.screens.charts import ChartScreen
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.inspections import Inspections
from lazytrain.tui.screens.learned import LearnedScreen
from lazytrain.tui.screens.log import LogScreen
from lazytrain.tui.screens.logged_charts import LoggedCharts
from lazytrain.tui.state.arrangement import Arrangements
from lazytrain.tui.state.selected_run import SelectedRun
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.widgets.metric_grid import MetricGrid
from lazytrain.tui.widgets.run_status import RunStatus
from lazytrain.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host, Verb

NARROW, SLIM = 110, 72
"""Below these widths the list is smaller, or above the figures."""
SMALLEST = (60, 16)
"""Columns and lines below which nothing is shown but that."""


class MonitorScreen(ChartScreen):
    """Watch and steer the runs. The app says when they changed; what is new of the selected one is read here."""

    CSS_PATH = "monitor.tcss"
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "space",
            "pause_or_resume",
            "pause",
            id="monitor.pause",
            tooltip="Pause the run (it stays in memory), or let it go on",
        ),
        Binding(
            "s",
            "command('stop')",
            "stop",
            id="monitor.stop",
            tooltip="Save a checkpoint and stop; r goes on from there",
        ),
        Binding(
            "r",
            "command('resume')",
            "resume",
            id="monitor.resume",
            tooltip="Let a paused run go on; queue a stopped or failed one again",
        ),
        Binding("x", "command('discard')", "discard", id="monitor.discard", tooltip="Delete the run; asks first"),
        Binding("l", "log", "log", id="monitor.log", tooltip="What the run has said, with times", show=False),
        Binding("E", "export", "export", id="monitor.export", tooltip="Write the run to files", show=False),
        Binding(
            "i,enter",
            "details",
            "details",
            id="monitor.details",
            tooltip="Everything that is set for the run",
            show=False,
        ),
        Binding(
            "w",
            "learned",
            "learned",
            id="monitor.learned",
            tooltip="What the net has learned: which class it takes for which, its worst mistakes, its filters",
        ),
        Binding(
            "K,shift+up",
            "command('up')",
            "earlier",
            id="monitor.earlier",
            tooltip="Move a queued run one place earlier",
            show=False,
        ),
        Binding(
            "J,shift+down",
            "command('down')",
            "later",
            id="monitor.later",
            tooltip="Move a queued run one place later",
            show=False,
        ),
        Binding(
            "right_square_bracket",
            "turn(1)",
            "more charts",
            key_display="]",
            id="monitor.next_page",
            tooltip="More charts: what else a run has logged, page by page",
            show=False,
        ),
        Binding(
            "left_square_bracket",
            "turn(-1)",
            "charts before",
            key_display="[",
            id="monitor.page",
            tooltip="The charts before these",
            show=False,
        ),
        Binding(
            "escape",
            "back",
            "back",
            id="monitor.back",
            tooltip="Close the cursor or the full screen, or go to Launch",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._runs: Sequence[Run] = ()
        self._inspections: Inspections | None = None
        self._ready = False
        self._wanted_id: str | None = None

    @property
    def lazytrain(self) -> Host:
        """The app, which has the store and carries out commands."""
        return cast("Host", self.app)

    @cached_property
    def own(self) -> SelectedRun:
        """What is known of the selected run, if lazytrain trains it."""
        return SelectedRun(self.lazytrain.store)

    @cached_property
    def _logged(self) -> LoggedCharts:
        arrangements = Arrangements(self.lazytrain.home / "charts.json")
        return LoggedCharts(self, self.lazytrain.store, self.own, arrangements, self._show_again)

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Container(id="body"):
            yield RunList(id="runs")
            with Container(id="charts"):
                yield MetricChart("loss", id="loss")
                yield MetricChart("accuracy", percent=True, id="accuracy")
        yield RunStatus(id="status")
        yield Static(id="too-small")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._ready = True
        self.show_runs(self.lazytrain.store.runs())

    # ── what the app tells ─────────────────────────────────────────────────────────────────────────────────

    def show_runs(self, runs: list[Run]) -> None:
        """The runs as they are now: reads of the selected one what is new, and repaints what changed."""
        self._runs = runs
        if not self._ready:
            return
        run_list = self.query_one("#runs", RunList)
        run_list.show(runs)
        if self._wanted_id is not None:
            run_list.reveal(self._wanted_id)
        if self._wanted_id is not None and run_list.line_of(self._wanted_id) >= 0:
            run_list.select(self._wanted_id)
            self._wanted_id = None
        self._show_selected()
        for screen in self.app.screen_stack[1:]:
            if isinstance(screen, LogScreen | LearnedScreen):
                screen.read_new()

    def select_run(self, run_id: str) -> None:
        """Select a run, now or as soon as it is listed."""
        self._wanted_id = run_id
        self.show_runs(list(self._runs))

    # ── the selected run ───────────────────────────────────────────────────────────────────────────────────

    @property
    def selected(self) -> Run | None:
        """The selected run as it was read last."""
        return self.query_one("#runs", RunList).selected

    def _show_selected(self) -> None:
        run, own, logged = self.selected, self.own, self._logged
        if run is None:
            logged.hide()
            own.forget()
            self._show_none("no run selected")
            self.query_one(RunStatus).show(None)
            return
        if run.kind is not Kind.OWN:
            trouble = ""
            try:
                logged.show(run)
            except RunNotFound:
                return  # as below
            except RunUnreadable as error:
                trouble = str(error)
            self.query_one(RunStatus).show(run, waits_for=self._waits_for(run), trouble=trouble)
            return
        if logged.logged is not None and (not logged.further or logged.logged.run_id != run.id):
            logged.hide()
        try:
            changed = self._read_own(run)
            if logged.further:
                logged.show(run)
        except RunNotFound:
            # Another process discarded it since the list was read: the next list is without it.
            return
        except RunUnreadable as error:
            own.give_up(run, str(error))
            self._show_none("its settings can't be read")
            self.query_one(RunStatus).show(run, trouble=str(error))
            return
        if changed:
            self._follow_newest()
            self.show_charts()
        overfitting = own.curves.overfitting_epoch if own.curves is not None else None
        self.query_one(RunStatus).show(run, waits_for=self._waits_for(run), overfitting=overfitting)

    def _read_own(self, run: Run) -> bool:
        """Read what is new of it; whether its charts change. Raises RunNotFound, RunUnreadable."""
        before = self.own.curves
        changed = self.own.read(run)
        if self.own.curves is not before:
            self.other_figures()
        return changed

    @on(MetricGrid.Turned)
    def _show_again(self) -> None:
        self._show_selected()
        self.show_charts()

    @on(MetricGrid.Arranged)
    def _arranged(self, event: MetricGrid.Arranged) -> None:
        if self.selected is not None and self._logged.logged is not None:
            self._logged.arrange(self.selected, event.arrangement)
            self.show_charts()

    @on(MetricChart.Pointed)
    def _chosen(self, event: MetricChart.Pointed) -> None:
        if self._logged.logged is not None:
            self._logged.grid.choose_chart(event.chart)

    @property
    def axis_kinds(self) -> tuple[AxisKind, ...]:
        return METRIC_AXES if self._logged.logged is not None and self.own.shown is None else super().axis_kinds

    @property
    def charts(self) -> list[MetricChart]:
        """From top to bottom, of what is shown."""
        if self._logged.logged is not None:
            return self._logged.grid.charts
        return [self.query_one("#loss", MetricChart), self.query_one("#accuracy", MetricChart)]

    def _show_none(self, why: str) -> None:
        """No curves, as there is nothing to make them of."""
        self.query_one("#loss", MetricChart).show(None, empty_text=why)
        self.query_one("#accuracy", MetricChart).show(None)

    def _follow_newest(self) -> None:
        shown, curves = self.own.shown, self.own.curves
        if shown is not None and curves is not None:
            axis = RunAxis(shown.run, curves, self.view.by, shown.batch_size)
            self.new_figures(axis.end, axis.newest)

    def show_charts(self) -> None:
        if self._logged.logged is not None:
            if self.selected is not None:
                self._logged.draw(self.selected)
            return
        loss, accuracy = self.query_one("#loss", MetricChart), self.query_one("#accuracy", MetricChart)
        shown, curves = self.own.shown, self.own.curves
        if shown is None or curves is None:
            self._show_none("its settings can't be read" if self.own.unreadable else "no run selected")
            return
        empty = "no figures yet" if not shown.run.state.over else "it ended before its first figures"
        loss.show(loss_chart(shown, curves, self.view), empty_text=empty)
        accuracy.show(accuracy_chart(shown, curves, self.view), empty_text=empty)

    def _waits_for(self, run: Run) -> str:
        """Why a queued run isn't trained now, as far as this screen knows."""
        if run.state is not State.QUEUED:
            return ""
        ahead = [other for other in self._runs if other.state is State.QUEUED and other.position < run.position]
        if ahead:
            return f"{len(ahead)} queued before it; K and J move it, x removes it"
        active = [other for other in self._runs if other.state.active]
        if active:
            return f"next, after {active[0].shown_name}; x removes it"
        runner = self.lazytrain.runner
        return runner.status.text if runner is not None else ""

    @on(RunList.Selected)
    def _selected(self) -> None:
        self._show_selected()

    # ── keys ───────────────────────────────────────────────────────────────────────────────────────────────

    def action_pause_or_resume(self) -> None:
        run = self.selected
        if run is None:
            return
        resumes = run.state is State.PAUSED if run.pending is None else run.state is not State.PAUSED
        self._command("resume" if resumes else "pause", run)

    def action_command(self, verb: str) -> None:
        if self.selected is not None:
            self._command(cast("Verb", verb), self.selected)

    def _command(self, verb: Verb, run: Run) -> None:
        self.lazytrain.command(verb, run)

    def action_turn(self, pages: int) -> None:
        run = self.selected
        if run is not None and self._logged.turn(run, pages):
            self.leave_full()
            self._show_again()

    def action_full(self) -> None:
        if self._logged.logged is None:
            super().action_full()
            return
        if not self.leave_full():
            self._focused_before = self.focused
            self.add_class("full")
            self._logged.grid.focus()
        self.show_charts()

    def action_log(self) -> None:
        if self.selected is not None:
            self.app.push_screen(LogScreen(self.lazytrain.store, self.selected))

    def action_details(self) -> None:
        if self.own.unreadable is not None:
            self.notify(self.own.unreadable[1], severity="error", markup=False)
        elif self.selected is not None and self.selected.kind is not Kind.OWN:
            try:
                details = self.lazytrain.store.details(self.selected.id)
            except (RunNotFound, RunUnreadable) as error:
                self.notify(str(error), severity="error", markup=False)
                return
            self.app.push_screen(DetailsScreen(self.selected, details, self.lazytrain.store.runners()))
        elif self.selected is not None and self.own.configuration is not None:
            self.app.push_screen(DetailsScreen(self.selected, self.own.configuration, self.lazytrain.store.runners()))

    def action_learned(self) -> None:
        run, app = self.selected, self.lazytrain
        if run is not None:
            if self._inspections is None:
                self._inspections = Inspections.of(app.store, app.home, app.data)
            self.app.push_screen(LearnedScreen(app.store, run, partial(self._inspections.look, run.id), app.pixels))

    def action_export(self) -> None:
        if self.selected is not None:
            self.lazytrain.export([self.selected])

    async def action_back(self) -> None:
        if not self.close_one():
            await self.app.run_action("mode('launch')")

    # ── size ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_resize(self, event: Resize) -> None:
        width, height = event.size
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(too_small, "too-small")
        self.set_class(width < NARROW, "narrow")
        self.set_class(width < SLIM or height < 20, "slim")
        if too_small:
            self.query_one("#too-small", Static).update(
                f"This terminal has {width} × {height} cells.\n"
                f"lazytrain needs {SMALLEST[0]} × {SMALLEST[1]}: make it larger.\nTraining goes on meanwhile."
            )
