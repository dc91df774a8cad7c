"""Axes of a chart: from where to where, linear or logarithmic, and the ticks to label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from matplotlib.ticker import LogLocator, MaxNLocator

LOGARITHMIC_RATIO = 30.0
"""Losses that reach so many times their median are drawn on a logarithmic axis: a spike leaves room for the rest."""
STEPS = (1, 2, 2.5, 5, 10)
"""Ticks are so many × a power of ten apart."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, with the ticks to label."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    @property
    def labels(self) -> list[str]:
        """What is written at each tick."""
        return [tick_text(tick, self) for tick in self.ticks]


def linear_axis(low: float, high: float) -> Axis:
    """From `low` to `high`, widened to round ticks."""
    if not high > low:
        spare = max(0.5, abs(low) / 10)
        low, high = (low - spare, high + spare) if low else (0.0, 1.0)
    ticks = tuple(map(float, MaxNLocator(5, steps=STEPS).tick_values(low, high)))
    return Axis(ticks[0], ticks[-1], ticks)


def epoch_axis(num_epochs: int) -> Axis:
    """From 0 to just `num_epochs`, ticks at whole epochs."""
    ticks = MaxNLocator(6, steps=STEPS, integer=True).tick_values(0, num_epochs)
    return Axis(0, num_epochs, tuple(float(tick) for tick in ticks if tick <= num_epochs))


def logarithmic_axis(low: float, high: float) -> Axis:
    """From `low` to `high`, both above 0, widened a little; ticks at powers of ten, and between them where these are
    few."""
    first, last = floor(log10(low)), max(floor(log10(low)) + 1, ceil(log10(high)))
    parts = (1, 2, 5) if last - first <= 3 else (1,)
    low, high = max(10.0**first, low / 1.1), min(10.0**last, high * 1.1)
    ticks = map(float, LogLocator(subs=parts, numticks=6).tick_values(low, high))
    return Axis(low, high, tuple(tick for tick in ticks if low <= tick <= high), logarithmic=True)


def loss_axis(extremes: Sequence[float], usual: Sequence[float]) -> Axis:
    """For losses: from the smallest to the largest, logarithmic where a few are far above the rest.

    Args:
        extremes: of every curve, spikes included; finite.
        usual: figures of the epochs, sorted and finite; their median says what the rest is.
    """
    if not extremes:
        return linear_axis(0, 1)
    low, high = min(extremes), max(extremes)
    if low > 0 and high > LOGARITHMIC_RATIO * (usual[len(usual) // 2] if usual else low):
        return logarithmic_axis(low, high)
    return linear_axis(0.0 if 0 < low < 0.35 * high else low, high)


def tick_text(value: float, axis: Axis) -> str:
    """`0.5`, `20`, `1e6`: as many digits as tell the ticks of the axis apart."""
    if axis.logarithmic:
        return f"{value:,g}" if 1e-4 <= value < 1e5 else _short(f"{value:.0e}")
    if abs(value) >= 1e7:
        return _short(f"{value:g}")
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    digits = next((digits for digits in range(12) if abs(round(step, digits) - step) < 1e-6 * step), 12)
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # -0.0 + 0.0 is 0.0


def _short(text: str) -> str:
    return text.replace("e+", "e").replace("e0", "e").replace("e-0", "e-")
