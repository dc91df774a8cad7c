"""`lazytrain plot` of named series: what programs log, and what lazytrain's own trainings have beside their curves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from lazytrain.engine.records import Kind, Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.commands.plot_text import print_line, styled, tone_style
from lazytrain.tui.commands.shared import Refused
from lazytrain.tui.plain.reporters import write_line

if TYPE_CHECKING:
    from lazytrain.engine.analysis.comparison import Compared
    from lazytrain.engine.analysis.metrics import RunMetrics
    from lazytrain.engine.analysis.series import Curves
    from lazytrain.tui.charts.compare_figures import Splits
    from lazytrain.tui.charts.data import ChartData, ChartView

MOST_CHARTS = 8
"""Printed of a run where no metric is named."""


class _Read:
    """Runs with all that charts need of them."""

    def __init__(self, store: Store, runs: Sequence[Run]) -> None:
        from lazytrain.engine.analysis.comparison import Compared
        from lazytrain.engine.analysis.metrics import OwnMetrics, RunMetrics
        from lazytrain.engine.analysis.series import Curves
        from lazytrain.tui.charts.run_figures import find_resumed_steps

        self.members: list[Compared] = []
        self.curves: dict[str, Curves] = {}
        self.series: dict[str, RunMetrics] = {}
        self.resumed = {run.id: find_resumed_steps(store.messages(run.id)) for run in runs}
        for run in runs:
            if run.kind is Kind.OWN:
                curves = self.curves[run.id] = Curves(store, run.id)
                curves.update(run)
                series = OwnMetrics(store, curves)
            else:
                series = RunMetrics(store, run.id)
            series.update()
            self.series[run.id] = series
            own = run.kind is Kind.OWN
            self.members.append(
                Compared(
                    run=run,
                    configuration=store.configuration(run.id) if own else None,
                    epochs=store.epochs(run.id) if own else (),
                    details={} if own else store.details(run.id),
                    metrics=series.metrics,
                )
            )


def plot_metrics(
    console: Console,
    store: Store,
    runs: Sequence[Run],
    metric: str | None,
    splits: Splits,
    view: ChartView,
    size: tuple[int, int],
) -> None:
    """Print a chart of the metric, of one run or of several over each other; without one, of what they have in common.

    Raises:
        Refused: none of the runs has it.
    """
    from lazytrain.tui.charts.layout import Plot
    from lazytrain.tui.charts.metric_figures import METRIC_AXES
    from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES

    read = _Read(store, runs)
    if any(run.kind is not Kind.OWN for run in runs) and view.by not in METRIC_AXES:
        view = replace(view, by=METRIC_AXES[0])
    titles = _titles(read.members, metric)
    coloured = console.color_system is not None and not console.no_color
    for title in titles[:MOST_CHARTS]:
        data = _one(read, title, view) if len(runs) == 1 else _overlay(read, title, splits, view)
        percent = title == "accuracy" and len(runs) > 1
        for line in Plot(title, percent=percent, colours=coloured).compose(*size, data, empty_text="no figures"):
            print_line(console, styled(line))
    for number, run in enumerate(runs):
        mark = [(RUN_MARKERS[number], tone_style(RUN_TONES[number]))] if len(runs) > 1 else []
        print_line(console, [*mark, (f"{' ' * bool(mark)}{run.name} ({run.id})", "")])
    if len(titles) > MOST_CHARTS:
        write_line(
            sys.stderr, f"and {len(titles) - MOST_CHARTS} more: --metric names one; `lazytrain metrics` lists them"
        )


def _titles(members: Sequence[Compared], metric: str | None) -> list[str]:
    """The titles of the charts to print. Raises Refused."""
    groups = [(group.title, [name for _, name in group.members]) for member in members for group in member.groups]
    own = ["accuracy", "loss"] if any(member.configuration is not None for member in members) else []
    known = list(dict.fromkeys([*own, *(title for title, _ in groups)]))
    if metric is None:
        shared = [title for title in known if all(_has(member, title) for member in members)]
        return shared or known
    found = next((title for title in known if title == metric), None)
    found = found or next((title for title, names in groups if metric in names), None)
    if found is None:
        there = f"they have {', '.join(known[:10])}" if known else "they have logged none"
        raise Refused(f"no metric {metric!r} in these runs: {there}")
    return [found]


def _has(member: Compared, title: str) -> bool:
    own = member.configuration is not None and title in ("accuracy", "loss")
    return own or member.group(title) is not None


def _one(read: _Read, title: str, view: ChartView) -> ChartData | None:
    """A run's chart as Monitor shows it."""
    from lazytrain.tui.charts.metric_figures import MetricAxis, metric_chart
    from lazytrain.tui.charts.run_figures import RunAxis

    member = read.members[0]
    run, group, series = member.run, member.group(title), read.series[member.run.id]
    if group is None:
        return None
    if run.id in read.curves and run.num_steps:
        axis = MetricAxis.of_epochs(RunAxis(run, read.curves[run.id], view.by, member.batch_size), view)
    else:
        axis = MetricAxis.of_steps(run, max(metric.highest_step for metric in series.metrics), view.by)
    names = [*(name for _, name in group.members), *([group.axis] if group.axis else [])]
    return metric_chart(run, group, series.series(names), axis, view, read.resumed[run.id])


def _overlay(read: _Read, title: str, splits: Splits, view: ChartView) -> ChartData | None:
    """Several runs on common axes, each with a colour, a shape, and its name at its end."""
    from lazytrain.engine.analysis.comparison import alone
    from lazytrain.tui.charts.compare_figures import Overlaid, overlay
    from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES

    shown = [
        Overlaid(family=family, label=family.members[0].run.name, tone=tone, marker=marker)
        for family, tone, marker in zip(alone(read.members), RUN_TONES, RUN_MARKERS, strict=False)
    ]
    return overlay(title, shown, read.curves, view, splits, resumed=read.resumed, series=read.series)
