"""What the chart of a metric shows: its parts (train, val, test) over each other, on the axis of the run's charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Run
from lazytrain.tui.charts.axis import round_end
from lazytrain.tui.charts.data import AxisKind, ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.run_figures import RunAxis, find_best
from lazytrain.tui.charts.tones import Tone
from lazytrain.tui.words.text import format_loss

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metric_names import MetricGroup
    from lazytrain.engine.analysis.metrics import Values

METRIC_AXES: tuple[AxisKind, ...] = ("step", "time")
"""What the x axis can count for a run of which lazytrain knows no epochs."""
LEAST_DOTS = 60
"""A curve of fewer values has a dot at each: they are evaluations, far apart."""
MOST_BAD = 200
"""So many NaN and infinite values of a curve are marked, evenly over it: a chart has about as many columns."""
_TONES: dict[str, Tone] = {"train": "train", "val": "test", "test": "run-2", "": "train"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAxis:
    """The x axis that all charts of a run have in common."""

    by: AxisKind
    scale: float = 1.0
    """Of its units a step has."""
    end: float
    newest: float

    @classmethod
    def of_steps(cls, run: Run, highest_step: int, by: AxisKind) -> MetricAxis:
        """Of a run that counts nothing but steps and time, as far as it came; one that goes on has room."""
        if by == "time":
            newest = max(run.seconds, 1e-3)
            return cls(by="time", end=newest if run.state.over else round_end(newest), newest=newest)
        newest = max(float(highest_step), 1e-3)
        return cls(by="step", end=newest if run.state.over else _next_round(newest), newest=newest)

    @classmethod
    def of_epochs(cls, axis: RunAxis, view: ChartView) -> MetricAxis:
        """That of the run's other charts."""
        return cls(by=view.by, scale=axis.scale, end=axis.end, newest=axis.newest)


@dataclass(slots=True)
class _Placed:
    """A metric's values where they lie on the axis."""

    part: str
    label: str
    x: Any
    y: Any
    steps: Any
    noisy: bool


def metric_chart(
    run: Run,
    group: MetricGroup,
    series: Mapping[str, Values],
    axis: MetricAxis,
    view: ChartView,
    resumed_steps: Sequence[int] = (),
) -> ChartData | None:
    """The chart's data, or None while there are no values."""
    along = series.get(group.axis) if group.axis and axis.by == "step" else None
    if along is not None and not _finite(along.values).any():
        along = None
    placed = _place(group, series, axis, along)
    if not placed:
        return None
    view = replace(view, by=axis.by)
    end, newest, places = axis.end, axis.newest, None
    if along is not None:
        newest = max(float(each.x[-1]) for each in placed)
        end = newest if run.state.over else _next_round(newest)
        places = _increasing(along)
        if view.window is not None:
            left, right = (_interpolate(edge, *places) for edge in view.window)
            view = replace(view, window=(left, right) if right > left else None)
    scale = 1.0 if along is not None or axis.by == "time" else axis.scale
    curves = [_curve(group, each, scale, asked=view.smoothing is not None) for each in placed]
    marks = [_resumed(step, placed, axis, places) for step in resumed_steps if step <= run.step]
    figures = [
        Reading(each.label if len(placed) > 1 else each.part, f"{format_loss(float(each.y[-1])):>7}", curve.tone)
        for each, curve in zip(placed, curves, strict=True)
    ]
    bad = [_bad_marks(each, scale) for each in placed]
    for found, curve in zip(bad, curves, strict=True):
        if found:
            marks += found
            count = int((~_finite(curve.y)).sum())
            figures.append(Reading("✗", f"{count:,} NaN or ∞", "bad"))
    best = _best(group, placed, curves)
    if best is not None:
        mark, part = best
        marks.append(mark)
        figures.append(Reading(f"● best {part}".rstrip(), format_loss(mark.y), "best"))
    return ChartData(
        key=(run.id, run.revision, view.by, group.title),
        curves=tuple(curves),
        x_end=max(end, 1e-9),
        newest=newest,
        view=view,
        marks=tuple(marks),
        figures=tuple(figures),
        axis=group.axis if along is not None else "",
        places=places,
    )


def _place(group: MetricGroup, series: Mapping[str, Values], axis: MetricAxis, along: Values | None) -> list[_Placed]:
    parts = [part for part, _ in group.members]
    placed: list[_Placed] = []
    for part, name in group.members:
        each = series.get(name)
        if each is None or not len(each.steps):
            continue
        label = name if parts.count(part) > 1 else part or "value"
        if along is not None:
            from lazytrain.engine.analysis.metrics import along as put_along  # numpy, with the first chart

            x, steps, y = put_along(each, along)
            if not len(x):
                continue
        else:
            x, steps, y = each.seconds if axis.by == "time" else each.steps, each.steps, each.values
        placed.append(_Placed(part, label, x, y, steps, each.is_noisy))
    return placed


def _curve(group: MetricGroup, placed: _Placed, scale: float, *, asked: bool) -> Curve:
    few = len(placed.y) < LEAST_DOTS
    return Curve(
        label=placed.label,
        x=placed.x,
        y=placed.y,
        x_scale=scale,
        tone=_TONES[placed.part],
        stroke="dots" if few and len(group.members) > 1 and placed.part != "train" else "line",
        # Who asks for smoothing asks for it of every curve; by itself it is for noisy ones.
        smooth=asked or placed.noisy,
        noisy=placed.noisy,
    )


def _best(group: MetricGroup, placed: Sequence[_Placed], curves: Sequence[Curve]) -> tuple[Mark, str] | None:
    """Where it was best, by the validation if there is one; of a training alone only where a goal was said."""
    if group.goal is None:
        return None
    for wanted in ("val", "test", "", *(["train"] if group.said else [])):
        for each, curve in zip(placed, curves, strict=True):
            if each.part == wanted:
                best = find_best(each.y, lowest=group.goal == "min")
                if best is None:
                    return None
                return Mark(kind="best", x=float(each.x[best]) * curve.x_scale, y=float(each.y[best])), each.part
    return None


def _bad_marks(placed: _Placed, scale: float) -> list[Mark]:
    """Where values are NaN or infinite, and so no part of the curve."""
    bad = (~_finite(placed.y)).nonzero()[0]
    shown = bad[:: math.ceil(len(bad) / MOST_BAD)] if len(bad) else bad
    return [Mark(kind="bad", x=float(placed.x[index]) * scale, glyph="✗") for index in shown]


def _resumed(step: int, placed: Sequence[_Placed], axis: MetricAxis, places: tuple[Any, Any] | None) -> Mark:
    if places is not None:
        return Mark(kind="resumed", x=_interpolate(step, *places))
    if axis.by == "time":
        longest = max(placed, key=lambda each: len(each.x))
        return Mark(kind="resumed", x=_interpolate(step, longest.steps, longest.x))
    return Mark(kind="resumed", x=step * axis.scale)


def _finite(values: Any) -> Any:
    import numpy as np

    return np.isfinite(values)


def _interpolate(place: float, known: Any, values: Any) -> float:
    import numpy as np

    return float(np.interp(place, known, values))


def _increasing(along: Values) -> tuple[Any, Any]:
    """Steps and the values there of the metric that is the axis, as far as they increase: it may begin anew."""
    import numpy as np

    finite = np.isfinite(along.values)
    return along.steps[finite], np.maximum.accumulate(along.values[finite])


def _next_round(step: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ: an axis without a plan rarely changes."""
    power = 10.0 ** math.floor(math.log10(max(step, 1e-9)))
    return next(factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= step)
