"""What a program prints, as the lines that a person would have seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.commands.terminal import MOST_CHARACTERS, ROWS_ABOVE, Terminal
from lazytrain.presets.plain_text import find_unsafe


def lines(*pieces: bytes) -> list[str]:
    """The whole lines, as they go into a log."""
    terminal = Terminal()
    return [each.text for piece in pieces for each in terminal.feed(piece) if each.whole] + [
        each.text for each in terminal.close()
    ]


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        (b"one\ntwo\r\nthree", ["one", "two", "three"]),
        (b"\r 10%|#   |\r 50%|##  |\r100%|####|\n", ["100%|####|"]),
        (b"long line\rshort\x1b[K\n", ["short"]),
        (b"old\x1b[2K\rnew\n", ["new"]),
        (b"1/2\b\b\b2/2\n", ["2/2"]),
        (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b]8;;http://x\x1b\\link\n", ["red plainlink"]),
        (b"\x1b[2J\x1b[Hcleared\x1b[?25l\n", ["cleared"]),
        ("Grüße ✓ \xff".encode("latin-1", "replace") + b"\n", ["Gr��e ? �"]),
        (b"tab\there \x07bell\n", ["tab here \\x07bell"]),
        (b"\n\nempty\n", ["", "", "empty"]),
        (b"x" * 5000 + b"\n", ["x" * MOST_CHARACTERS]),
    ],
)
def test_lines_are_what_a_person_would_have_seen(printed: bytes, seen: list[str]) -> None:
    assert lines(printed) == seen
    assert lines(*(bytes([byte]) for byte in printed)) == seen, "the same byte by byte"


def test_nested_bars_end_as_one_line_each() -> None:
    inner = b"\n\rinner %d/2\x1b[A"
    printed = b"outer 0/2" + inner % 0 + inner % 1 + inner % 2 + b"\router 1/2" + inner % 2 + b"\router 2/2\n\n"
    assert lines(printed) == ["outer 0/2", "outer 2/2", "inner 2/2"]
    many = b"".join(b"line %d\n" % number for number in range(50))
    terminal = Terminal()
    told = [each.text for each in terminal.feed(b"\x1b[A" + many) if each.whole]
    assert told == [f"line {number}" for number in range(50 - ROWS_ABOVE)], "the last ones may still be gone up to"


def test_a_bar_is_shown_before_its_line_ends() -> None:
    terminal = Terminal()
    assert [each.text for each in terminal.feed(b"\r 1/3\r 2/3")] == [" 1/3"]
    assert [tuple(each) for each in terminal.look()] == [(" 2/3", False)]
    assert list(terminal.look()) == [], "it is the same"


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b"\x1b", b"[", b"A", b"\r", b"\n", b"\b", b"]", b"99"])))
def test_nothing_raises_and_nothing_unsafe_comes_out(pieces: list[bytes]) -> None:
    terminal = Terminal()
    for piece in pieces:
        for each in [*terminal.feed(piece), *terminal.look()]:
            assert find_unsafe(each.text) is None
            assert len(each.text) <= 6 * MOST_CHARACTERS
    assert len(list(terminal.close())) <= ROWS_ABOVE + 1
