"""Frames come at their rate, and rarer by themselves where they cost too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lazytrain.tui.replaced.pace import DEAR_SECONDS, Pace


class Times:
    """Wall time and processor time that pass when they are told to."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.pace = Pace(1.0, clock=lambda: self.wall, cpu=lambda: self.cpu)

    def frame(self, cost: float) -> None:
        self.pace.begin()
        self.cpu += cost
        self.pace.end()


def test_the_first_frame_is_due_and_the_next_a_second_later() -> None:
    times = Times()
    assert times.pace.due
    times.frame(0.001)
    assert not times.pace.due
    times.wall += 0.5
    assert not times.pace.due
    times.wall += 0.5
    assert times.pace.due


def test_two_dear_frames_may_have_been_a_screen_that_opens() -> None:
    times = Times()
    for cost in (0.5, 0.5, 0.001, 0.5, 0.5, 0.001):
        times.frame(cost)
    assert times.pace.seconds == 1.0
    for _ in range(3):
        times.frame(0.5)
    assert times.pace.seconds == 2.0


def test_dear_frames_halve_the_rate_until_their_share_is_small_again_and_cheap_ones_double_it() -> None:
    times = Times()
    for _ in range(20):
        times.frame(3 * DEAR_SECONDS)
    assert times.pace.seconds == 4.0
    for _ in range(20):
        times.frame(1.7 * DEAR_SECONDS)
    assert times.pace.seconds == 4.0, "not back and forth"
    for _ in range(20):
        times.frame(0.001)
    assert times.pace.seconds == 1.0


def test_the_rate_is_never_too_low_to_see_that_it_lives() -> None:
    times = Times()
    for _ in range(100):
        times.frame(10.0)
    assert times.pace.seconds == 16.0


def test_an_end_without_a_beginning_is_no_frame() -> None:
    times = Times()
    times.pace.end()
    times.cpu += 1
    times.pace.end()
    assert times.pace.seconds == 1.0


def test_what_is_painted_long_after_a_frame_that_changed_nothing_is_no_frame() -> None:
    times = Times()
    for _ in range(5):
        times.pace.begin()
        times.pace.forget()
        times.cpu += 1
        times.pace.end()
    assert times.pace.seconds == 1.0


@given(cost=st.floats(0.0001, 0.15))
def test_whatever_a_frame_costs_its_share_of_a_core_is_a_hundredth_at_most(cost: float) -> None:
    times = Times()
    for _ in range(60):
        times.frame(cost)
        times.wall += times.pace.seconds
    assert cost / times.pace.seconds <= 0.01 * (1 + 1e-9)
    assert times.pace.seconds == 1.0 or 2 * cost / times.pace.seconds > 0.01 * (1 - 1e-9), "no rarer than that takes"
