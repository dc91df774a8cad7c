"""A run's named series as arrays that grow, and which of them belong into one chart.

numpy is imported here: import this with the first chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lazytrain.engine.analysis.bounded import Array, BoundedTable
from lazytrain.engine.analysis.series import is_noisy, judged_length
from lazytrain.engine.store.series import SAMPLE_FORMAT, Metric
from lazytrain.engine.store.store import Store

_PACKED = np.dtype([("step", "<i8"), ("seconds", "<f8"), ("value", "<f8")])
"""`SAMPLE_FORMAT` as numpy reads it."""
_COLUMNS = {"step": "i8", "seconds": "f8", "value": "f8"}
MOST_SAMPLES = 1 << 16
"""So many values of a metric are kept one by one: 1.5 MB, and hundreds for each of a chart's columns."""
SPLITS = ("train", "val", "test")
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
}
_PREFIX = re.compile(rf"({'|'.join(sorted(_SPLIT_WORDS, key=len, reverse=True))})[/_.](.+)")
_SUFFIX = re.compile(rf"(.+)[/_.]({'|'.join(sorted(_SPLIT_WORDS, key=len, reverse=True))})")
_DOWN = re.compile(r"loss|err|perplexity|ppl|mse|mae|rmse|wer|cer|fid|nll|time|latency|distance|divergence", re.I)


class Series:
    """One metric's values as they were read so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.num_read = 0
        self._table = BoundedTable(_COLUMNS, MOST_SAMPLES, place="step", judged=("value",))
        self._backwards = False
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
            self._noisy = count, is_noisy(self.values[:count])
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
        revision, metrics = self._store.revision(self.run_id), self._store.metrics(self.run_id)
        changed = metrics != self.metrics or revision != self._revision
        if revision != self._revision:
            # Values were taken back, and others may stand in their place.
            self._series.clear()
        self.metrics, self._revision = metrics, revision
        return changed

    def series(self, names: Iterable[str]) -> dict[str, Series]:
        """The series of these names, with what is new of them."""
        counts = {metric.name: metric.num_values for metric in self.metrics}
        found: dict[str, Series] = {}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGroup:
    """The metrics of one chart: the same figure on several parts of the data."""

    title: str
    members: tuple[tuple[str, str], ...]
    """(part: `train`, `val`, `test` or ``, name of the metric)."""

    @property
    def lowest_is_best(self) -> bool:
        """Guessed from the name: losses and errors go down."""
        return bool(_DOWN.search(self.title))


def group_metrics(names: Sequence[str]) -> list[MetricGroup]:
    """Which metrics share a chart, in the order in which they first came.

    `train/x`, `val/x` and `test/x` do, and so do `x`, `val_x` and `eval_x`, as Lightning, Keras and Transformers name
    them.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        part, rest = split_name(name)
        groups.setdefault(rest, []).append((part, name))
    made: list[MetricGroup] = []
    for title, members in groups.items():
        parts = [part for part, _ in members]
        # Beside val_x, plain x is of the training.
        told = [("train" if not part and set(parts) > {""} else part, name) for part, name in members]
        order = {part: place for place, part in enumerate((*SPLITS, ""))}
        made.append(MetricGroup(title=title, members=tuple(sorted(told, key=lambda each: order[each[0]]))))
    return made


def split_name(name: str) -> tuple[str, str]:
    """(part of the data or ``, figure): `val_loss` → (`val`, `loss`)."""
    if found := _PREFIX.fullmatch(name):
        return _SPLIT_WORDS[found[1]], found[2]
    if found := _SUFFIX.fullmatch(name):
        return _SPLIT_WORDS[found[2]], found[1]
    return "", name
