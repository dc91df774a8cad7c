"""Curves read as they grow, and thinned without losing a spike."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazytrain.engine.analysis.series import (
    Curves,
    at,
    column_means,
    crossing,
    extremes,
    first_bad,
    is_noisy,
    judged_length,
    smooth,
    stays_noisy,
    thin,
)
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import EpochRecord, Point, RunStarted
from lazytrain.engine.store.journal import Journal
from lazytrain.presets import load_catalogue
from tests.helpers.examples import examples


def point(step: int, loss: float = 1.0) -> Point:
    return Point(step, loss, 0.5, 0.01, 1000.0, float(step))


def epoch(number: int, step: int) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        step=step,
        train_loss=1.0,
        train_accuracy=0.5,
        test_loss=1.5 / number,
        test_accuracy=0.4,
        learning_rate=0.01,
        seconds=1.0,
    )


@pytest.fixture
def journal(home: Path) -> Journal:
    return Journal(home)


def begin(journal: Journal) -> str:
    architecture = load_catalogue().architecture("lazynet")
    run = journal.add_run(RunConfiguration(architecture_name="lazynet", architecture=architecture))
    journal.claim(run.id)
    started = RunStarted(num_epochs=50, steps_per_epoch=100, step=0, path="plain", device="cpu", threads=1)
    journal.begin(run.id, started, "the only device")
    return run.id


values = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf")), st.integers(-3, 3).map(float))


@given(
    y=st.lists(values, max_size=300),
    gaps=st.lists(st.integers(1, 9), min_size=300, max_size=300),
    num_columns=st.integers(1, 40),
    x_min=st.integers(0, 50),
    width=st.floats(0.5, 2000),
    integers=st.booleans(),
)
def test_thin_keeps_each_columns_extremes(
    *, y: list[float], gaps: list[int], num_columns: int, x_min: int, width: float, integers: bool
) -> None:
    x = np.cumsum(gaps[: len(y)]).astype("i8" if integers else "f8")
    array, x_max = np.array(y), x_min + width
    thin_x, thin_y = thin(x, array, num_columns, x_min, x_max)
    assert np.isfinite(thin_y).all()
    assert (np.diff(thin_x) >= 0).all()
    edges = np.linspace(x_min, x_max, num_columns + 1)
    for column, (low, high) in enumerate(pairwise(edges)):
        last = column == num_columns - 1
        here = (x >= low) & ((x <= high) if last else (x < high)) & np.isfinite(array)
        kept = (thin_x >= low) & ((thin_x <= high) if last else (thin_x < high))
        assert kept.sum() <= 2
        if here.any():
            assert thin_y[kept].min() == array[here].min()
            assert thin_y[kept].max() == array[here].max()
        else:
            assert not kept.any()


@given(
    y=st.lists(values, min_size=1, max_size=300),
    num_columns=st.integers(1, 40),
    window=st.tuples(*[st.floats(0, 300)] * 2),
)
def test_thin_for_a_logarithm_keeps_each_columns_positive_extremes(
    y: list[float], num_columns: int, window: tuple[float, float]
) -> None:
    x, array, (x_min, x_max) = np.arange(len(y), dtype="f8"), np.array(y), sorted(window)
    thin_x, thin_y = thin(x, array, num_columns, x_min, x_max, positive=True)
    assert (thin_y > 0).all()
    if not x_max > x_min:
        assert not len(thin_y)
        return
    edges = np.linspace(x_min, x_max, num_columns + 1)
    for column, (low, high) in enumerate(pairwise(edges)):
        last = column == num_columns - 1
        kept = array[(x >= low) & ((x <= high) if last else (x < high)) & np.isfinite(array) & (array > 0)]
        shown = thin_y[(thin_x >= low) & ((thin_x <= high) if last else (thin_x < high))]
        assert (len(kept) > 0) == (len(shown) > 0)
        if len(kept):
            assert (shown.min(), shown.max()) == (kept.min(), kept.max())


def test_a_curve_crosses_an_edge_between_two_points() -> None:
    x, y = np.array([10, 20, 30]), np.array([1.0, 3.0, np.nan])
    assert crossing(x, y, 12.5) == 1.5
    assert crossing(x.astype("f4"), y, 12.5) == 1.5
    assert crossing(x, y, 20) is None, "a point is there"
    assert crossing(x, y, 25) is None, "a NaN is no end of a line"
    assert crossing(x, y, 5) is None
    assert crossing(x, y, 35) is None
    assert crossing(x[:0], y[:0], 5) is None


def test_one_point_spike_in_a_million_is_kept() -> None:
    x, y = np.arange(1, 1_000_001), np.full(1_000_000, 0.5)
    y[765_432] = 9.0
    thin_x, thin_y = thin(x, y, 80, 0, 1_000_000)
    assert len(thin_x) <= 160
    assert thin_y.max() == 9.0


def test_a_column_that_grows_stays_as_it_is_until_an_extreme_comes() -> None:
    values = np.array([3.0, 1.0, 2.0, 5.0, 2.0, 4.0, 1.5, 4.5, 2.5])
    steps = np.arange(1, len(values) + 1)
    shown = [thin(steps[:count], values[:count], 1, 0, 100)[1].tolist() for count in range(4, len(values) + 1)]
    assert shown == [[1.0, 5.0]] * len(shown)
    lower = np.append(values, 0.5)
    assert thin(np.arange(1, len(lower) + 1), lower, 1, 0, 100)[1].tolist() == [5.0, 0.5]


def test_few_points_are_kept_as_they_are() -> None:
    x, y = np.array([10, 20, 30, 40]), np.array([4.0, 3.0, np.nan, 1.0])
    thin_x, thin_y = thin(x, y, 80, 0, 100)
    assert thin_x.tolist() == [10, 20, 40]
    assert thin_y.tolist() == [4.0, 3.0, 1.0]


def test_first_bad_at_and_extremes() -> None:
    values = np.array([1.0, 3.0, np.inf, 2.0, np.nan])
    assert first_bad(values) == 2
    assert first_bad(values[:2]) is None
    assert first_bad(values[:0]) is None
    # A sum can overflow where no value is infinite.
    assert first_bad(np.array([1.7e308, 1.7e308])) is None
    assert at(np.array([10, 20]), values, 19.9) == 1.0
    assert at(np.array([10, 20]), values, 20) == 3.0
    assert at(np.array([10, 20]), values, 9) is None
    assert extremes([values, np.array([-1.0])]) == (-1.0, 3.0)
    assert extremes([values[4:]]) is None


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_read_as_it_grows_is_what_is_read_at_once(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Journal(tmp_path_factory.mktemp("home")) as journal:
        run_id = begin(journal)
        growing = Curves(journal, run_id)
        step = 0
        for _ in range(data.draw(st.integers(1, 5), "writes")):
            count = data.draw(st.integers(0, 1500), "points")
            losses = np.random.default_rng(step).random(count)
            journal.write(run_id, points=[point(step + 10 * i, float(losses[i - 1])) for i in range(1, count + 1)])
            step += 10 * count
            journal.write(run_id, record=epoch(journal.run(run_id).epoch + 1, step))
            if data.draw(st.booleans(), "looked"):
                growing.update(journal.run(run_id))
            if data.draw(st.booleans(), "taken back"):
                step = step // 20 * 10
                journal.rewind(run_id, step, journal.run(run_id).epoch - 1)
        growing.update(journal.run(run_id))
        at_once = Curves(journal, run_id)
        at_once.update(journal.run(run_id))
        for name in ("steps", "losses", "accuracies", "learning_rates", "images_per_second"):
            assert np.array_equal(getattr(growing, name), getattr(at_once, name)), name
        assert growing.epochs == at_once.epochs == journal.epochs(run_id)
        assert np.array_equal(growing.of_epochs("test_loss"), at_once.of_epochs("test_loss"))
        assert len(growing.steps) == journal.run(run_id).num_points


def test_nothing_new_asks_nothing(journal: Journal) -> None:
    run_id = begin(journal)
    curves = Curves(journal, run_id)
    journal.write(run_id, points=[point(1), point(2)], record=epoch(1, 2))
    assert curves.update(journal.run(run_id))
    asked: list[str] = []
    run = journal.run(run_id)
    journal.connection.set_trace_callback(asked.append)
    assert not curves.update(run)
    assert asked == []


def test_nan_figures_of_an_epoch_are_nan(journal: Journal) -> None:
    run_id = begin(journal)
    curves = Curves(journal, run_id)
    journal.write(run_id, points=[point(1, float("nan"))])
    curves.update(journal.run(run_id))
    assert first_bad(curves.losses) == 0


def test_column_means_and_smoothing() -> None:
    x, y = np.arange(1, 101), np.arange(1.0, 101.0)
    middle, means = column_means(x, y, 10, 0, 100)
    assert means[0] == y[:9].mean()
    assert means[-1] == y[89:].mean()
    assert len(middle) == 10
    assert smooth(np.full(5, 3.0), 0.9) == pytest.approx(np.full(5, 3.0))
    assert smooth(np.array([0.0, 1.0]), 0.5) == pytest.approx([0.0, 0.5 / 0.75])


def test_noise_is_what_hides_the_trend() -> None:
    random = np.random.default_rng(1)
    progress = np.linspace(0, 1, 400)
    falling = 0.5 + 1.8 * np.exp(-4 * progress)
    assert not is_noisy(falling), "a curve without noise"
    assert not is_noisy(falling + random.normal(0, 0.01, 400)), "noise that is hardly seen"
    assert is_noisy(falling + random.normal(0, 0.3, 400))
    assert not is_noisy(4 * (1 - progress) + random.normal(0, 0.1, 400)), "a trend that is larger than its noise"
    assert not is_noisy(random.normal(0, 1, 20)), "too few to say"
    assert not is_noisy(np.full(100, np.nan))
    assert not is_noisy(np.full(100, 1.0))


def test_noise_is_judged_anew_only_when_there_is_a_quarter_more() -> None:
    lengths = [judged_length(count) for count in range(2000)]
    assert lengths == sorted(lengths)
    assert all(length <= count for count, length in enumerate(lengths))
    assert len(set(lengths)) < 22


def test_what_is_near_the_limit_is_not_smoothed_raw_and_smoothed_again() -> None:
    # A walk in noise: of its second half, noise is now a little more than half, now a little less.
    random = np.random.default_rng(3)
    noise, walk = random.normal(0, 0.1, 2000), np.cumsum(random.normal(0, 0.015, 2000))
    lengths = sorted({judged_length(count) for count in range(32, 2000)})
    alone = [is_noisy((noise + walk)[:length]) for length in lengths]
    kept = [stays_noisy((noise + walk)[:length]) for length in lengths]
    assert changes(alone) > 1
    assert changes(kept) <= 1
    ended = np.concatenate([noise[:200], np.linspace(0, 20, 1800)])
    assert stays_noisy(ended[:200])
    assert not stays_noisy(ended), "a trend that came ends it"


def changes(judged: list[bool]) -> int:
    return sum(before != after for before, after in pairwise(judged))
