"""Names in little room: no two different ones look alike, and what they share is what is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lazytrain.tui.words.names import tell_apart

RATES = [f"coolnet-v7 quick epochs=8 lr={rate}" for rate in ("0.003", "0.005", "0.01")]


def test_what_names_share_is_cut_and_what_tells_them_apart_stays() -> None:
    assert tell_apart(RATES, 20) == ["coolnet-v7 …lr=0.003", "coolnet-v7 …lr=0.005", "coolnet-v7 q…lr=0.01"]
    assert tell_apart([*RATES, "coolnet-v10 quick epochs=8 lr=0.003"], 16)[0] == "cool…v7…lr=0.003"


def test_names_that_fit_are_whole_and_one_that_is_alone_loses_its_end() -> None:
    assert tell_apart(RATES, 40) == RATES
    assert tell_apart(["boringnet-leaky-relu decreasing-lr"], 12) == ["boringnet-l…"]


def test_long_words_are_told_apart_by_their_characters() -> None:
    assert tell_apart(["a" * 40 + "1", "a" * 40 + "2"], 6) == ["aaaa…1", "aaaa…2"]


@pytest.mark.parametrize("width", [4, 7, 12, 30])
@given(
    names=st.lists(
        st.lists(st.sampled_from(["coolnet-", "v7 ", "v10 ", "lr=0.1 ", "lr=0.01 ", "seed=", "1", "日本"]), max_size=9)
        .map("".join)
        .map(str.strip)
        .filter(bool),
        max_size=12,
        unique=True,
    )
)
def test_no_two_names_look_alike_and_none_is_too_wide(names: list[str], width: int) -> None:
    shown = tell_apart(names, width)
    assert len(set(shown)) == len(names)
    assert all(cell_len(name) <= width for name in shown)
