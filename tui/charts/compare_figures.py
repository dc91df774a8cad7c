"""What the charts of compared runs show: their curves over each other on common axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lazytrain.engine.analysis.comparison import Compared, Family, mean_curve
from lazytrain.engine.analysis.metric_names import accuracy_share
from lazytrain.engine.records import Run
from lazytrain.tui.charts.data import ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.metric_figures import MetricAxis
from lazytrain.tui.charts.run_figures import Metric, RunAxis, Split, find_best, run_curve
from lazytrain.tui.charts.run_marks import mark_at, mark_figures, marks_on
from lazytrain.tui.charts.tones import Tone, faint

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metric_names import MetricGroup
    from lazytrain.engine.analysis.metrics import RunMetrics
    from lazytrain.engine.analysis.series import Curves

OWN_METRICS = ("loss", "accuracy")
"""What every run that lazytrain trains has in its curve."""
Splits = Literal["test", "train", "both"]
SPLIT_WORDS: dict[Splits, str] = {"test": "test", "train": "train", "both": "test, train faint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaid:
    """A row's curves: a run's own, or the mean of several seeds'."""

    family: Family
    label: str
    tone: Tone
    marker: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A curve of one run."""

    member: Compared
    curve: Curve
    end: float
    newest: float
    marks: list[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What is common to all curves of a chart."""

    metric: str
    """`loss`, `accuracy`, or the title of a chart of named series."""
    view: ChartView
    curves: Mapping[str, Curves]
    """By run id; of runs that lazytrain trains."""
    series: Mapping[str, RunMetrics]
    """By run id."""
    resumed: Mapping[str, Sequence[int]]
    """By run id, the steps at which runs were taken up again."""
    axis: str = ""
    """The metric along which all of them are drawn, if there is one."""


def overlay(
    metric: str,
    shown: Sequence[Overlaid],
    curves: Mapping[str, Curves],
    view: ChartView,
    splits: Splits = "test",
    *,
    named: bool = True,
    resumed: Mapping[str, Sequence[int]] | None = None,
    series: Mapping[str, RunMetrics] | None = None,
) -> ChartData | None:
    """One metric of several runs, or None while none of them has figures.

    A run's curves have its colour and its marker. With both, the training curve is the faint one, without a marker.

    Args:
        curves: by run id.
        named: whether names stand beside the curves' ends, or the markers alone.
        resumed: by run id, the steps at which runs were taken up again.
        series: by run id, the named series of those that have any.
    """
    axes = {group.axis if (group := member.group(metric)) is not None else "" for member in _members(shown)}
    axis = axes.pop() if len(axes) == 1 and view.by == "step" else ""
    common = Overlay(metric=metric, view=view, curves=curves, series=series or {}, resumed=resumed or {}, axis=axis)
    drawn: list[Curve] = []
    marks: list[Mark] = []
    x_end = newest = 0.0
    for each in shown:
        for split in _splits(splits):
            looks = {"label": each.label, **_looks(each, split, splits, named=named)}
            found = [_part(common, member, split, looks, splits) for member in each.family.used]
            parts = [part for part in found if part is not None]
            if not parts:
                continue
            x_end = max(x_end, *(part.end for part in parts))
            newest = max(newest, *(part.newest for part in parts))
            drawn += [parts[0].curve] if len(parts) == 1 else _mean([part.curve for part in parts])
            if len(parts) == 1 and split == _splits(splits)[-1]:
                marks += parts[0].marks
    if not drawn:
        return None
    return ChartData(
        key=(metric, splits, view.by, tuple((run.id, run.revision) for run in _runs(shown))),
        curves=tuple(drawn),
        x_end=x_end,
        newest=newest,
        view=view,
        marks=tuple(marks),
        figures=(Reading("", SPLIT_WORDS[splits]), *mark_figures(marks)),
        axis=axis,
    )


def _splits(splits: Splits) -> tuple[Split, ...]:
    # The last one is drawn on top.
    return ("train", "test") if splits == "both" else (splits,)


def _looks(each: Overlaid, split: Split, splits: Splits, *, named: bool) -> dict[str, Any]:
    behind = splits == "both" and split == "train"
    name = each.label if named else ""
    return {
        "tone": faint(each.tone) if behind else each.tone,
        "marker": "" if behind else each.marker,
        "tag": None if behind else name,
        "stroke": "line",
        "smooth": split == "train",
    }


def _part(common: Overlay, member: Compared, split: Split, looks: dict[str, Any], splits: Splits) -> _Part | None:
    """A run's curve of one split, None if it has none."""
    own = common.curves.get(member.run.id)
    if member.configuration is not None and common.metric in OWN_METRICS:
        if not _has_figures(member.run, own) or own is None:
            return None
        axis = _axis(member, own, common.view)
        metric: Metric = "loss" if common.metric == "loss" else "accuracy"
        curve = run_curve(own, axis, metric, split, **looks)
        steps = common.resumed.get(member.run.id, ())
        marks = marks_on(curve, member.run, own, axis, metric, split, resumed_steps=steps, validated=member.validated)
        return _Part(member, curve, axis.end, axis.newest, marks)
    return _metric_part(common, member, split, looks, splits)


def _metric_part(
    common: Overlay, member: Compared, split: Split, looks: dict[str, Any], splits: Splits
) -> _Part | None:
    """The same of named series: of the validation, else the test; of what has no parts, whatever is asked for."""
    group, found = member.group(common.metric), common.series.get(member.run.id)
    if group is None or found is None:
        return None
    name = group.member("val", "test", "") if split == "test" else group.member("train", "")
    if name is None or (splits == "both" and split == "train" and name == group.member("val", "test", "")):
        if split == "train" or splits == "both":
            return None
        name = group.members[0][1]
    series = found.series([name, *([common.axis] if common.axis else [])])
    each = series[name]
    if not len(each.steps):
        return None
    axis = _metric_axis(common, member, found)
    x, y, steps, scale = each.steps, each.values, each.steps, axis.scale
    if axis.by == "time":
        x, scale = each.seconds, 1.0
    elif common.axis:
        from lazytrain.engine.analysis.metrics import along

        x, steps, y = along(each, series[common.axis])
        if not len(x):
            return None
        axis, scale = replace(axis, end=float(x[-1]), newest=float(x[-1])), 1.0
    if common.metric == "accuracy" and (metric := member.metric(name)) is not None:
        y = y * accuracy_share(metric.largest)
    curve = Curve(
        x=x, y=y, x_scale=scale, **{**looks, "smooth": looks["smooth"] or each.is_noisy, "noisy": each.is_noisy}
    )
    marks = _series_marks(curve, steps, group, common.resumed.get(member.run.id, ()))
    return _Part(member, curve, axis.end, axis.newest, marks)


def _metric_axis(common: Overlay, member: Compared, found: RunMetrics) -> MetricAxis:
    own = common.curves.get(member.run.id)
    if own is not None and member.run.num_steps:
        return MetricAxis.of_epochs(_axis(member, own, common.view), common.view)
    highest = max((metric.highest_step for metric in found.metrics), default=0)
    return MetricAxis.of_steps(member.run, highest, common.view.by)


def _series_marks(curve: Curve, steps: Any, group: MetricGroup, resumed: Sequence[int]) -> list[Mark]:
    import numpy as np

    marks = [
        mark_at("resumed", float(np.interp(step, steps, curve.x)) * curve.x_scale, curve)
        for step in resumed
        if step <= steps[-1]
    ]
    best = find_best(curve.y, lowest=group.goal == "min") if group.goal is not None else None
    if best is not None:
        marks.append(mark_at("best", float(curve.x[best]) * curve.x_scale, curve))
    bad = np.flatnonzero(~np.isfinite(curve.y))
    return marks + [mark_at("bad", float(curve.x[index]) * curve.x_scale, curve) for index in bad[:1]]


def _mean(curves: Sequence[Curve]) -> list[Curve]:
    """The mean of several seeds' curves, with the band from the lowest to the highest of them."""
    found = mean_curve([(curve.x * curve.x_scale, curve.y) for curve in curves])
    if found is None:
        return []
    mean = replace(curves[0], x=found.x, y=found.mean, x_scale=1.0)
    # A faint curve has no tone fainter than its own for a band.
    return [replace(mean, low=found.low, high=found.high) if mean.marker else mean]


def _axis(each: Compared, curves: Curves, view: ChartView) -> RunAxis:
    return RunAxis(each.run, curves, view.by, each.batch_size)


def _has_figures(run: Run, curves: Curves | None) -> bool:
    return bool(curves is not None and run.num_steps and (len(curves.steps) or curves.epochs or run.diverged))


def _members(shown: Sequence[Overlaid]) -> list[Compared]:
    return [member for each in shown for member in each.family.members]


def _runs(shown: Sequence[Overlaid]) -> list[Run]:
    return [member.run for member in _members(shown)]
