"""The figures of the benchmarks: the interval of a median, and what counts as a frame."""

from __future__ import annotations

import pytest

from benchmarks.measuring import median_interval
from benchmarks.pty_app import count_frames


@pytest.mark.parametrize(
    ("count", "ranks"),
    # From tables of the sign test: the k-th smallest and the k-th greatest of n hold the median with at least 95 %.
    [(6, (1, 6)), (10, (2, 9)), (12, (3, 10)), (20, (6, 15)), (5, (1, 5)), (1, (1, 1))],
)
def test_the_interval_of_a_median_is_between_the_ranks_that_the_sign_test_gives(
    count: int, ranks: tuple[int, int]
) -> None:
    values = [float(rank) for rank in range(count, 0, -1)]
    assert median_interval(values) == ranks


def test_what_arrives_close_together_is_one_frame() -> None:
    assert count_frames([]) == 0
    assert count_frames([7.0]) == 1
    assert count_frames([7.0, 7.01, 7.02, 8.0, 8.04, 9.0]) == 3
