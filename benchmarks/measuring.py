"""What every benchmark prints and writes: medians, their spread, the machine and its load."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True)
class Figure:
    """The median of some trials, and the middle half of them (of fewer than four, the least and the most)."""

    median: float
    low: float
    high: float
    trials: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        low, _, high = quantiles(values, n=4) if len(values) >= 4 else (min(values), 0.0, max(values))
        return cls(median(values), low, high, len(values))

    def __str__(self) -> str:
        return f"{self.median:,.4g} ({self.low:,.4g} to {self.high:,.4g})"


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Two of the values that hold the median between them with at least this confidence, whatever its distribution.

    From the signs alone (binomial), so fewer than six values can't hold it with 95 %: then their least and greatest.
    """
    ordered, count = sorted(values), len(values)
    outside, rank = 0.0, 0
    while rank < (count - 1) // 2:
        outside += 2 * comb(count, rank) / 2**count
        if outside > 1 - confidence:
            break
        rank += 1
    low = max(rank - 1, 0)
    return ordered[low], ordered[count - 1 - low]


def machine() -> dict[str, object]:
    """Where the figures come from."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(), "load": load}


def write(path: Path | None, results: dict[str, object]) -> None:
    """Write results as JSON, figures included; nothing if `path` is None."""
    if path is not None:
        path.write_text(json.dumps(results, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, Figure):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
