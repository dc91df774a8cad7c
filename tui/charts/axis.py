"""Axes that rarely change: readable ticks, an x axis that ends at the plan, and a y range that sticks.

Every changed axis repaints a whole chart, which is what costs most over a slow link.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

SHORTEST = 1 / 1024
"""The smallest share of the plan that an x axis shows."""


def nice_step(span: float, num_steps: int) -> float:
    """The smallest of 1, 2, 2.5, 4 or 5 × 10ⁿ that covers `span` in at most `num_steps` steps."""
    rough = span / max(1, num_steps)
    power = 10.0 ** math.floor(math.log10(rough))
    # A little slack, so that 0.30000000000000004 counts as 0.3.
    return next(power * factor for factor in (1, 2, 2.5, 4, 5, 10) if power * factor >= rough * (1 - 1e-9))


def ticks(low: float, high: float, num_steps: int, *, whole: bool = False) -> list[float]:
    """Round values from `low` to `high`, at most `num_steps` apart; only integers if `whole` and there is room."""
    if not high - low > 0 or (high - low) / max(1, num_steps) == 0:
        return [low]
    if math.isinf(high - low):
        return [2 * value for value in ticks(low / 2, high / 2, num_steps)]
    step = nice_step(high - low, num_steps)
    if whole and high - low >= 1 and step != round(step):
        step = math.ceil(step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_labels(values: list[float]) -> list[str]:
    """All with the same number of decimals, as few as tell them apart; `1.5e5` where they would be long."""
    if not values:
        return []
    largest = max(abs(value) for value in values)
    if largest >= 100_000 or (largest and largest < 0.001):
        return [_scientific(value) if value else "0" for value in values]
    step = min((abs(b - a) for a, b in pairwise(values)), default=largest or 1.0)
    decimals = next((digits for digits in range(6) if abs(step * 10**digits - round(step * 10**digits)) < 1e-6), 6)
    return [f"{value:.{decimals}f}" for value in values]


def log_ticks(low: float, high: float, num_ticks: int) -> list[float]:
    """Round values from `low` to `high`, both above 0: 1, 2 and 5 × 10ⁿ, or powers of ten where those are too many."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    slack = 1 + 1e-9
    for factors, every in (((1, 2, 5), 1), ((1, 5), 1), ((1,), 1), ((1,), 2), ((1,), 5), ((1,), 20), ((1,), 100)):
        values = [factor * 10.0**power for power in range(first, last + 1) if power % every == 0 for factor in factors]
        inside = [value for value in values if low / slack <= value <= high * slack]
        if len(inside) <= max(2, num_ticks):
            return inside
    return inside[:: math.ceil(len(inside) / max(2, num_ticks))]


def log_labels(values: list[float]) -> list[str]:
    """`0.05`, `20`, `1e-5`: each with the digits that it needs."""
    return [f"{value:g}" if value * (1 + 1e-9) >= 0.001 and value < 100_000 else _scientific(value) for value in values]


def short_counts(values: list[float]) -> list[str]:
    """Steps or images: `500`, `50k`, `1.5M`, all with the same unit."""
    largest = max(map(abs, values), default=0.0)
    for least, factor, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if largest >= least:
            labels = tick_labels([value / factor for value in values])
            return [f"{label}{unit}" if float(label) else "0" for label in labels]
    return tick_labels(values)


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit in which so long a time is read, and its seconds: `s`, `min` or `h`."""
    return ("s", 1.0) if seconds <= 120 else ("min", 60.0) if seconds <= 7200 else ("h", 3600.0)


def _scientific(value: float) -> str:
    """150000 → `1.5e5`, the shortest that says it."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def planned_end(position: float, total: float) -> float:
    """Where an x axis ends: at `total` / 2ᵏ, the first that `position` fits in, so that it only ever doubles."""
    end = float(total)
    while end / 2 >= max(position, total * SHORTEST):
        end /= 2
    return end


def round_end(position: float) -> float:
    """Where an x axis of seconds without a plan ends: at the next of 1, 2, 3, 5 minutes, hours or seconds × 10ⁿ."""
    unit = time_unit(position)[1]
    power = unit * 10.0 ** math.floor(math.log10(max(position, 1.0) / unit))
    return next(power * factor for factor in (1, 2, 3, 5, 10) if power * factor >= position)


class YRange(Protocol):
    """Limits of a y axis that change as rarely as can be."""

    def forget(self) -> None: ...
    def fit(self, low: float, high: float) -> tuple[float, float]: ...


class LogRange:
    """A logarithmic range of round numbers around data; all figures are base-10 logarithms of what is shown."""

    def __init__(self) -> None:
        self.limits: tuple[float, float] | None = None

    def forget(self) -> None:
        self.limits = None

    def fit(self, low: float, high: float) -> tuple[float, float]:
        """Limits for data from `low` to `high`: the same as before where they still do."""
        wanted = _round_log(low, -1), _round_log(high, 1)
        if wanted[1] - wanted[0] < 0.25:
            wanted = _round_log(low - 0.15, -1), _round_log(high + 0.15, 1)
        if self.limits is not None:
            bottom, top = self.limits
            if bottom <= low and high <= top and (wanted[1] - wanted[0]) >= 0.4 * (top - bottom):
                return self.limits
        self.limits = wanted
        return wanted


def _round_log(value: float, direction: int) -> float:
    """The next of 1, 2 and 5 × 10ⁿ at or below (-1), or at or above (1), as logarithms."""
    power = math.floor(value)
    steps = [power + math.log10(factor) for factor in (1, 2, 5, 10)]
    if direction < 0:
        return max(step for step in steps if step <= value + 1e-9)
    return min(step for step in steps if step >= value - 1e-9)


class StickyRange:
    """A range of round numbers around data, kept as long as the data fits and fills it tolerably."""

    def __init__(self, ceiling: float = math.inf, flat: float = 0.25) -> None:
        self.ceiling = ceiling
        """The range never goes beyond it, such as 100 for a percentage."""
        self.flat = flat
        """The range covers at least this share of the largest value: noise isn't blown up to fill a chart."""
        self.limits: tuple[float, float] | None = None

    def forget(self) -> None:
        self.limits = None

    def fit(self, low: float, high: float) -> tuple[float, float]:
        """Limits for data from `low` to `high`: the same as before where they still do."""
        if self.limits is not None:
            bottom, top = self.limits
            wanted = _around(low, high, self.ceiling, self.flat)
            if bottom <= low and high <= top and (wanted[1] - wanted[0]) >= 0.4 * (top - bottom):
                return self.limits
            # A curve that left the range goes on that way: room for more of it, so that the next change is far off.
            room = (top - bottom) / 2
            if bottom <= low < high and high > top:
                high = min(high + room, max(high, self.ceiling))
            elif low < bottom and high <= top:
                low = max(low - room, min(low, 0.0))
        self.limits = _around(low, high, self.ceiling, self.flat)
        return self.limits


def _around(low: float, high: float, ceiling: float, flat: float) -> tuple[float, float]:
    if 0 <= low < 0.35 * high:
        low = 0.0
    span = max(high - low, flat * abs(high), 1e-6)
    middle = (low + high) / 2
    wide_low, wide_high = min(low, middle - span / 2), max(high, middle + span / 2)
    if low >= 0:
        wide_low = max(0.0, wide_low)
    step = nice_step(wide_high - wide_low, 5)
    bottom = math.floor(wide_low / step + 1e-9) * step
    top = math.ceil(wide_high / step - 1e-9) * step
    return bottom, min(top, ceiling) if high <= ceiling else top
