"""The selected run's two lines: how they are broken, and which of their cells are repainted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lazytrain.engine.records import Kind, State, TrainerState
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.tui.widgets.run_status import LOOKS, Text, compose_situation, repainted_span, wrap

LETTERS = "abc é…  ━漢"
words = st.text(st.sampled_from(LETTERS), max_size=12)
texts = st.lists(st.tuples(words, st.sampled_from(list(LOOKS))), max_size=5).map(tuple)


def cells(text: Text) -> list[tuple[str, str]]:
    """Each cell's character and look; "" in the second one of a wide character."""
    return [
        (cell, look)
        for words, look in text
        for character in words
        for cell in (character, *[""] * (cell_len(character) - 1))
    ]


@given(texts, texts)
def test_what_is_repainted_is_all_that_differs(text: Text, before: Text) -> None:
    now, old = cells(text), cells(before)
    start, end = repainted_span(text, before) or (0, 0)
    blank = [(" ", "plain")]
    width = max(len(now), len(old))
    now, old = now + blank * (width - len(now)), old + blank * (width - len(old))
    painted = old[:start] + now[start:end] + old[max(start, end) :]
    assert painted == now


errors = st.lists(st.tuples(st.text(st.sampled_from(LETTERS + "\n"), max_size=12), st.just("detail")), max_size=3)


@given(st.lists(texts | errors.map(tuple), min_size=1, max_size=2).map(tuple), st.integers(4, 60))
def test_nothing_is_lost_where_lines_are_broken(lines: tuple[Text, ...], width: int) -> None:
    broken = wrap(lines, width)
    assert all(sum(cell_len(words) for words, _ in line) <= width for line in broken)
    assert not any("\n" in words for line in broken for words, _ in line)

    def letters(texts: list[Text]) -> list[tuple[str, str]]:
        return [(letter, look) for text in texts for words, look in text for letter in words if not letter.isspace()]

    assert letters(broken) == letters(list(lines))


def test_what_fits_is_one_line() -> None:
    assert wrap(((("epoch 1/5", "plain"), (" lr 0.01", "detail")),), 17) == [
        (("epoch 1/5", "plain"), (" lr 0.01", "detail"))
    ]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", [Kind.SCRIPT, Kind.LOGS])
def test_of_a_programs_run_nothing_is_promised_that_only_its_program_can_do(
    home: Path, kind: Kind, state: State
) -> None:
    with ScriptJournal(home) as journal:
        run = journal.add_script("mine", details={}, kind=kind)
    for trainer in (TrainerState.ALIVE, TrainerState.GONE):
        said = "".join(words for words, _ in compose_situation(replace(run, state=state, trainer=trainer), ""))
        assert "r goes on" not in said
        assert "r tries again" not in said
        assert "next lazytrain" not in said
