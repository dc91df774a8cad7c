"""Times as they are said, absurd ones too: a wrong clock or an endless run ends no screen."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.records import iso
from lazytrain.tui.words.text import NOTHING, format_clock, format_duration, format_moment

NOW = datetime(2026, 5, 1, 22, 30).timestamp()
LAST = datetime(9999, 12, 30, 12, 0).timestamp()
HOUR, DAY = 3600.0, 86_400.0


@given(st.floats(), st.floats())
def test_no_time_is_too_absurd_to_be_said(time: float, now: float) -> None:
    assert format_clock(time, now)
    assert format_moment(time)
    assert format_duration(time)
    assert iso(time) is None or "T" in str(iso(time))


@pytest.mark.parametrize(
    ("time", "now", "said"),
    [
        (NOW + HOUR, NOW, "about 23:30"),
        (NOW + 2 * HOUR, NOW, "about 00:30 tomorrow"),
        (NOW + 2 * DAY, NOW, "about 22:30 on Sun 3 May"),
        (datetime(2031, 5, 3, 6, 40).timestamp(), NOW, "about 06:40 on Sat 3 May 2031"),
        (1e30, NOW, "after the year 9999"),
        (float("inf"), NOW, "after the year 9999"),
        (float("nan"), NOW, NOTHING),
        (LAST, LAST - HOUR, "about 12:00"),
    ],
)
def test_a_coming_moment(time: float, now: float, said: str) -> None:
    assert format_clock(time, now) == said


@pytest.mark.parametrize("time", [None, 1e30, -1e30, float("nan"), float("inf")])
def test_a_moment_that_no_calendar_has_is_none(time: float | None) -> None:
    assert format_moment(time) == NOTHING
    assert iso(time) is None


def test_a_past_moment() -> None:
    assert format_moment(NOW) == "2026-05-01 22:30:00"
    assert str(iso(NOW)).startswith("2026-05-01T22:30:00.000")


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5.0, "0 s"), (1e30, "over 1,000 years"), (float("nan"), NOTHING), (90_000.0, "1 d 1 h")]
)
def test_a_duration(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
