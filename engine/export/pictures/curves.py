"""The curves of a picture, from what was gathered: windows, means of epochs, means of seeds with their band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from lazytrain.engine.analysis.comparison import loss_kinds
from lazytrain.engine.analysis.gathered import Gathered
from lazytrain.engine.analysis.series import Array, extremes, first_bad, thin
from lazytrain.engine.events import POINT_FORMAT

LARGEST = 1e100
"""Larger figures are left out: no axis has room for them."""


def _empty() -> Array:
    return np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCurve:
    """Finite values `y` at epochs `x`, [N] each; of several seeds their mean, in a band from `low` to `high`."""

    x: Array = field(default_factory=_empty)
    y: Array = field(default_factory=_empty)
    low: Array = field(default_factory=_empty)
    high: Array = field(default_factory=_empty)

    def __len__(self) -> int:
        return len(self.x)

    def extremes(self) -> tuple[float, ...]:
        """Smallest and largest value, the band's included; nothing of an empty curve."""
        return extremes((self.y, self.low, self.high)) or ()

    def thinned(self, num_columns: int, num_epochs: int) -> EpochCurve:
        """Of more than two values in one of `num_columns` columns of epochs 0 to `num_epochs` only the smallest and
        largest; without its band."""
        if len(self) <= 2 * num_columns:
            return self
        x, y = thin(self.x, self.y, num_columns, 0, num_epochs)
        return EpochCurve(x=x, y=y)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRun:
    """What is drawn of one run, or of the seeds of one setting."""

    name: str
    num_epochs: int
    loss_kind: str
    raw_loss: EpochCurve
    raw_accuracy: EpochCurve
    """Windows; of a single run only."""
    train_loss: EpochCurve
    train_accuracy: EpochCurve
    test_loss: EpochCurve
    test_accuracy: EpochCurve
    best_epoch: int | None
    """Marked on the test curve; None where several seeds have each their own."""
    best_text: str
    bad_epoch: float | None
    """Where the loss first became NaN or infinite."""
    bad_text: str


def draw_runs(groups: Sequence[tuple[str, Sequence[Gathered]]]) -> list[DrawnRun]:
    """The curves of each (name, runs)."""
    return [_draw(name, runs, raw=len(groups) == 1 and len(runs) == 1) for name, runs in groups]


def _draw(name: str, runs: Sequence[Gathered], *, raw: bool) -> DrawnRun:
    windows = [_windows(gathered) for gathered in runs]
    bad = [found for each, window in zip(runs, windows, strict=True) if (found := _bad(each, window)) is not None]
    epochs, losses, accuracies = windows[0] if raw else (_empty(), _empty(), _empty())
    single = runs[0] if len(runs) == 1 else None
    kinds = loss_kinds(gathered.configuration for gathered in runs)
    return DrawnRun(
        name=name,
        num_epochs=max(map(_extent, runs)),
        loss_kind=" and ".join(kinds),
        raw_loss=_curve(epochs, losses),
        raw_accuracy=_curve(epochs, accuracies),
        train_loss=_mean(runs, "train_loss", -0.5),
        train_accuracy=_mean(runs, "train_accuracy", -0.5),
        test_loss=_mean(runs, "test_loss", 0.0),
        test_accuracy=_mean(runs, "test_accuracy", 0.0),
        best_epoch=single.run.best_epoch if single is not None else None,
        best_text=_best_text(single) if single is not None else _mean_text(runs),
        bad_epoch=min(bad)[0] if bad else None,
        bad_text=min(bad)[1] if bad else "",
    )


def _extent(gathered: Gathered) -> int:
    """Epochs to leave room for: all there will be, or of a run that is over those it began."""
    run = gathered.run
    if not run.state.over or gathered.steps_per_epoch is None:
        return run.num_epochs
    return max(1, min(run.num_epochs, ceil(run.step / gathered.steps_per_epoch)))


def _windows(gathered: Gathered) -> tuple[Array, Array, Array]:
    """Epochs (fractional), losses and accuracies of the run's windows, [N] each."""
    rows = np.array(list(POINT_FORMAT.iter_unpack(gathered.packed)), "f8").reshape(-1, 6)
    return rows[:, 0] / (gathered.steps_per_epoch or 1.0), rows[:, 1], rows[:, 2]


def _bad(gathered: Gathered, windows: tuple[Array, Array, Array]) -> tuple[float, str] | None:
    """Epoch and kind of the first loss that is no number; of one in a window that never ended, what ended the run."""
    epochs, losses, _ = windows
    index = first_bad(np.where(np.abs(losses) > LARGEST, np.inf, losses))
    if index is not None:
        return float(epochs[index]), "NaN" if np.isnan(losses[index]) else "infinite"
    run = gathered.run
    if not run.diverged:
        return None
    return run.step / (gathered.steps_per_epoch or 1.0), "NaN" if "NaN" in (run.error or "") else "infinite"


def _curve(x: Array, y: Array) -> EpochCurve:
    kept = np.abs(y) <= LARGEST  # NaN isn't
    return EpochCurve(x=x[kept], y=y[kept])


def _mean(runs: Sequence[Gathered], name: str, shift: float) -> EpochCurve:
    """One figure of the epochs; of several runs its mean, lowest and highest over the epochs that all have."""
    columns = [np.array([getattr(record, name) for record in gathered.epochs], "f8") for gathered in runs]
    length = min(map(len, columns))
    epochs = np.arange(1, length + 1) + shift
    if len(columns) == 1:
        return _curve(epochs, columns[0])
    values = np.stack([column[:length] for column in columns])
    kept = (np.abs(values) <= LARGEST).all(axis=0)
    x, sound = epochs[kept], values[:, kept]
    return EpochCurve(x=x, y=sound.mean(axis=0), low=sound.min(axis=0), high=sound.max(axis=0))


def _best_text(gathered: Gathered) -> str:
    best = gathered.best
    if best is None:
        return ""
    chosen = "validation" if gathered.validated else "test"
    return f"best {100 * best.test_accuracy:.1f} % at epoch {best.epoch}, chosen on {chosen}"


def _mean_text(runs: Sequence[Gathered]) -> str:
    best = [gathered.best.test_accuracy for gathered in runs if gathered.best is not None]
    if len(best) < 2:
        return f"{len(runs)} seeds"
    chosen = "validation" if runs[0].validated else "test"
    return f"best {100 * np.mean(best):.1f} ± {100 * np.std(best, ddof=1):.1f} %, chosen on {chosen}, {len(best)} seeds"
