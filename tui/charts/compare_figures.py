"""What the charts of compared runs show: their curves over each other on common axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lazytrain.engine.analysis.comparison import Compared, Family, mean_curve
from lazytrain.engine.records import Run
from lazytrain.tui.charts.data import ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.run_figures import Metric, RunAxis, Split, run_curve
from lazytrain.tui.charts.run_marks import mark_figures, marks_on
from lazytrain.tui.charts.tones import Tone, faint

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Curves

Splits = Literal["test", "train", "both"]
SPLIT_WORDS: dict[Splits, str] = {"test": "test", "train": "train", "both": "test, train faint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaid:
    """A row's curves: a run's own, or the mean of several seeds'."""

    family: Family
    label: str
    tone: Tone
    marker: str


def overlay(
    metric: Metric,
    shown: Sequence[Overlaid],
    curves: Mapping[str, Curves],
    view: ChartView,
    splits: Splits = "test",
    *,
    named: bool = True,
    resumed: Mapping[str, Sequence[int]] | None = None,
) -> ChartData | None:
    """One metric of several runs, or None while none of them has figures.

    A run's curves have its colour and its marker. With both, the training curve is the faint one, without a marker.

    Args:
        curves: by run id.
        named: whether names stand beside the curves' ends, or the markers alone.
        resumed: by run id, the steps at which runs were taken up again.
    """
    drawn: list[Curve] = []
    marks: list[Mark] = []
    x_end = newest = 0.0
    for each in shown:
        members = [member for member in each.family.used if _has_figures(member.run, curves.get(member.run.id))]
        if not members:
            continue
        axes = [_axis(member, curves[member.run.id], view) for member in members]
        x_end, newest = max(x_end, *(axis.end for axis in axes)), max(newest, *(axis.newest for axis in axes))
        for split in _splits(splits):
            looks = _looks(each, split, splits, named=named)
            pairs = [(curves[member.run.id], axis) for member, axis in zip(members, axes, strict=True)]
            made = [run_curve(own, axis, metric, split, label=each.label, **looks) for own, axis in pairs]
            drawn += made if len(made) == 1 else _mean(made)
            if len(made) == 1 and split == _splits(splits)[-1]:
                marks += _marks(members[0], made[0], *pairs[0], metric, split, resumed or {})
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


def _marks(
    member: Compared,
    drawn: Curve,
    curves: Curves,
    axis: RunAxis,
    metric: Metric,
    split: Split,
    resumed: Mapping[str, Sequence[int]],
) -> list[Mark]:
    """What happened to a run; of a mean of several there is nothing to tell."""
    validated = member.configuration.hyperparameters.validation_fraction > 0
    steps = resumed.get(member.run.id, ())
    return marks_on(drawn, member.run, curves, axis, metric, split, resumed_steps=steps, validated=validated)


def _mean(curves: Sequence[Curve]) -> list[Curve]:
    """The mean of several seeds' curves, with the band from the lowest to the highest of them."""
    found = mean_curve([(curve.x * curve.x_scale, curve.y) for curve in curves])
    if found is None:
        return []
    mean = replace(curves[0], x=found.x, y=found.mean, x_scale=1.0)
    # A faint curve has no tone fainter than its own for a band.
    return [replace(mean, low=found.low, high=found.high) if mean.marker else mean]


def _axis(each: Compared, curves: Curves, view: ChartView) -> RunAxis:
    return RunAxis(each.run, curves, view.by, each.configuration.hyperparameters.batch_size)


def _has_figures(run: Run, curves: Curves | None) -> bool:
    return bool(curves is not None and run.num_steps and (len(curves.steps) or curves.epochs or run.diverged))


def _runs(shown: Sequence[Overlaid]) -> list[Run]:
    return [member.run for each in shown for member in each.family.members]
