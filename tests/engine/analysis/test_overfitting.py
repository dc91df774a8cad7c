"""When overfitting begins: by its definition, and not where a loss has only levelled off or is noisy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.analysis.overfitting import PATIENCE, RISE, overfitting_start

EPOCHS = np.arange(1, 51.0)
FALLING = 0.2 + 2 * np.exp(-EPOCHS / 8)


def rising_after(lowest: int) -> np.ndarray:
    """A test loss that is lowest at index `lowest`."""
    return 1 + 0.02 * np.abs(np.arange(50) - lowest)


@pytest.mark.parametrize("lowest", [0, 1, 14, 43])
def test_it_begins_where_the_test_loss_was_lowest(lowest: int) -> None:
    # The first epoch's average is over two epochs, and so lower than the true minimum's at the second.
    assert overfitting_start(rising_after(lowest), FALLING) == (0 if lowest <= 1 else lowest)


def test_a_test_loss_that_still_falls_or_levelled_off_is_none() -> None:
    assert overfitting_start(FALLING, FALLING) is None
    assert overfitting_start(np.maximum(FALLING, 0.8), FALLING) is None
    assert overfitting_start(rising_after(46), FALLING) is None, "it may go down again"


def test_a_train_loss_that_rises_too_is_something_else() -> None:
    assert overfitting_start(rising_after(14), FALLING[::-1]) is None
    assert overfitting_start(rising_after(14), np.full(50, 0.5)) is None


def test_one_lucky_epoch_is_smoothed_away() -> None:
    test = np.maximum(FALLING, 0.8)
    test[30] -= 0.05
    assert overfitting_start(test, FALLING) is not None
    later = test.copy()
    later[35:] = 0.7
    assert overfitting_start(later, FALLING) is None


def test_nan_and_short_runs_are_none() -> None:
    assert overfitting_start(np.empty(0), np.empty(0)) is None
    assert overfitting_start(np.array([1.0]), np.array([1.0])) is None
    assert overfitting_start(np.full(20, np.nan), FALLING[:20]) is None
    broken = rising_after(14)
    broken[40:] = np.nan
    assert overfitting_start(broken, FALLING) is None


losses = st.lists(st.floats(0.01, 10), min_size=0, max_size=40)


@given(test=losses, train=losses)
def test_what_it_says_holds(test: list[float], train: list[float]) -> None:
    count = min(len(test), len(train))
    test_losses, train_losses = np.array(test[:count]), np.array(train[:count])
    start = overfitting_start(test_losses, train_losses)
    if start is None:
        return

    def average(values: np.ndarray, index: int) -> float:
        return float(values[max(0, index - 1) : index + 2].mean())

    judged = range(count - 1)
    assert start + PATIENCE <= judged[-1]
    lowest = average(test_losses, start)
    assert all(average(test_losses, index) >= lowest - 1e-9 for index in judged)
    assert average(test_losses, judged[-1]) >= lowest * (1 + RISE) - 1e-9
    for index in (start + PATIENCE, judged[-1]):
        assert average(train_losses, index) < average(train_losses, start)
