"""What a chart shows: any number of curves on one x axis, how they are looked at, and what is marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.tones import Tone

AxisKind = Literal["epoch", "step", "images", "time"]
"""What the x axis counts: epochs, steps, images seen, or seconds of training."""
AXIS_KINDS: tuple[AxisKind, ...] = ("epoch", "step", "images", "time")
YRangeKind = Literal["held", "fitted", "full"]
"""What the y axis shows: all that is drawn, in limits that are held as long as they can be; the curves as they settle,
without their first quarter where that lies elsewhere; or everything that there can be (0 to 100 %)."""
MarkKind = Literal["best", "overfit", "resumed", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One line of a chart. Accuracies are fractions."""

    label: str
    """What it is called where the cursor stands: `train`, or a run's name."""
    x: Any
    """[N], increasing; a place on the axis divided by `x_scale`. Integers are not converted, however many."""
    y: Any
    """[N]; NaN and infinite values are left out."""
    tone: Tone
    x_scale: float = 1.0
    """Units of the axis per unit of `x`: 1 / steps an epoch for steps shown by epoch."""
    stroke: Literal["line", "dots"] = "line"
    """A braille line, or one with a dot (`marker`, else •) at its points, as far apart as is readable."""
    marker: str = ""
    """A shape put on a line at intervals, which tells it from others without colour."""
    tag: str | None = None
    """Written beside the curve's end after its marker, in a margin made for it; cut so that it differs from others."""
    low: Any = None
    """[N], with `high`: a band around the curve, such as a mean's."""
    high: Any = None
    smooth: bool = False
    """Whether smoothing is for it; its raw values stay faint behind."""
    noisy: bool = False
    """Whether its noise hides its trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at `x`, in the axis' unit."""

    kind: MarkKind
    """A point (best), or a place on the x axis (the others)."""
    x: float
    y: float | None = None
    """Of a point; a fraction for accuracies."""
    tone: Tone | None = None
    """Another than the kind's own."""
    glyph: str = ""
    """Another than the kind's own: ● ┊ ✗."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """How curves are looked at; the charts of a screen have the same."""

    by: AxisKind = "epoch"
    log: bool = False
    """Losses on a logarithmic axis; it never is for accuracies."""
    y: YRangeKind = "held"
    smoothing: float | None = None
    """Weight of what came before in the moving average, 0 (none) to below 1; None: as the curves' noise asks for."""
    window: tuple[float, float] | None = None
    """The part of the x axis that is shown, in its unit; None: all of it."""
    follow: bool = False
    """Whether the window moves on with the newest point."""


NOISY_SMOOTHING = 0.85
"""What noisy curves are smoothed by, unless a person says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChartData:
    """What a chart shows."""

    key: object
    """Another one begins anew: the y range forgets what it held."""
    curves: tuple[Curve, ...]
    """The last one is on top."""
    x_end: float
    """Where the x axis ends that begins at 0: the plan, not the newest point, so that it rarely changes."""
    newest: float
    """Where the newest point lies on the x axis."""
    view: ChartView = field(default_factory=ChartView)
    marks: tuple[Mark, ...] = ()
    figures: tuple[Reading, ...] = ()
    """For the frame, the most important first: the last ones go where there is no room."""
    axis: str = ""
    """What the x axis counts, where it is none of the kinds that `view` knows: another metric."""
    places: tuple[Any, Any] | None = None
    """[N] each, increasing: steps and where they lie on such an axis; the other charts' axes count steps."""

    @property
    def smoothing(self) -> float:
        """What its curves are smoothed by: all of them alike, if one of them is noisy."""
        if self.view.smoothing is not None:
            return self.view.smoothing
        return NOISY_SMOOTHING if any(curve.smooth and curve.noisy for curve in self.curves) else 0.0
