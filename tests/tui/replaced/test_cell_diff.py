"""Only changed cells are sent, and the terminal shows just what it would if everything were."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import ControlType, Segment
from rich.style import Style
from textual._cells import cell_len
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from lazytrain.engine.records import State
from lazytrain.tui.replaced.cell_diff import Cells, NotUnderstoodError
from lazytrain.tui.replaced.cell_diff_app import CellDiffApp
from tests.helpers import ROOT
from tests.helpers.examples import examples
from tests.helpers.monitor_data import fill
from tests.helpers.terminals import PtyTerminal, TmuxTerminal, has_tmux, see, wait_until

WIDTH, HEIGHT = 24, 4
CONSOLE = Console(file=StringIO(), force_terminal=True, color_system="truecolor", width=WIDTH)
STYLES = [
    Style.parse(text)
    for text in ("white on black", "#56b4e9 on black", "bold #56b4e9 on black", "white on #202040", "underline", "none")
]
NARROW = ("a", "bc", " ", "   ", "⣀⡠", "─│", "0.412")
ALL = (*NARROW, "漢字", "x漢", "語", "e\u0301")

# ── the layer alone, against a terminal that is sent everything ────────────────────────────────────────────────────


@st.composite
def strips(draw: st.DrawFn, width: int, texts: Sequence[str]) -> Strip:
    """A line's strip, just `width` cells wide."""
    segments: list[Segment] = []
    left = width
    while left:
        text = draw(st.sampled_from(texts))
        text = text if cell_len(text) <= left else "." * left
        segments.append(Segment(text, draw(st.sampled_from(STYLES))))
        left -= cell_len(text)
    return Strip(segments, width)


@st.composite
def layouts(draw: st.DrawFn, texts: Sequence[str]) -> LayoutUpdate:
    """A repaint of the whole screen."""
    return LayoutUpdate([[draw(strips(WIDTH, texts))] for _ in range(HEIGHT)], Region(0, 0, WIDTH, HEIGHT))


@st.composite
def partial_updates(draw: st.DrawFn, texts: Sequence[str]) -> ChopsUpdate:
    """A repaint of parts of some lines."""
    chops: list[dict[int, Strip | None]] = []
    ends: list[list[int]] = []
    spans: list[tuple[int, int, int]] = []
    for y in range(HEIGHT):
        cuts = sorted(draw(st.sets(st.integers(1, WIDTH - 1), max_size=3)) | {0, WIDTH})
        chops.append({x: draw(strips(end - x, texts)) for x, end in pairwise(cuts)})
        ends.append(cuts[1:])
        if draw(st.booleans()):
            first = draw(st.integers(0, len(cuts) - 2))
            # Textual's own cuts run along the edges of what is repainted.
            spans.append((y, cuts[first], cuts[draw(st.integers(first + 1, len(cuts) - 1))]))
    return ChopsUpdate(chops, spans or [(0, 0, WIDTH)], ends)


def shown(screen: pyte.Screen) -> list[list[tuple[Any, ...]]]:
    return [[tuple(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


def updates(texts: Sequence[str]) -> st.SearchStrategy[list[LayoutUpdate | ChopsUpdate]]:
    return st.lists(st.one_of(layouts(texts), partial_updates(texts)), max_size=4)


class Watched:
    """A terminal, and its cells."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self._stream.feed("\x1b[?7l")

    def feed(self, text: str) -> Watched:
        self._stream.feed(text)
        return self

    @property
    def cells(self) -> list[list[tuple[Any, ...]]]:
        return [[tuple(self._screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


@settings(max_examples=examples(40))
@given(first=layouts(NARROW), rest=updates(NARROW))
def test_each_update_shows_what_textual_would(first: LayoutUpdate, rest: list[LayoutUpdate | ChopsUpdate]) -> None:
    cells, ours, textuals = Cells(), Watched(), Watched()
    for update in (first, *rest):
        ours.feed(cells.changes(update, CONSOLE))
        textuals.feed(update.render_segments(CONSOLE))
        assert ours.cells == textuals.cells
        assert cells.changes(update, CONSOLE) == "", "the same again sends nothing"


@settings(max_examples=examples(40))
@given(before=updates(ALL), last=layouts(ALL))
def test_wide_characters_leave_nothing_behind(before: list[LayoutUpdate | ChopsUpdate], last: LayoutUpdate) -> None:
    cells, ours = Cells(), Watched()
    for update in (*before, last):
        ours.feed(cells.changes(update, CONSOLE))
    assert ours.cells == Watched().feed(Cells().changes(last, CONSOLE)).cells
    assert ours.cells == Watched().feed(last.render_segments(CONSOLE)).cells


def line(*segments: Segment) -> LayoutUpdate:
    return LayoutUpdate([[Strip(segments)]], Region(0, 0, sum(cell_len(each.text) for each in segments), 1))


def test_a_changed_figure_costs_a_few_bytes() -> None:
    cells, style = Cells(), STYLES[1]
    cells.changes(line(Segment("train 0.412", style)), CONSOLE)
    assert cells.changes(line(Segment("train 0.413", style)), CONSOLE) == ("\x1b[1;11H\x1b[38;2;86;180;233;40m3\x1b[m")


@pytest.mark.parametrize(
    "segment",
    [
        Segment("\x1b[2J", None, [(ControlType.CLEAR,)]),
        Segment("a link", Style(link="https://example.org")),
        Segment("a\tb"),
        Segment("\x1b[31m"),
        Segment("👩\u200d🚀"),
    ],
)
def test_what_is_not_understood_passes_and_everything_is_sent_after_it(segment: Segment) -> None:
    cells = Cells()
    shown = line(Segment("same"))
    first = cells.changes(shown, CONSOLE)
    assert cells.changes(shown, CONSOLE) == ""
    with pytest.raises(NotUnderstoodError):
        cells.changes(LayoutUpdate([[Strip([segment], 4)]], Region(0, 0, 4, 1)), CONSOLE)
    assert cells.changes(shown, CONSOLE) == first


def test_another_size_begins_anew() -> None:
    cells = Cells()
    cells.changes(line(Segment("abcd")), CONSOLE)
    assert "abc" in cells.changes(line(Segment("abc")), CONSOLE)


def test_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CellDiffApp()._cells is not None
    assert CellDiffApp(cell_diff=False)._cells is None
    monkeypatch.setenv("LAZYTRAIN_PLAIN", "cell_diff")
    assert CellDiffApp()._cells is None
    assert CellDiffApp(cell_diff=True)._cells is not None


# ── the real app in real terminals ─────────────────────────────────────────────────────────────────────────────────


class PtyCells(PtyTerminal):
    """A pty whose cells can be compared."""

    def cells(self) -> object:
        self.text()
        buffer = self._screen.buffer
        return [[tuple(buffer[y][x]) for x in range(self._screen.columns)] for y in range(self._screen.lines)]

    def counts(self) -> tuple[int, int]:
        self.text()
        return parse_counts(self._screen.title)

    def resize(self, width: int, height: int) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._screen.resize(height, width)
        # It isn't the terminal that this process's session belongs to, so the kernel tells nobody.
        self._process.send_signal(signal.SIGWINCH)

    def redraw(self) -> None:
        self.press("\x0c")


class TmuxCells(TmuxTerminal):
    """A tmux window whose cells can be compared."""

    def cells(self) -> object:
        return self._tmux("capture-pane", "-ep")

    def counts(self) -> tuple[int, int]:
        return parse_counts(self._tmux("display-message", "-p", "#{pane_title}"))

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def redraw(self) -> None:
        self.press("C-l")


def parse_counts(title: str) -> tuple[int, int]:
    """(updates, complete redraws) that the app has counted."""
    words = title.split()
    return (int(words[0]), int(words[1])) if len(words) == 2 and words[0].isdigit() else (0, 0)


def rest(terminal: PtyCells | TmuxCells) -> tuple[int, int]:
    """Wait until nothing has been drawn for some looks at the terminal; the counts then."""
    counts, looks = terminal.counts(), 0
    while looks < 6:
        terminal.rest()
        before, counts = counts, terminal.counts()
        looks = looks + 1 if counts == before else 0
    return counts


def assert_same_after_redraw(terminal: PtyCells | TmuxCells) -> None:
    """A complete redraw changes no cell. Where something else was drawn meanwhile, it is tried again."""
    for _ in range(60):
        counts, cells = rest(terminal), terminal.cells()
        terminal.redraw()
        wait_until(terminal, lambda now=counts: terminal.counts()[1] > now[1], "a complete redraw")
        after, redrawn = terminal.counts(), terminal.cells()
        if after[0] == counts[0] + 1 and terminal.counts() == after:
            assert redrawn == cells
            return
    raise AssertionError("the screen never rests")


@pytest.mark.parametrize("kind", [PtyCells, *([TmuxCells] if has_tmux() else [])])
def test_app_looks_as_if_everything_were_sent(
    home: Path, tmp_path: Path, kind: type[PtyCells] | type[TmuxCells]
) -> None:
    filler = fill(home)
    filler.queue("coolnet-v10", name="漢字の網 é ⚠")
    command = [sys.executable, "-m", "tests.helpers.cell_diff_app", str(home)]
    left_out = ("LAZYTRAIN_", "TMUX", "TEXTUAL", "COLUMNS", "LINES")  # the terminal says how large it is
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    with kind(command, ROOT, {**kept, "PYTHONPATH": ""}) as terminal:
        see(terminal, "CoolNet v10")
        assert_same_after_redraw(terminal)
        terminal.press("2")
        see(terminal, "epoch 31/50")
        assert_same_after_redraw(terminal)
        running = next(run for run in filler.journal.runs() if run.state is State.RUNNING)
        for epochs in (31.3, 31.6, 32.4, 40.0):
            filler.train(running.id, epochs)
            see(terminal, f"{int(epochs * 2)} %")
            assert_same_after_redraw(terminal)
        terminal.press("l")
        see(terminal, "Log of")
        filler.journal.say(running.id, "漢字を保存しました: checkpoint")
        see(terminal, "checkpoint")
        assert_same_after_redraw(terminal)
        terminal.press("escape")
        wait_until(terminal, lambda: "Log of" not in terminal.text(), "the log to close")
        terminal.press("m")
        see(terminal, "smoothed 0.6")
        assert_same_after_redraw(terminal)
        terminal.press("down", "down")
        see(terminal, "queued before it")
        terminal.press("n")
        see(terminal, "rename boringnet")
        terminal.press("漢", "字", "x", "漢")
        see(terminal, "漢")
        assert_same_after_redraw(terminal)
        filler.train(running.id, 41.2)
        assert_same_after_redraw(terminal)
        terminal.press("escape")
        wait_until(terminal, lambda: "rename boringnet" not in terminal.text(), "the dialog to close")
        for width, height in ((90, 30), (70, 20), (120, 40)):
            redraws = terminal.counts()[1]
            terminal.resize(width, height)
            wait_until(terminal, lambda before=redraws: terminal.counts()[1] > before, "the resize")
            assert_same_after_redraw(terminal)
            filler.train(running.id, 42 + width / 40)
            assert_same_after_redraw(terminal)
        terminal.press("?")
        see(terminal, "Monitor")
        assert_same_after_redraw(terminal)
        terminal.press("escape")
        wait_until(terminal, lambda: "▌◌ boringnet" in terminal.text(), "the help to close")
        terminal.press("1")
        see(terminal, "BoringNet")
        terminal.press("down", "down")
        assert_same_after_redraw(terminal)
