"""A run's named series as arrays that grow.

numpy is imported here: import this with the first chart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from lazytrain.engine.analysis.bounded import Array, BoundedTable
from lazytrain.engine.analysis.curve_metrics import LEARNING_RATE, RATE
from lazytrain.engine.analysis.series import Curves, judged_length, stays_noisy
from lazytrain.engine.store.series import SAMPLE_FORMAT, Metric
from lazytrain.engine.store.store import Store

_PACKED = np.dtype([("step", "<i8"), ("seconds", "<f8"), ("value", "<f8")])
"""`SAMPLE_FORMAT` as numpy reads it."""
_COLUMNS = {"step": "i8", "seconds": "f8", "value": "f8"}
MOST_SAMPLES = 1 << 16
"""So many values of a metric are kept one by one: 1.5 MB, and hundreds for each of a chart's columns."""


class Values(Protocol):
    """A metric's values, however they are kept; [N] each."""

    @property
    def steps(self) -> Array:
        """Increasing; int64."""
        ...

    @property
    def seconds(self) -> Array:
        """Since the run's start."""
        ...

    @property
    def values(self) -> Array:
        """NaN and infinities are values too."""
        ...

    @property
    def num_read(self) -> int:
        """How many there are in all; of very many the telling ones are kept."""
        ...

    @property
    def is_noisy(self) -> bool:
        """Whether its noise hides its trend."""
        ...


class Series:
    """One metric's values as they were read so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.num_read: int = 0
        self._table = BoundedTable(_COLUMNS, MOST_SAMPLES, place="step", judged=("value",))
        self._noisy = (-1, False)

    @property
    def steps(self) -> Array:
        """Increasing; int64."""
        return self._table["step"]

    @property
    def seconds(self) -> Array:
        """Since the run's start; float64."""
        return self._table["seconds"]

    @property
    def values(self) -> Array:
        """float64; NaN and infinities are values too."""
        return self._table["value"]

    @property
    def is_noisy(self) -> bool:
        """Whether its noise hides its trend."""
        count = judged_length(len(self.values))
        if self._noisy[0] != count:
            self._noisy = count, stays_noisy(self.values[:count])
        return self._noisy[1]

    def extend(self, new: Array) -> None:
        """Take over samples as they are stored."""
        self.num_read += len(new)
        rows = {name: new[name] for name in _COLUMNS}
        steps = rows["step"]
        if len(steps) and (np.any(np.diff(steps) < 0) or (len(self.steps) and steps[0] < self.steps[-1])):
            # A script may log a step that lies before its last one: curves run from left to right.
            joined = {name: np.concatenate((self._table[name], rows[name])) for name in _COLUMNS}
            order = np.argsort(joined["step"], kind="stable")
            self._table = BoundedTable(_COLUMNS, MOST_SAMPLES, place="step", judged=("value",))
            rows = {name: column[order] for name, column in joined.items()}
        self._table.extend(rows)


class RunMetrics:
    """All that one run has logged, read as it grows."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self.run_id = store, run_id
        self.metrics: list[Metric] = []
        self._series: dict[str, Series] = {}
        self._revision = 0

    def update(self) -> bool:
        """Look at what there is; whether that changed since the last call. Values are read with `series`."""
        revision, metrics = self._store.revision(self.run_id), self._found()
        changed = metrics != self.metrics or revision != self._revision
        if revision != self._revision:
            # Values were taken back, and others may stand in their place.
            self._series.clear()
        self.metrics, self._revision = metrics, revision
        return changed

    def _found(self) -> list[Metric]:
        return self._store.metrics(self.run_id)

    def series(self, names: Iterable[str]) -> dict[str, Values]:
        """The series of these names, with what is new of them."""
        counts = {metric.name: metric.num_values for metric in self.metrics}
        found: dict[str, Values] = {}
        for name in names:
            known = self._series.get(name)
            if known is None or known.num_read > counts.get(name, 0):
                # Values were taken back.
                known = self._series[name] = Series(name)
            if counts.get(name, 0) > known.num_read:
                packed = self._store.packed_series(self.run_id, [name], known.num_read)[name]
                known.extend(np.frombuffer(packed, _PACKED, count=len(packed) // SAMPLE_FORMAT.size))
            found[name] = known
        return found


@dataclass(frozen=True, slots=True)
class _OfCurve:
    """A figure that stands in a training's curve, as a metric."""

    curves: Curves
    name: Literal["learning_rates", "images_per_second"]

    @property
    def steps(self) -> Array:
        return self.curves.steps

    @property
    def seconds(self) -> Array:
        return self.curves.seconds

    @property
    def values(self) -> Array:
        return getattr(self.curves, self.name)

    @property
    def num_read(self) -> int:
        return len(self.curves.steps)

    @property
    def is_noisy(self) -> bool:
        return False


class OwnMetrics(RunMetrics):
    """Those of a run that lazytrain trains: what it logs beside its curve, and two figures that stand in that."""

    IN_CURVE: ClassVar[dict[str, Literal["learning_rates", "images_per_second"]]] = {
        LEARNING_RATE: "learning_rates",
        RATE: "images_per_second",
    }

    def __init__(self, store: Store, curves: Curves) -> None:
        super().__init__(store, curves.run_id)
        self._curves = curves

    def _found(self) -> list[Metric]:
        steps = self._curves.steps
        if not len(steps):
            return super()._found()
        known = {"num_values": len(steps), "highest_step": int(steps[-1]), "smallest": None, "largest": None}
        return [
            *(
                Metric(name=name, last=float(getattr(self._curves, column)[-1]), **known)
                for name, column in self.IN_CURVE.items()
            ),
            *super()._found(),
        ]

    def series(self, names: Iterable[str]) -> dict[str, Values]:
        wanted = list(names)
        in_curve = {name: _OfCurve(self._curves, self.IN_CURVE[name]) for name in wanted if name in self.IN_CURVE}
        return super().series(name for name in wanted if name not in in_curve) | in_curve


def along(series: Values, axis: Values) -> tuple[Array, Array, Array]:
    """A series drawn along another metric: that one's values at its steps (increasing), its steps and its values.

    What came before that metric's first value has no place there.
    """
    known = np.searchsorted(axis.steps, series.steps, side="right") - 1
    there = known >= 0
    x = axis.values[known[there]]
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order])]
    return x[order], series.steps[there][order], series.values[there][order]
