"""Named series of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.store import series
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.series import CHUNK_SAMPLES, SAMPLE_FORMAT, Metric, MetricRefused, Sample
from tests.helpers.bench import configuration, epoch_record
from tests.helpers.examples import examples


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as journal:
        yield journal


@pytest.fixture
def run_id(journal: Journal) -> str:
    return journal.add_run(configuration()).id


def samples(journal: Journal, run_id: str, name: str, since: int = 0) -> list[Sample]:
    packed = journal.packed_series(run_id, [name], since)[name]
    return [Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed)]


def ramp(count: int, first: int = 1) -> list[Sample]:
    return [Sample(step, step / 10, step / 100) for step in range(first, first + count)]


@settings(max_examples=examples(25))
@given(st.lists(st.integers(1, 3 * CHUNK_SAMPLES), min_size=1, max_size=6), st.integers(0, 4 * CHUNK_SAMPLES))
def test_what_was_added_is_read_in_order(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], since: int
) -> None:
    with Journal(tmp_path_factory.mktemp("home")) as journal:
        run_id = journal.add_run(configuration()).id
        expected: list[Sample] = []
        for count in counts:
            added = ramp(count, len(expected) + 1)
            journal.write(run_id, series={"loss": added, "lr": added[:1]})
            expected += added
        assert samples(journal, run_id, "loss") == expected
        assert samples(journal, run_id, "loss", since) == expected[since:]
        assert [metric.num_values for metric in journal.metrics(run_id)] == [len(expected), len(counts)]


def test_a_metric_is_known_without_its_series(journal: Journal, run_id: str) -> None:
    other = journal.add_run(configuration()).id
    values = [Sample(5, 0.1, 2.0), Sample(3, 0.2, math.nan), Sample(4, 0.3, -math.inf), Sample(4, 0.4, 1.0)]
    journal.write(run_id, series={"val/loss": values[:2], "nothing": []})
    journal.write(run_id, series={"train/loss": values[:1], "val/loss": values[2:]})
    assert journal.metrics(run_id) == [
        Metric(name="val/loss", num_values=4, highest_step=5, last=1.0, smallest=-math.inf, largest=2.0),
        Metric(name="train/loss", num_values=1, highest_step=5, last=2.0, smallest=2.0, largest=2.0),
    ]
    assert journal.metrics(other) == []
    assert [step for step, _, _ in samples(journal, run_id, "val/loss")] == [5, 3, 4, 4]
    assert samples(journal, run_id, "unknown") == []


def test_a_metric_that_was_never_a_number(journal: Journal, run_id: str) -> None:
    journal.write(run_id, series={"loss": [Sample(1, 0.0, math.nan)]})
    assert journal.metrics(run_id) == [
        Metric(name="loss", num_values=1, highest_step=1, last=None, smallest=None, largest=None)
    ]
    assert math.isnan(samples(journal, run_id, "loss")[0].value)


def test_a_rewind_takes_back_what_came_after_the_step(journal: Journal, run_id: str) -> None:
    journal.write(run_id, series={"loss": ramp(2 * CHUNK_SAMPLES), "early": ramp(3), "late": ramp(3, 400)})
    journal.rewind(run_id, 300, 1)
    assert samples(journal, run_id, "loss") == ramp(300)
    assert {metric.name: metric.num_values for metric in journal.metrics(run_id)} == {"loss": 300, "early": 3}
    journal.write(run_id, series={"loss": ramp(10, 301)})
    assert samples(journal, run_id, "loss") == ramp(310)


def test_an_evaluation_that_will_be_made_anew_is_taken_back(journal: Journal, run_id: str) -> None:
    # A checkpoint between an epoch's last step and its evaluation, which was written before the process was killed.
    for epoch in (1, 2):
        step = 100 * epoch
        journal.write(run_id, series={"gradient norm": [Sample(step, 1.0, 0.5)]})
        series = {"test/macro F1": [Sample(step, 1.0, 0.9)]}
        journal.write(run_id, record=epoch_record(epoch, step=step), series=series)
    journal.rewind(run_id, 200, 1)
    assert [step for step, _, _ in samples(journal, run_id, "test/macro F1")] == [100]
    assert [step for step, _, _ in samples(journal, run_id, "gradient norm")] == [100, 200]
    journal.rewind(run_id, 50, 0)
    assert journal.metrics(run_id) == []


def test_a_run_that_goes_takes_its_series_along(journal: Journal, run_id: str) -> None:
    journal.write(run_id, series={"loss": ramp(600)})
    journal.forget(run_id)
    assert journal.connection.execute("SELECT count(*) FROM samples").fetchone()[0] == 0


@pytest.mark.parametrize("name", ["", "a" * 201, "loss\n", "\x1b[2J", "a\ud800"])
def test_a_name_that_no_metric_can_have(journal: Journal, run_id: str, name: str) -> None:
    with pytest.raises(MetricRefused, match="a metric's name"):
        journal.write(run_id, series={"good": ramp(1), name: ramp(1)})
    assert journal.metrics(run_id) == [], "all of it or nothing"


def test_too_many_metrics(journal: Journal, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_METRICS", 3)
    journal.write(run_id, series={f"loss/{number}": ramp(1) for number in range(3)})
    with pytest.raises(MetricRefused, match=r"3 metrics already.*step or an id"):
        journal.write(run_id, series={"loss/3": ramp(1)})
    journal.write(run_id, series={"loss/2": ramp(1, 2)})
    assert samples(journal, run_id, "loss/2") == ramp(2)
