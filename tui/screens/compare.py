"""Compare: the marked runs' curves over each other, and beneath them what differs and how good each got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Static

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import AxisKind
from lazytrain.tui.charts.metric_figures import METRIC_AXES
from lazytrain.tui.lists.run_list import RunList
from lazytrain.tui.screens.charts import Y_TOOLTIP, ChartScreen
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.pick import PickScreen
from lazytrain.tui.state.arrangement import keep_columns, recall_columns
from lazytrain.tui.state.compare_choice import METRICS, CompareChoice
from lazytrain.tui.state.compare_options import column_options, metric_options
from lazytrain.tui.state.marked_runs import MarkedRuns
from lazytrain.tui.widgets.compare_table import ComparisonTable
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.widgets.top_bar import TopBar
from lazytrain.tui.words.text import shorten

if TYPE_CHECKING:
    from lazytrain.engine.analysis.comparison import Compared, Family
    from lazytrain.tui.charts.compare_figures import Splits
    from lazytrain.tui.state.host import Host
    from lazytrain.tui.words.compare_rows import CompareTable

NARROW = 110
"""Below this width the list is smaller, and only markers stand beside the curves."""
LOW = 34
"""Below this height one chart is shown at a time."""
SLIM, LOWEST = 72, 20
"""Below this width the list is above the charts, and below this height there is no table."""
SPLITS: tuple[Splits, ...] = ("test", "train", "both")


class CompareScreen(ChartScreen):
    """Overlays the marked runs. The app says when runs changed; what is new of the marked ones is read here."""

    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = "#runs"
    Y_KINDS = ("fitted", "full")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", id="compare.mark", tooltip="Lay the selected run's curves over the others"),
        Binding("u", "unmark_all", "unmark all", id="compare.unmark_all", tooltip="Begin anew", show=False),
        Binding("a", "metric", "accuracy/loss", id="compare.metric", tooltip="Show accuracy, loss, or both"),
        Binding(
            "v",
            "pick_metric",
            "any metric",
            id="compare.pick_metric",
            tooltip="Show any metric that one of the marked runs has",
            show=False,
        ),
        Binding(
            "e",
            "pick_columns",
            "columns",
            id="compare.columns",
            tooltip="Further columns: any setting, any metric's best or last",
            show=False,
        ),
        Binding("d", "split", "test/train", id="compare.split", tooltip="Show test figures, train figures, or both"),
        Binding(
            "s",
            "fold",
            "seeds",
            id="compare.fold",
            tooltip="Runs that differ in their seed alone as one: their mean, in a band from lowest to highest",
        ),
        Binding("y", "next_y", "range", id="charts.y", tooltip=Y_TOOLTIP),
        Binding(
            "i",
            "details",
            "details",
            id="compare.details",
            tooltip="Everything that is set for the selected run",
            show=False,
        ),
        Binding(
            "E",
            "export",
            "export",
            id="compare.export",
            tooltip="Write the marked runs to files, together",
            show=False,
        ),
        Binding(
            "escape",
            "back",
            "back",
            id="compare.back",
            tooltip="Close the cursor or the full screen, or go to Monitor",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.splits: Splits = "test"
        self.metric = METRICS[0]
        self.folded = False
        self.families: list[Family] = []
        self._runs: Sequence[Run] = ()
        self._table: CompareTable | None = None
        self._shown: object = None
        self._ready = False

    @property
    def lazytrain(self) -> Host:
        """The app, which has the store, the marks, and carries out commands."""
        return cast("Host", self.app)

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Container(id="body"):
            yield RunList(id="runs")
            with Container(id="charts"):
                yield MetricChart("accuracy", percent=True, id="accuracy")
                yield MetricChart("loss", id="loss")
                yield MetricChart("", id="metric")
        yield Static(id="said")
        yield ComparisonTable(id="table")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._read = MarkedRuns(self.lazytrain.store)
        self._columns_file = self.lazytrain.home / "columns.json"
        self.columns = recall_columns(self._columns_file)
        self._ready = True
        self.show_runs(self.lazytrain.store.runs())

    # ── what the app tells ─────────────────────────────────────────────────────────────────────────────────

    def show_runs(self, runs: list[Run]) -> None:
        """The runs as they are now: reads of the marked ones what is new, and repaints what changed."""
        self._runs = runs
        if not self._ready:
            return
        self.query_one(RunList).show(runs)
        self._show_marked()
        self.refresh_bindings()

    @property
    def marked(self) -> list[Run]:
        """The marked runs that there are, in the order in which they were marked."""
        by_id = {run.id: run for run in self._runs}
        return [by_id[run_id] for run_id in self.lazytrain.marks if run_id in by_id]

    def _show_marked(self) -> None:
        # numpy is imported with the first comparison.
        from lazytrain.engine.analysis.comparison import alone, fold_seeds

        compared, grown = self._read.read(self.marked)
        runs = [(each.run.id, each.run.name, each.run.state, each.run.device) for each in compared]
        shown = self.folded, runs, dict(self._read.unreadable)
        if not grown and shown == self._shown:
            return
        if self._shown is None or [each[0] for each in shown[1]] != [each[0] for each in self._shown[1]]:  # type: ignore[index]
            self.point(None)
        self._shown = shown
        self.families = fold_seeds(compared) if self.folded else alone(compared)
        self._show_table()
        self._follow_newest()
        self.show_charts()

    def _follow_newest(self) -> None:
        data = next((chart.data for chart in self.charts if chart.data is not None), None)
        if data is not None and self.view.window is not None:
            self.new_figures(data.x_end, data.newest)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def charts(self) -> list[MetricChart]:
        """Accuracy and loss, or any metric in their place."""
        names = ("metric",) if self.choice.metric else ("accuracy", "loss")
        return [chart for chart in super().charts if chart.id in names]

    @property
    def full_charts(self) -> list[MetricChart]:
        """Those that there are to be."""
        known = self.choice.names if self.has_class("full") else self.metrics
        return [chart for chart in self.charts if chart.id in known]

    @property
    def _members(self) -> list[Compared]:
        return [member for family in self.families for member in family.members]

    @property
    def choice(self) -> CompareChoice:
        """What there is of the wanted metric."""
        return CompareChoice(self._members, self.metric)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The charts there are to be: both where there is room, and only the accuracy where losses don't compare."""
        choice = self.choice
        if choice.metric:
            return ("metric",)
        names = choice.names
        if len(names) < 2:
            return names or ("accuracy",)
        if self.has_class("full"):
            return ("loss",) if self.query_one("#accuracy").has_class("away") else ("accuracy",)
        if self.metric in names:
            return (self.metric,)
        return names if self.size.height >= LOW else ("accuracy",)

    @property
    def axis_kinds(self) -> tuple[AxisKind, ...]:
        return super().axis_kinds if self.choice.are_own else METRIC_AXES

    def show_charts(self) -> None:
        from lazytrain.tui.charts.compare_figures import Overlaid, overlay

        choice = self.choice
        if self.has_class("full") and not any(
            chart.id in choice.names or choice.metric for chart in self.charts if not chart.has_class("away")
        ):
            self.leave_full()
        marks, wide = self.lazytrain.marks, self.size.width >= NARROW
        labels = {row.key: row.label for row in self._table.rows} if self._table else {}
        shown = [
            Overlaid(
                family=family, label=labels[family.key], tone=marks.tone(family.key), marker=marks.marker(family.key)
            )
            for family in self.families
        ]
        kinds = self.axis_kinds
        view = self.view if self.view.by in kinds else replace(self.view, by=kinds[0])
        for chart in self.query(MetricChart):
            chart.set_class(chart.id not in self.metrics, "off")
            if chart.id not in self.metrics:
                chart.show(None)
                continue
            metric = choice.metric if chart.id == "metric" else chart.id or ""
            if chart.id == "metric":
                chart.plot.title = shorten(metric, max(10, chart.size.width // 2))
            data = overlay(
                *(metric, shown, self._read.curves, view, self.splits),
                named=wide,
                resumed=self._read.resumed,
                series=self._read.series,
            )
            chart.show(data, empty_text="no figures yet" if shown else "no run is marked")
        self._say()

    def _show_table(self) -> None:
        from lazytrain.tui.words.compare_rows import make_table

        marks, table = self.lazytrain.marks, self.query_one(ComparisonTable)
        self._table = make_table(self.families, self.choice.metric, self.columns) if self.families else None
        table.set_class(self._table is None, "off")
        if self._table is not None:
            table.border_subtitle = "v any metric · e columns"
            table.show_table(
                self._table, {row.key: (marks.marker(row.key), marks.tone(row.key)) for row in self._table.rows}
            )

    def _say(self) -> None:
        """What has to be said of how the curves are shown, in one line."""
        said = self.choice.describe(list(self._read.unreadable.values()))
        parts = [said] if said else []
        several = [len(family.used) for family in self.families if len(family.used) > 1]
        if several:
            parts.append("seeds as mean, band lowest to highest")
        elif self.folded and self.families:
            parts.append("no two of these differ in their seed alone")
        text = " · ".join(parts)
        self.query_one("#said", Static).update(shorten(text, max(10, self.size.width - 2)))
        self.query_one("#said", Static).display = bool(text)

    # ── keys ───────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "mark" | "details":
                return self._ready and self.query_one(RunList).selected is not None
            case "unmark_all" | "split" | "fold":
                return bool(self.families)
            case "metric":
                return bool(self.families) and (len(self.choice.loss_kinds) <= 1 or self.metric not in METRICS)
            case "pick_metric" | "pick_columns":
                return bool(self.families)
            case _:
                return True

    def _show_again(self) -> None:
        self._shown = None
        self._show_marked()
        self.refresh_bindings()

    @on(RunList.Marked)
    def _marked(self) -> None:
        self._show_marked()
        self.refresh_bindings()

    def action_mark(self) -> None:
        self.query_one(RunList).action_mark()

    def action_unmark_all(self) -> None:
        marks = self.lazytrain.marks
        marks.remove(list(marks))
        self.query_one(RunList).show_marks()
        self._show_again()

    def action_metric(self) -> None:
        if self.metric not in METRICS:
            # Back from another metric.
            self.metric = METRICS[0]
            self._show_again()
            return
        if self.size.height >= LOW:
            self.metric = METRICS[(METRICS.index(self.metric) + 1) % len(METRICS)]
        else:
            self.metric = "accuracy" if self.metrics == ("loss",) else "loss"
        self.leave_full()
        self.show_charts()

    def action_pick_metric(self) -> None:
        """Choose any metric of the marked runs."""
        options = metric_options(self._members)
        now = self.choice.metric or next((title for title, _ in options if title == self.metric), "")
        self.app.push_screen(PickScreen("the metric", options, [now] if now else []), self._pick_metric)

    def _pick_metric(self, chosen: list[str] | None) -> None:
        if chosen:
            self.metric = chosen[0]
            self.leave_full()
            self._show_again()

    def action_pick_columns(self) -> None:
        """Choose further columns of the table."""
        options = column_options(self._members, self.columns)
        self.app.push_screen(PickScreen("further columns", options, self.columns, many=True), self._pick_columns)

    def _pick_columns(self, chosen: list[str] | None) -> None:
        self.columns = chosen or []
        keep_columns(self._columns_file, self.columns)
        self._show_again()

    def action_split(self) -> None:
        self.splits = SPLITS[(SPLITS.index(self.splits) + 1) % len(SPLITS)]
        self.show_charts()

    def action_fold(self) -> None:
        self.folded = not self.folded
        self._show_again()

    def action_details(self) -> None:
        run = self.query_one(RunList).selected
        if run is not None:
            store = self.lazytrain.store
            try:
                self.app.push_screen(DetailsScreen(run, store.configuration(run.id), store.runners()))
            except (RunNotFound, RunUnreadable) as error:
                self.notify(str(error), severity="warning", markup=False)

    @on(ComparisonTable.Opened)
    def _opened(self, event: ComparisonTable.Opened) -> None:
        self.lazytrain.open_monitor(event.run_id)

    def action_export(self) -> None:
        runs = self.marked
        if not runs:
            self.notify("no run is marked: space marks the selected one", severity="warning")
            return
        self.lazytrain.export(runs)

    async def action_back(self) -> None:
        if not self.close_one():
            await self.app.run_action("mode('monitor')")

    # ── size ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < NARROW, "narrow")
        self.set_class(event.size.width < SLIM, "slim")
        self.set_class(event.size.height < LOWEST, "low")
        if self._ready and self.families:
            self.call_after_refresh(self.show_charts)
