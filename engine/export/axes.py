"""Axes of a chart: round ticks, linear or logarithmic, and where a value lies on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from lazytrain.engine.export.scene import Line, Point, Scene, Text

INK, MUTED, GRID = "#222222", "#555555", "#e3e3e3"
LOGARITHMIC_RATIO = 30.0
"""Losses that reach so many times their median are drawn on a logarithmic axis: a spike leaves room for the rest."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, with the ticks to label."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def fraction(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`."""
        if self.logarithmic:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


def linear_axis(low: float, high: float, num_ticks: int = 5, *, whole: bool = False) -> Axis:
    """From `low` to `high`, widened to round ticks (1, 2, 2.5 or 5 × a power of ten); `whole` numbers only if so."""
    if not high > low:
        spare = max(0.5, abs(low) / 10)
        low, high = (low - spare, high + spare) if low else (0.0, 1.0)
    step = _round_step((high - low) / num_ticks)
    if whole:
        step = max(1.0, ceil(step))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return Axis(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def epoch_axis(num_epochs: int) -> Axis:
    """From 0 to just `num_epochs`, ticks at whole epochs."""
    axis = linear_axis(0, num_epochs, 6, whole=True)
    return Axis(0, num_epochs, tuple(tick for tick in axis.ticks if tick <= num_epochs))


def logarithmic_axis(low: float, high: float) -> Axis:
    """From `low` to `high`, both above 0, widened a little; ticks at powers of ten, and between them where these are
    few."""
    first, last = floor(log10(low)), ceil(log10(high))
    if last == first:
        last += 1
    every = max(1, ceil((last - first) / 6))
    powers = [10.0**power for power in range(ceil(first / every) * every, last + 1, every)]
    parts = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = tuple(part * power for power in powers for part in parts)
    low, high = max(10.0**first, low / 1.1), min(10.0**last, high * 1.1)
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


def _round_step(rough: float) -> float:
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)


def tick_text(value: float, axis: Axis) -> str:
    """`0.5`, `20`, `1e6`: as many digits as tell the ticks of the axis apart."""
    if axis.logarithmic:
        return f"{value:,g}" if 1e-4 <= value < 1e5 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    digits = next((digits for digits in range(12) if abs(round(step, digits) - step) < 1e-9 * max(1.0, step)), 12)
    return f"{value:,.{digits}f}" if abs(value) < 1e7 else f"{value:g}".replace("e+0", "e").replace("e+", "e")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The rectangle that a chart is drawn in, with its axes."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def place(self, x: float, y: float) -> Point:
        """Values → a place on the picture."""
        return (
            self.left + self.width * self.x.fraction(x),
            self.bottom - self.height * self.y.fraction(y),
        )

    def draw(self, scene: Scene, title: str, x_label: str) -> None:
        """Grid, ticks, their labels, and what the axes are: `title` (with its unit) above, `x_label` beneath."""
        for tick in self.y.ticks:
            _, y = self.place(self.x.low, tick)
            scene.add(Line(points=((self.left, y), (self.right, y)), colour=GRID, width=1))
            text = tick_text(tick, self.y)
            scene.add(Text(at=(self.left - 8, y + 4), text=text, size=12, colour=MUTED, anchor="end"))
        for tick in self.x.ticks:
            x, _ = self.place(tick, self.y.ticks[0] if self.y.ticks else self.y.low)
            scene.add(Line(points=((x, self.bottom), (x, self.bottom + 5)), colour=MUTED, width=1))
            text = tick_text(tick, self.x)
            scene.add(Text(at=(x, self.bottom + 19), text=text, size=12, colour=MUTED, anchor="middle"))
        edge = ((self.left, self.bottom), (self.right, self.bottom))
        scene.add(Line(points=edge, colour=MUTED, width=1))
        scene.add(Text(at=(self.left, self.top - 12), text=title, size=14, colour=INK))
        middle = self.left + self.width / 2
        scene.add(Text(at=(middle, self.bottom + 37), text=x_label, size=12, colour=MUTED, anchor="middle"))
