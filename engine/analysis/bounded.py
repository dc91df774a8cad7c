"""Figures that grow as long as a run trains, in bounded memory: columns of numbers, thinned when there are too many.

What is left of many rows are those with the extremes, evenly over the run: a curve of it looks as before, since a chart
has far fewer columns, and a spike is never lost. The run's files keep every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lazytrain.engine.events import EpochRecord

Array = NDArray[Any]

MOST_EPOCHS = 1 << 13
"""So many epochs of a run are kept one by one: 0.7 MB."""
_FIELDS = tuple(field.name for field in fields(EpochRecord))
_OPTIONAL = ("validation_loss", "validation_accuracy")
_JUDGED = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", *_OPTIONAL)


class GrowingArray:
    """A one-dimensional array that is appended to: room doubles, so a million appends copy two million values."""

    def __init__(self, dtype: str) -> None:
        self._room = np.empty(256, dtype)
        self._size = 0
        self.values: Array = self._room[:0]
        """A view of what is there now, the same one until there is more; later appends don't change it."""

    def __len__(self) -> int:
        return self._size

    def extend(self, values: Array) -> None:
        needed = self._size + len(values)
        if needed > len(self._room):
            grown = np.empty(max(needed, 2 * len(self._room)), self._room.dtype)
            grown[: self._size] = self.values
            self._room = grown
        if len(values):
            self._room[self._size : needed] = values
            self._size = needed
            self.values = self._room[:needed]


class BoundedTable:
    """Columns of equal length that are appended to; at most `most` rows of them are kept.

    Args:
        dtypes: name → type, of each column.
        place: the column along which rows lie, increasing.
        judged: the columns whose extremes are kept.
        summed: columns of what a row took: of the rows that go, it counts to the next one that stays.
    """

    def __init__(
        self, dtypes: Mapping[str, str], most: int, *, place: str, judged: Sequence[str], summed: Sequence[str] = ()
    ) -> None:
        self._columns = {name: GrowingArray(dtype) for name, dtype in dtypes.items()}
        self._most, self._place, self._judged, self._summed = most, place, judged, summed

    def __len__(self) -> int:
        return len(self._columns[self._place])

    def __getitem__(self, name: str) -> Array:
        """A view of what is there now; later appends don't change it."""
        return self._columns[name].values

    def extend(self, rows: Mapping[str, Array]) -> None:
        """Append rows, and thin all of them to half of what there may be if they are too many."""
        for name, column in self._columns.items():
            column.extend(rows[name])
        if len(self) <= self._most:
            return
        kept = find_extremes(self[self._place], [self[name] for name in self._judged], self._most // 2)
        for name, column in self._columns.items():
            thinned = GrowingArray(column.values.dtype.str)
            if name in self._summed:
                thinned.extend(np.add.reduceat(column.values, np.concatenate(([0], kept[:-1] + 1))))
            else:
                thinned.extend(column.values[kept])
            self._columns[name] = thinned


def find_extremes(places: Array, columns: Sequence[Array], count: int) -> Array:
    """Indices, increasing, of about `count` rows: where each column is lowest and highest, evenly over `places`.

    Of equal values it is the first one; one that is NaN counts as highest. The last row is always among them.
    """
    each = 2 * len(columns)
    edges = np.linspace(float(places[0]), float(places[-1]), max(1, count // each) + 1)[1:-1]
    part = np.searchsorted(edges, places, side="right")
    # Where rows are few already they stay.
    kept = np.bincount(part)[part] <= each
    kept[-1] = True
    firsts = np.flatnonzero(np.diff(part, prepend=-1))
    for column in columns:
        values = np.asarray(column, "f8")
        unknown = np.isnan(values)
        for order in (np.where(unknown, np.inf, values), np.where(unknown, -np.inf, -values)):
            kept[np.lexsort((order, part))[firsts]] = True
    return np.flatnonzero(kept)


class Epochs(Sequence[EpochRecord]):
    """The finished epochs of a run, as records and as columns; where there are too many, the telling ones."""

    def __init__(self, most: int = MOST_EPOCHS) -> None:
        dtypes = dict.fromkeys(_FIELDS, "f8")
        summed = ("seconds", "evaluation_seconds")
        self._table = BoundedTable(dtypes, most, place="epoch", judged=_JUDGED, summed=summed)
        self._asked: dict[int, EpochRecord] = {}
        """The last one and the best one are asked for with every frame."""

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> EpochRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[EpochRecord]: ...
    def __getitem__(self, index: int | slice) -> EpochRecord | list[EpochRecord]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        if index not in self._asked:
            self._asked[index] = _record([float(self._table[name][index]) for name in _FIELDS])
        return self._asked[index]

    def __iter__(self) -> Iterator[EpochRecord]:
        return map(_record, zip(*(self._table[name].tolist() for name in _FIELDS), strict=True))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def column(self, name: str) -> Array:
        """One figure of all, by `EpochRecord`'s field name; float64, NaN where there is none."""
        return self._table[name]

    def index_of(self, epoch: int) -> int:
        """Where that epoch is, or the one before it that is kept."""
        return max(0, int(np.searchsorted(self._table["epoch"], epoch, side="right")) - 1)

    def extend(self, records: Sequence[EpochRecord]) -> None:
        """Append these, which follow."""
        rows = {name: [getattr(record, name) for record in records] for name in _FIELDS}
        self._asked.clear()
        # None becomes NaN.
        self._table.extend({name: np.array(values, "f8") for name, values in rows.items()})


def _record(values: Sequence[float]) -> EpochRecord:
    row: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
    row["epoch"], row["step"] = int(row["epoch"]), int(row["step"])
    # A loss may be NaN; an accuracy is, where there is none.
    if np.isnan(row["validation_accuracy"]):
        row |= dict.fromkeys(_OPTIONAL)
    return EpochRecord(**row)
