"""How many examples Hypothesis draws: all of them each night, a share of them for a change."""

from __future__ import annotations

from hypothesis import settings

WHOLE, SHARE = 100, 40
"""Examples where a test names no number, each night and for a change: see `tests/conftest.py`."""


def examples(number: int) -> int:
    """So many of `number`."""
    profile = settings.default
    assert profile is not None, "tests/conftest.py loads one"
    return max(1, number * profile.max_examples // WHOLE)
