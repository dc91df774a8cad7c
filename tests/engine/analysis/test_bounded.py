"""Figures of a run that trains for ever: so many are kept, and those that tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.analysis import series
from lazytrain.engine.analysis.bounded import BoundedTable, Epochs, find_extremes
from lazytrain.engine.analysis.series import Curves, thin
from lazytrain.engine.events import Point
from lazytrain.engine.store.journal import Journal
from tests.helpers.bench import configuration, epoch_record
from tests.helpers.examples import examples


@pytest.fixture
def journal(home: Path) -> Iterator[Journal]:
    with Journal(home) as journal:
        yield journal


@settings(max_examples=examples(60))
@given(
    counts=st.lists(st.integers(1, 300), min_size=1, max_size=20),
    most=st.integers(40, 200),
    seed=st.integers(0, 2**16),
)
def test_there_are_never_more_rows_than_may_be_and_the_extremes_stay(counts: list[int], most: int, seed: int) -> None:
    table = BoundedTable(
        {"x": "i8", "y": "f8", "z": "f4", "took": "f8"}, most, place="x", judged=("y", "z"), summed=("took",)
    )
    random = np.random.default_rng(seed)
    seen: list[np.ndarray] = []
    x = 0
    for count in counts:
        steps = x + np.cumsum(random.integers(1, 50, count))
        x = int(steps[-1])
        y, z = random.normal(size=count), random.normal(size=count).astype("f4")
        seen.append(np.array([steps, y, z]))
        table.extend({"x": steps, "y": y, "z": z, "took": np.ones(count)})
        assert len(table) <= max(most, count)
        assert len(table) == len(table["y"]) == len(table["z"])
    every = np.concatenate(seen, axis=1)
    assert np.all(np.diff(table["x"]) > 0)
    assert table["x"][-1] == x
    assert (table["y"].min(), table["y"].max()) == (every[1].min(), every[1].max())
    assert (table["z"].min(), table["z"].max()) == (every[2].min(), every[2].max())
    assert table["took"].sum() == sum(counts)
    rows = dict(zip(every[0].tolist(), every[1].tolist(), strict=True))
    assert all(rows[step] == value for step, value in zip(table["x"].tolist(), table["y"].tolist(), strict=True))


def test_rows_that_stay_lie_evenly_however_often_they_were_thinned() -> None:
    table = BoundedTable({"x": "i8", "y": "f8"}, 1_000, place="x", judged=("y",))
    random = np.random.default_rng(0)
    for start in range(0, 100_000, 100):
        table.extend({"x": np.arange(start, start + 100), "y": random.normal(size=100)})
    tenths = np.histogram(table["x"], bins=10, range=(0, 100_000))[0]
    assert tenths.min() >= 25


def test_the_first_nan_of_many_values_stays() -> None:
    values = np.zeros(1_000)
    values[333:] = np.nan
    kept = find_extremes(np.arange(1_000), [values], 100)
    assert len(kept) < 110
    assert np.flatnonzero(np.isnan(values[kept])).size
    assert kept[np.isnan(values[kept])][0] == 333


def test_epochs_are_the_records_that_were_given_and_bounded() -> None:
    epochs = Epochs(most=100)
    few = [epoch_record(number, validation_loss=1.0, validation_accuracy=0.5) for number in range(1, 4)]
    few.append(epoch_record(4, test_loss=float("inf")))
    epochs.extend(few)
    assert epochs == few
    assert epochs[-1] == few[-1]
    assert epochs[1:3] == few[1:3]
    assert epochs.index_of(2) == 1
    with pytest.raises(IndexError):
        epochs[4]
    best = epoch_record(2_345, test_accuracy=0.99)
    epochs.extend([best if number == 2_345 else epoch_record(number) for number in range(5, 20_001)])
    assert len(epochs) <= 100
    assert best.test_accuracy == max(record.test_accuracy for record in epochs)
    assert epochs[epochs.index_of(2_345)].epoch == 2_345
    assert sum(record.seconds for record in epochs) == 2.0 * 20_000
    assert epochs[-1].epoch == 20_000


def test_curves_of_a_hundred_thousand_epochs_are_bounded_and_look_as_they_did(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_POINTS", 4_096)
    run_id = journal.add_run(configuration(epochs=100_000)).id
    curves = Curves(journal, run_id)
    random = np.random.default_rng(1)
    losses = 1.0 + random.normal(size=20_000) / 10
    losses[7_777] = 9.0
    for start in range(0, 20_000, 1_000):
        points = [
            Point(10 * (i + 1), float(losses[i]), 0.5, 0.01, 100.0, float(i)) for i in range(start, start + 1_000)
        ]
        for i in range(start, start + 1_000):
            journal.write(run_id, record=epoch_record(i + 1))
        journal.write(run_id, points=points)
        assert curves.update(journal.run(run_id))
        assert len(curves.steps) <= 4_096
        assert len(curves.epochs) <= 8_192
    assert not curves.update(journal.run(run_id))
    steps = 10 * np.arange(1, 20_001)
    # A chart of 100 columns: what each shows is within the columns beside it what all points would show.
    for of, bound in ((curves.losses, curves.steps), (losses, steps)):
        x, y = thin(bound, of, 100, 0, 200_000)
        assert y.max() == 9.0
        assert abs(int(x[y.argmax()]) - 77_780) <= 2_000
    assert abs(float(np.median(curves.losses)) - 1.0) < 0.05
