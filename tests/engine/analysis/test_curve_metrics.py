"""A training's curve, asked for as metrics."""

from __future__ import annotations

import math

import pytest

from lazytrain.engine.analysis.curve_metrics import curve_series, metric_of
from lazytrain.engine.events import Point
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.series import Sample
from tests.helpers.bench import Bench, epoch_record


def test_windows_and_epochs_are_series(bench: Bench) -> None:
    run = bench.queue()
    assert curve_series(bench.store, run.id) == {}
    points = [Point(step, 1.0 / step, 0.25, 0.01, 900.0, step / 10) for step in (5, 10, 15)]
    with Journal(bench.home) as journal:
        journal.write(run.id, points=points)
        journal.write(run.id, record=epoch_record(1, seconds=2.0))
        journal.write(run.id, record=epoch_record(2, seconds=3.0, validation_accuracy=0.75))
    series = curve_series(bench.store, run.id)
    assert series["train/loss"] == [Sample(5, 0.5, 0.2), Sample(10, 1.0, 0.1), Sample(15, 1.5, 1 / 15)]
    assert series["learning rate"][0] == Sample(5, 0.5, 0.01)
    assert series["images/s"][-1].value == 900.0
    assert series["test/accuracy"] == [Sample(10, 2.0, 0.5), Sample(20, 5.0, 0.5)]
    assert series["val/accuracy"] == [Sample(20, 5.0, 0.75)]
    assert "val/loss" not in series


@pytest.mark.parametrize(("values", "last"), [([2.0, math.nan, 1.0], 1.0), ([1.0, 2.0, math.nan], None)])
def test_what_is_known_of_a_series_leaves_nan_out(values: list[float], last: float | None) -> None:
    metric = metric_of("loss", [Sample(step, 0.0, value) for step, value in enumerate(values)])
    assert (metric.num_values, metric.highest_step) == (3, 2)
    assert (metric.last, metric.smallest, metric.largest) == (last, 1.0, 2.0)
