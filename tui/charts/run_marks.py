"""What happened to a run, marked on its curve among those of others: in its colour, where the curve was then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lazytrain.engine.records import Run
from lazytrain.tui.charts.data import Curve, Mark, MarkKind
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.run_figures import Metric, RunAxis, Split, find_best

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Curves

LOOKS: dict[MarkKind, tuple[str, str]] = {
    "best": ("★", "best"),
    "overfit": ("!", "overfits"),
    "resumed": ("↻", "resumed"),
    "bad": ("✗", "NaN"),
}
"""A glyph of one cell each, and what it says."""


def marks_on(
    curve: Curve,
    run: Run,
    curves: Curves,
    axis: RunAxis,
    metric: Metric,
    split: Split,
    *,
    resumed_steps: Sequence[int] = (),
    validated: bool = False,
) -> list[Mark]:
    """The best epoch, where overfitting begins, where the run was taken up again, and where its loss was NaN.

    Args:
        curve: as it is drawn; the marks lie on it.
        validated: whether "best" looks at images held out for it: then no test figure is the best.
    """
    steps: list[tuple[MarkKind, float]] = [("resumed", step) for step in resumed_steps]
    overfitting = curves.overfitting_epoch
    if overfitting is not None:
        steps.append(("overfit", curves.epochs[curves.epochs.index_of(overfitting)].step))
    best = find_best(curves.of_epochs(f"test_{metric}"), lowest=metric == "loss")
    if best is not None and split == "test" and not validated:
        steps.append(("best", curves.epochs[best].step))
    bad = curves.bad_step(run)
    if bad is not None:
        steps.append(("bad", bad))
    return [mark_at(kind, axis.at(step), curve) for kind, step in steps]


def mark_figures(marks: Iterable[Mark]) -> tuple[Reading, ...]:
    """`★ best`, `✗ NaN`: what the marks that there are say, for the frame."""
    kinds = {mark.kind for mark in marks}
    return tuple(Reading(glyph, words) for kind, (glyph, words) in LOOKS.items() if kind in kinds)


def mark_at(kind: MarkKind, x: float, curve: Curve) -> Mark:
    """A mark on the curve; at the chart's edge, with the curve's marker, where it has no figure."""
    import numpy as np

    glyph = LOOKS[kind][0]
    finite = np.isfinite(curve.y)
    if not finite.any():
        return Mark(kind=kind, x=x, tone=curve.tone, glyph=f"{glyph}{curve.marker}")
    y = np.interp(x, np.asarray(curve.x, "f8")[finite] * curve.x_scale, curve.y[finite])
    return Mark(kind=kind, x=x, y=float(y), tone=curve.tone, glyph=glyph)
