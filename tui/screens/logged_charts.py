"""Monitor's grid of charts: whatever the selected run has logged, in place of loss and accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lazytrain.engine.records import Kind, Run
from lazytrain.tui.charts.metric_figures import MetricAxis, metric_chart
from lazytrain.tui.charts.run_figures import RunAxis
from lazytrain.tui.screens.charts import ChartScreen
from lazytrain.tui.state.arrangement import Arrangement, Arrangements
from lazytrain.tui.state.selected_run import LoggedMetrics, SelectedRun
from lazytrain.tui.widgets.metric_grid import MetricGrid

if TYPE_CHECKING:
    from lazytrain.engine.store.store import Store

READ_OFF = "read off its output"
"""Said of charts whose figures a program didn't log itself."""


class LoggedCharts:
    """What the grid shows, while it is shown.

    Attributes:
        logged: what is shown; None where Monitor has its two charts.
        further: whether the metrics of runs that lazytrain trains are shown in place of their two charts.
    """

    def __init__(
        self,
        screen: ChartScreen,
        store: Store,
        selected: SelectedRun,
        arrangements: Arrangements,
        show_again: Callable[[], object],
    ) -> None:
        """`show_again`: called when the grid, which is made with the first run that needs it, can show one."""
        self.logged: LoggedMetrics | None = None
        self.further = False
        self._screen, self._store, self._selected = screen, store, selected
        self._arrangements, self._show_again = arrangements, show_again

    @property
    def grid(self) -> MetricGrid:
        return self._screen.query_one(MetricGrid)

    def show(self, run: Run) -> None:
        """Show what a run has logged. Raises RunNotFound."""
        screen, grids = self._screen, self._screen.query(MetricGrid)
        if not grids:
            screen.query_one("#body").mount(MetricGrid())
            screen.call_after_refresh(self._show_again)
            return
        grid = grids.first()
        if self.logged is None or self.logged.run_id != run.id:
            if run.kind is Kind.OWN and self._selected.curves is not None:
                self.logged = LoggedMetrics(self._store, run, self._selected.curves)
            else:
                self._selected.forget()
                self.logged = LoggedMetrics(self._store, run)
                screen.other_figures()
            grid.begin()
        screen.query_one("#charts").display, grid.display = False, True
        if self.logged.read(run):
            grid.note = READ_OFF if self.logged.from_output else ""
            axis = self._axis(run, self.logged)
            screen.new_figures(axis.end, axis.newest)
            screen.show_charts()

    def hide(self) -> None:
        """Monitor's two charts again."""
        if self.logged is not None:
            self.logged = None
            self._screen.leave_full()
            self._screen.other_figures()
            self._screen.query_one("#charts").display = True
            self.grid.display = False

    def draw(self, run: Run) -> None:
        """Draw what was read as the screen's view says."""
        from lazytrain.engine.analysis.metric_names import group_metrics

        logged, view = self.logged, self._screen.view
        if logged is None or logged.rules is None:
            return
        axis = self._axis(run, logged)
        self.grid.show(
            logged.metrics,
            group_metrics([metric.name for metric in logged.metrics.metrics], logged.rules),
            self._arrangements.of(run),
            lambda group, series: metric_chart(run, group, series, axis, view, logged.resumed_steps),
        )

    def arrange(self, run: Run, arrangement: Arrangement) -> None:
        """Keep another order, or what is hidden, for all runs of its project."""
        self._arrangements.put(run, arrangement)

    def turn(self, run: Run, pages: int) -> bool:
        """Go to other charts; whether those are no longer, or not yet, in the grid.

        Of a run that lazytrain trains, the charts of its metrics come after the two that count most.
        """
        if self.logged is None and (run.kind is not Kind.OWN or pages < 0):
            return False
        if self.logged is None:
            self.further = True
        elif self.grid.turn(pages) or run.kind is not Kind.OWN or pages > 0:
            return False
        else:
            self.further = False
        return True

    def _axis(self, run: Run, logged: LoggedMetrics) -> MetricAxis:
        own, view = self._selected, self._screen.view
        if own.shown is not None and own.curves is not None and run.num_steps:
            return MetricAxis.of_epochs(RunAxis(run, own.curves, view.by, own.shown.batch_size), view)
        highest = max((metric.highest_step for metric in logged.metrics.metrics), default=0)
        return MetricAxis.of_steps(run, highest, view.by)
