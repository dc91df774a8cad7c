"""What is printed beside a screen: kept without a pipe, cut into lines that are harmless."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from lazytrain.tui.terminal.diversion import MOST_CHARACTERS, Lines
from lazytrain.tui.terminal.kept_output import MOST_AT_ONCE, MOST_BYTES, KeptOutput


@pytest.fixture(params=["memory", "file"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptOutput]:
    if request.param == "file":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    kept = KeptOutput()
    yield kept
    kept.close()


def test_it_is_read_bit_by_bit_whoever_writes(kept: KeptOutput) -> None:
    assert kept.new() == (b"", 0)
    os.write(kept.descriptor, b"one\n")
    subprocess.run(["sh", "-c", "echo two"], stdout=kept.descriptor, check=True)
    assert kept.new() == (b"one\ntwo\n", 0)
    os.write(kept.descriptor, b"three\n")
    assert kept.new() == (b"three\n", 0)
    assert kept.new() == (b"", 0)


def test_a_flood_is_counted_and_takes_no_room(kept: KeptOutput) -> None:
    for _ in range(40):
        os.write(kept.descriptor, 10_000 * b"words\n")
    data, skipped = kept.new()
    assert len(data) == MOST_AT_ONCE
    assert data.count(b"\n") + skipped == 400_000
    assert os.fstat(kept.descriptor).st_size == 0
    os.write(kept.descriptor, b"after it\n")
    assert kept.new() == (b"after it\n", 0)


def test_a_trickle_is_let_go_too(kept: KeptOutput) -> None:
    written = 0
    while written <= MOST_BYTES:
        written += os.write(kept.descriptor, 1_000 * b"x" + b"\n")
        assert kept.new()[0].endswith(b"x\n")
    assert os.fstat(kept.descriptor).st_size < 2_000


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain\n", ["plain"]),
        (b"\x1b[2J\x1b[H\x1b]0;title\x07red \x1b[31mword\x1b[0m\n", ["red word"]),
        (b"10 %\r50 %\r100 %\r\n", ["100 %"]),
        (b"a\tb\x07\x00c\n\n   \n", ["a    bc"]),
        ("left\u202eright caf\u00e9\n".encode(), ["leftright caf\u00e9"]),
        (b"no utf-8: \xe9\n", ["no utf-8: \ufffd"]),
        (1_000 * b"x" + b"\n", [(MOST_CHARACTERS - 1) * "x" + "…"]),
    ],
)
def test_lines_are_harmless(written: bytes, shown: list[str]) -> None:
    assert Lines().take(written) == shown


def test_a_line_may_come_in_parts() -> None:
    lines = Lines()
    assert lines.take("caf\u00e9".encode()[:-1]) == []
    assert lines.take("\u00e9".encode()[-1:] + b" open") == []
    assert lines.take(b"ed\nand more") == ["caf\u00e9 opened"]
    assert lines.take(b"") == ["and more"], "it is told when nothing comes after it"
    assert lines.take(b"the last", last=True) == ["the last"]
