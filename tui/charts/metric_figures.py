"""What the chart of a metric shows: its parts (train, val, test) over each other, by step or by time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Run
from lazytrain.tui.charts.axis import round_end
from lazytrain.tui.charts.data import ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.run_figures import find_best
from lazytrain.tui.charts.tones import Tone
from lazytrain.tui.words.text import format_loss

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metrics import MetricGroup, Series

_TONES: dict[str, Tone] = {"train": "train", "val": "test", "test": "run-2", "": "train"}
LEAST_DOTS = 60
"""A curve of fewer values has a dot at each: they are evaluations, far apart."""


def metric_chart(run: Run, group: MetricGroup, series: Mapping[str, Series], view: ChartView) -> ChartData | None:
    """The chart's data, or None while there are no values."""
    if view.by != "time":
        # Of epochs and images nobody knows.
        view = replace(view, by="step")
    curves: list[Curve] = []
    figures: list[Reading] = []
    marks: list[Mark] = []
    newest = 0.0
    for part, name in group.members:
        each = series.get(name)
        if each is None or not len(each.steps):
            continue
        x: Any = each.seconds if view.by == "time" else each.steps
        newest = max(newest, float(x[-1]))
        tone = _TONES[part]
        few = len(each.values) < LEAST_DOTS
        curves.append(
            Curve(
                label=part or "value",
                x=x,
                y=each.values,
                tone=tone,
                stroke="dots" if few and len(group.members) > 1 and part != "train" else "line",
                smooth=True,
                noisy=each.is_noisy,
            )
        )
        figures.append(Reading(part, f"{format_loss(float(each.values[-1])):>7}", tone))
        if part in ("val", "test") and not any(mark.kind == "best" for mark in marks):
            best = find_best(each.values, lowest=group.lowest_is_best)
            if best is not None:
                value = float(each.values[best])
                marks.append(Mark(kind="best", x=float(x[best]), y=value))
                figures.append(Reading(f"● best {part}", format_loss(value), "best"))
    if not curves:
        return None
    end = max(newest, 1e-3)
    if not run.state.over:
        end = round_end(end) if view.by == "time" else _next_round(end)
    return ChartData(
        key=(run.id, run.revision, view.by, group.title),
        curves=tuple(curves),
        x_end=end,
        newest=newest,
        view=view,
        marks=tuple(marks),
        figures=tuple(figures),
    )


def _next_round(step: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ: an axis without a plan rarely changes."""
    power = 10.0
    while True:
        for factor in (1, 2, 5):
            if factor * power >= step:
                return factor * power
        power *= 10
