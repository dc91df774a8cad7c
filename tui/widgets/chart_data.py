"""What a chart shows of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.widgets.chart_lines import Figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChartData:
    """What a chart shows. Accuracies are fractions, steps are counted from 1."""

    key: object
    """Another one begins anew: the y range forgets what it held."""
    steps: Any
    """[N] int64: where each training window ends."""
    train: Any
    """[N]"""
    test_steps: Any
    """[E]"""
    test: Any
    """[E]"""
    steps_per_epoch: float
    num_epochs: int
    position: float
    """Epochs done, as a number with a fraction."""
    smoothing: float = 0.0
    """Weight of what came before, 0 (none) to below 1."""
    best: tuple[float, float] | None = None
    """(epoch, value) to mark."""
    resumed: tuple[float, ...] = ()
    """Epochs (with fractions) at which the run was taken up again."""
    bad: float | None = None
    """Epoch (with a fraction) of the first NaN or infinite value."""
    figures: tuple[Figure, ...] = ()
    """For the frame, the most important first: the last ones go where there is no room."""
