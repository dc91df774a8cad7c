"""Curves: arrays that grow as a run trains, and what one screen column shows of them.

numpy is imported here and nowhere at the screen's start: import this with the first chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from lazytrain.engine.analysis.bounded import Array, BoundedTable, Epochs
from lazytrain.engine.analysis.overfitting import overfitting_start
from lazytrain.engine.events import POINT_FORMAT
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store

_PACKED = np.dtype(
    [
        ("step", "<i8"),
        ("loss", "<f8"),
        ("accuracy", "<f8"),
        ("learning_rate", "<f8"),
        ("images_per_second", "<f4"),
        ("seconds", "<f4"),
    ]
)
"""`POINT_FORMAT` as numpy reads it."""


MOST_POINTS = 1 << 17
"""So many points of a run are kept one by one: 5 MB, and hundreds for each of a chart's columns."""
_COLUMNS = {
    "step": "i8",
    "loss": "f8",
    "accuracy": "f4",
    "learning_rate": "f4",
    "images_per_second": "f4",
    "seconds": "f4",
}


class Curves:
    """What is stored of one run's figures, read as it grows: `update` reads only what is new.

    Losses are means over a window of steps, accuracies fractions; 32 bytes a point are kept. Of a run that has more
    points or epochs than its charts could ever show, those with the extremes are: see `engine.analysis.bounded`.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.revision = -1
        """The run's revision these curves belong to."""
        self._forget()

    def _forget(self) -> None:
        self._points = BoundedTable(_COLUMNS, MOST_POINTS, place="step", judged=("loss", "accuracy"))
        self._num_read = 0
        self.epochs = Epochs()
        self._overfitting: tuple[int, int | None] = (0, None)
        self._noisy: dict[str, tuple[int, bool]] = {}

    @property
    def steps(self) -> Array:
        """The step at which each window ends, increasing; int64."""
        return self._points["step"]

    @property
    def losses(self) -> Array:
        return self._points["loss"]

    @property
    def accuracies(self) -> Array:
        return self._points["accuracy"]

    @property
    def learning_rates(self) -> Array:
        return self._points["learning_rate"]

    @property
    def images_per_second(self) -> Array:
        return self._points["images_per_second"]

    @property
    def seconds(self) -> Array:
        """Training time since the run's start at each window's end, pauses excluded; increasing, float32."""
        return self._points["seconds"]

    def of_epochs(self, name: str) -> Array:
        """One column of the finished epochs, by `EpochRecord`'s field name; float64, NaN where there is none."""
        return self.epochs.column(name)

    @property
    def overfitting_epoch(self) -> int | None:
        """The epoch since which the run overfits, if it does: see `engine.analysis.overfitting`."""
        last = self.epochs[-1].epoch if self.epochs else 0
        if self._overfitting[0] != last:
            start = overfitting_start(self.of_epochs("test_loss"), self.of_epochs("train_loss"))
            self._overfitting = last, None if start is None else self.epochs[start].epoch
        return self._overfitting[1]

    def is_noisy(self, metric: Literal["loss", "accuracy"]) -> bool:
        """Whether the windows' noise hides their trend: see `stays_noisy`."""
        values = self.losses if metric == "loss" else self.accuracies
        # Asked with every frame: found anew only when there is a quarter more.
        count = judged_length(len(values))
        if self._noisy.get(metric, (-1, False))[0] != count:
            self._noisy[metric] = count, stays_noisy(values[:count])
        return self._noisy[metric][1]

    def bad_step(self, run: Run) -> float | None:
        """Where the loss became NaN or infinite: the window that shows it, or else the step at which that ended it."""
        index = first_bad(self.losses)
        if index is not None:
            return float(self.steps[index])
        return run.step if run.diverged else None

    def update(self, run: Run) -> bool:
        """Read what was stored since the last call; whether there was anything. No query if `run` shows nothing new.

        `run` must be the run of `run_id`, as just read from the store.
        """
        changed = False
        if run.revision != self.revision:
            self._forget()
            self.revision = run.revision
            changed = True
        if run.num_points > self._num_read:
            changed |= self._read_points()
        last = self.epochs[-1].epoch if self.epochs else 0
        if run.epoch > last:
            new = self.store.epochs(self.run_id, since=last)
            if new:
                self.epochs.extend(new)
                changed = True
        return changed

    def _read_points(self) -> bool:
        packed = self.store.packed_points(self.run_id, since=self._num_read)
        new = np.frombuffer(packed, _PACKED, count=len(packed) // POINT_FORMAT.size)
        if not len(new):
            return False
        if len(self.steps) and new["step"][0] <= self.steps[-1]:
            # Points were taken back between reading the run and reading its points: the next run seen tells so.
            self.revision = -1
            return False
        self._num_read += len(new)
        self._points.extend({name: new[name] for name in _COLUMNS})
        return True


def thin(
    x: Array, y: Array, num_columns: int, x_min: float, x_max: float, *, positive: bool = False
) -> tuple[Array, Array]:
    """The minimum and maximum of `y` in each of `num_columns` equal columns of [x_min, x_max]: a spike is never lost.

    Args:
        x: [N], increasing.
        y: [N]; NaN and infinite values are left out.
        num_columns: of the chart; the last one includes x_max.
        positive: leave out values that are not above 0, too, as a logarithmic axis must.

    Returns:
        x and y of at most two points a column, in order of x. A column with one finite point keeps it exactly; one
        with more has its extremes at its first and last point's x, in the order in which the curve runs.
    """
    starts, ends = _columns(x, num_columns, x_min, x_max)
    if not len(starts):
        return x[:0], y[:0]
    begin = starts[0]
    window = y[begin : ends[-1]]
    inside, last_inside = starts - begin, ends - begin - 1
    lowest, highest = np.fmin.reduceat(window, inside), np.fmax.reduceat(window, inside)
    with np.errstate(invalid="ignore"):
        if np.isinf(lowest).any() or np.isinf(highest).any() or (positive and (lowest <= 0).any()):
            kept = np.isfinite(window) & (window > 0) if positive else np.isfinite(window)
            window = np.where(kept, window, np.nan)
            lowest, highest = np.fmin.reduceat(window, inside), np.fmax.reduceat(window, inside)
        falling = window[inside] > window[last_inside]
    # The last column may be growing: by its extremes' places, which new points that are none don't change, its picture
    # stays the same.
    if not np.isnan(lowest[-1]):
        last = window[inside[-1] :]
        falling[-1] = (last == highest[-1]).argmax() < (last == lowest[-1]).argmax()
    pairs_x = np.column_stack((x[starts], x[ends - 1])).ravel()
    pairs_y = np.column_stack((np.where(falling, highest, lowest), np.where(falling, lowest, highest))).ravel()
    kept = np.isfinite(pairs_y)
    # One value in a column is one point.
    kept[1::2] &= highest > lowest
    return pairs_x[kept], pairs_y[kept]


def column_means(x: Array, y: Array, num_columns: int, x_min: float, x_max: float) -> tuple[Array, Array]:
    """The mean of `y` in each column that has points, all of them finite; arguments as in `thin`."""
    starts, ends = _columns(x, num_columns, x_min, x_max)
    if not len(starts):
        return x[:0], y[:0]
    means = np.add.reduceat(y[starts[0] : ends[-1]], starts - starts[0]) / (ends - starts)
    kept = np.isfinite(means)
    return ((x[starts] + x[ends - 1]) / 2)[kept], means[kept]


def _columns(x: Array, num_columns: int, x_min: float, x_max: float) -> tuple[Array, Array]:
    """Where the columns of [x_min, x_max] that have points begin and end in `x`."""
    if num_columns < 1 or not x_max > x_min or not len(x):
        return np.empty(0, "i8"), np.empty(0, "i8")
    edges: Array = np.linspace(x_min, x_max, num_columns + 1)
    # Values compared with those of another type would make numpy convert the whole array.
    if np.issubdtype(x.dtype, np.integer):
        edges = np.ceil(edges).astype(x.dtype)
        edges[-1] = np.floor(x_max)
    else:
        edges = edges.astype(x.dtype)
    bounds = np.searchsorted(x, edges, side="left")
    bounds[-1] = np.searchsorted(x, edges[-1], side="right")
    filled = bounds[1:] > bounds[:-1]
    return bounds[:-1][filled], bounds[1:][filled]


def crossing(x: Array, y: Array, position: float) -> float | None:
    """`y` on the straight line between the points around `position`; None at a point, or without finite ones.

    Where a window cuts a curve, this is where the curve comes in or goes out.
    """
    # In x's own type, lest numpy convert the whole array.
    edge = math.ceil(position) if np.issubdtype(x.dtype, np.integer) else position
    index = int(np.searchsorted(x, x.dtype.type(edge)))
    if not 0 < index < len(x) or not x[index - 1] < position < x[index]:
        return None
    share = (position - float(x[index - 1])) / (float(x[index]) - float(x[index - 1]))
    value = (1 - share) * float(y[index - 1]) + share * float(y[index])
    return value if math.isfinite(value) else None


def first_bad(values: Array) -> int | None:
    """Index of the first NaN or infinite value, or None."""
    # A sum is NaN or infinite as soon as one value is, and it is three times as quick as looking at each.
    with np.errstate(over="ignore", invalid="ignore"):
        if not len(values) or np.isfinite(values.sum()):
            return None
    bad = np.flatnonzero(~np.isfinite(values))
    return int(bad[0]) if len(bad) else None


def at(x: Array, y: Array, position: float) -> float | None:
    """The last value of `y` at or before `position`, or None where the curve hasn't begun."""
    index = int(np.searchsorted(x, position, side="right")) - 1
    return float(y[index]) if index >= 0 else None


def extremes(curves: Sequence[Array]) -> tuple[float, float] | None:
    """Smallest and largest finite value of all, or None if there is none."""
    finite = [curve[np.isfinite(curve)] for curve in curves]
    filled = [curve for curve in finite if len(curve)]
    if not filled:
        return None
    return float(min(curve.min() for curve in filled)), float(max(curve.max() for curve in filled))


LEAST_JUDGED = 32
"""Values below which nothing is said of their noise."""


def judged_length(count: int) -> int:
    """The largest of 32 × 1.25ᵏ that is at most `count`: of so many values the noise is judged; 0 of fewer."""
    return max(_judged_lengths(count), default=0)


def _judged_lengths(count: int) -> Iterator[int]:
    length = LEAST_JUDGED
    while length <= count:
        yield length
        length = length * 5 // 4


def stays_noisy(values: Array) -> bool:
    """Whether values are noisy as they came, one length that is judged after another.

    What is near the limit would be smoothed, raw and smoothed again while one looks: noise is over only where it is
    less than half of what it took to begin. Told by the values alone, so that every screen says the same.
    """
    noisy = False
    for length in _judged_lengths(len(values)):
        noisy = is_noisy(values[:length], before=noisy)
    return noisy


def is_noisy(values: Array, *, before: bool = False) -> bool:
    """Whether noise is larger than the trend, and large enough to be seen.

    Half the mean squared difference of neighbours estimates the noise's variance, whatever the trend (von Neumann, "The
    ratio of the mean square successive difference to the variance", Annals of Mathematical Statistics 12, 1941). In the
    second half of the values, which the steep beginning isn't in, it must be more than half of all variance; and four
    standard deviations of it, the height of the band that is drawn, more than a tenth of the values' whole range.
    Where it was so `before`, half of each is enough.
    """
    if len(values) < LEAST_JUDGED:
        return False
    values = np.asarray(values, "f8")
    late = values[len(values) // 2 :]
    with np.errstate(over="ignore", invalid="ignore"):
        noise = float(np.square(np.diff(late)).mean()) / 2
        span = float(values.max() - values.min())
        share = 0.5 if before else 1.0
        # NaN, of a diverged run, compares as False.
        return noise > share * float(late.var()) / 2 and 4 * math.sqrt(noise) > share * span / 10


def smooth(values: Array, weight: float) -> Array:
    """Exponential moving average, without a bias towards its beginning; for a few points, one by one.

    Args:
        values: [N], finite.
        weight: of what came before, 0 to below 1.
    """
    smoothed, mean, trust = np.empty(len(values)), 0.0, 0.0
    for index, value in enumerate(values.tolist()):
        mean = weight * mean + (1 - weight) * value
        trust = weight * trust + (1 - weight)
        smoothed[index] = mean / trust
    return smoothed
