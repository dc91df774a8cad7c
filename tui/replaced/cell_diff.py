"""Below Textual's output: what each cell of the terminal holds, so that only cells that changed are sent.

Textual rewrites whole regions. `CellDiffApp` replaces its updates, in the private `App._display`, by the runs of cells
that differ. What isn't understood passes through as it is, and everything is sent anew after it, after a resize and
when the terminal was somebody else's for a while.

It is about bytes: two live charts send a tenth of what they send without it (498 and 4,835 B/s at four redraws a
second, medians of 6 pairs: `python -m benchmarks.screen --plain cell_diff --seconds 16 --pairs 6`), for as much
processor time.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Iterator

from rich.color import ColorSystem
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from textual._cells import cell_len
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from lazytrain.tui.replaced.cell_runs import CellRun, encode

GAP = 4
"""Unchanged cells between two changed ones that are cheaper sent again than skipped."""

UNPLACED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of what takes no cell, or with every terminal another number of them (joined emoji)."""

_Cell = str | None


class NotUnderstoodError(ValueError):
    """An update holds what has no place in a cell: a control sequence, a link."""


class Cells:
    """What a terminal shows: of each cell its text and its look (SGR codes); text None where it is unknown.

    A text of several cells stands in the first of them, and "" in the others.
    """

    def __init__(self) -> None:
        self._texts: list[list[_Cell]] = []
        self._looks: list[list[str]] = []
        self._narrow: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether every cell is known."""
        return bool(self._texts) and all(None not in texts for texts in self._texts)

    def forget(self) -> None:
        """Nothing is known of the terminal any more."""
        self._texts, self._looks = [], []

    def reduce(self, renderable: object, console: Console) -> Changes | None:
        """What is left to send of what Textual would send; None if that isn't understood, and everything is sent."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            with contextlib.suppress(NotUnderstoodError):
                return Changes(self.changes(renderable, console))
        self.forget()
        return None

    def changes(self, update: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """What to send so that the terminal shows the update; "" if it does already.

        Raises:
            NotUnderstoodError: nothing is sent, and nothing is known any more.
        """
        colours = console._color_system or ColorSystem.TRUECOLOR
        runs: list[CellRun] = []
        try:
            for y, strips in self._rows(update):
                texts, looks = self._texts[y].copy(), self._looks[y].copy()
                for x, strip in strips:
                    column = x
                    for segment in strip:
                        column = self._put(texts, looks, column, segment, colours)
                runs.extend(self._differing(y, texts, looks))
                self._texts[y], self._looks[y] = texts, looks
        except NotUnderstoodError:
            self.forget()
            raise
        return encode(runs)

    def _rows(self, update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, Iterable[tuple[int, Strip]]]]:
        """Each line that is written, with its strips and where they begin; cut as Textual cuts them."""
        if isinstance(update, LayoutUpdate):
            region = update.region
            if (region.x, region.y) != (0, 0):
                raise NotUnderstoodError("a layout of a part of the screen")
            self._fit(region.width, region.height)
            for y, line in enumerate(update.strips):
                yield y, _abreast(line)
            return
        height = len(update.chops)
        self._fit(max(ends[-1] for ends in update.chop_ends if ends), height)
        for y, start, stop in update.spans:
            if y < height:
                yield y, _within(update, y, start, stop)

    def _fit(self, width: int, height: int) -> None:
        if len(self._texts) != height or len(self._texts[0]) != width:
            self._texts = [[None] * width for _ in range(height)]
            self._looks = [[""] * width for _ in range(height)]

    def _put(self, texts: list[_Cell], looks: list[str], x: int, segment: Segment, colours: ColorSystem) -> int:
        """Write a segment at column `x`; returns the column after it."""
        text, style, control = segment
        if control or (style is not None and style.link):
            raise NotUnderstoodError(repr(segment))
        if not text:
            return x
        look = "" if style is None else style._ansi
        if look is None:
            assert style is not None
            look = Strip.render_ansi(style, colours)
        cells: list[_Cell] = list(text) if self._is_narrow(text) else list(_split(text))
        end = min(x + len(cells), len(texts))
        _break_off(texts, x, end)
        texts[x:end] = cells[: end - x]
        looks[x:end] = [look] * (end - x)
        return x + len(cells)

    def _is_narrow(self, text: str) -> bool:
        """Whether every character takes one cell, with every terminal."""
        if self._narrow.issuperset(text):
            return True
        characters = set(text)
        if any(unicodedata.category(character) in UNPLACED for character in characters):
            raise NotUnderstoodError(repr(text))
        self._narrow |= {character for character in characters if cell_len(character) == 1}
        return self._narrow.issuperset(characters) and cell_len(text) == len(text)

    def _differing(self, y: int, texts: list[_Cell], looks: list[str]) -> Iterator[CellRun]:
        """The runs of a line that differ from what the terminal shows."""
        before, looked = self._texts[y], self._looks[y]
        if texts == before and looks == looked:
            return
        columns = [
            x for x, text in enumerate(texts) if text is not None and (text != before[x] or looks[x] != looked[x])
        ]
        if any(
            texts[x] not in self._narrow or (before[x] not in self._narrow and before[x] is not None) for x in columns
        ):
            # Terminals disagree on how wide some characters are: a line where one comes or goes is sent whole.
            columns = [x for x, text in enumerate(texts) if text is not None]
        run: CellRun | None = None
        for x in columns:
            text = texts[x]
            if not text:
                continue
            if run is not None and looks[x] == run.look:
                between = texts[run.end : x]
                if len(between) <= GAP and all(
                    cell in self._narrow and look == run.look
                    for cell, look in zip(between, looks[run.end : x], strict=True)
                ):
                    run.text += "".join(cell or "" for cell in between) + text
                    run.end = x + 1
                    run.end += _covered(texts, run.end)
                    run.certain &= text in self._narrow
                    continue
            if run is not None:
                yield run
            run = CellRun(y, x, x + 1 + _covered(texts, x + 1), text, looks[x], certain=text in self._narrow)
        if run is not None:
            yield run


def _abreast(strips: Iterable[Strip]) -> Iterator[tuple[int, Strip]]:
    x = 0
    for strip in strips:
        yield x, strip
        x += strip.cell_length


def _within(update: ChopsUpdate, y: int, start: int, stop: int) -> Iterator[tuple[int, Strip]]:
    """The strips of a line that Textual sends for columns `start` to `stop`."""
    for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
        if strip is not None and x < stop and end > start:
            yield x, strip if end <= stop else strip.crop(0, stop - x)


def _split(text: str) -> Iterator[str]:
    """A text's cells: a wide character and "" for its second one; marks stay with what they are on.

    A text whose width isn't that of its characters (joined emoji) is one cell's, with "" for all the others.
    """
    cells: list[str] = []
    for character in text:
        width = cell_len(character)
        if width == 0 and cells:
            head = max(index for index, cell in enumerate(cells) if cell)
            cells[head] += character
        else:
            cells.extend((character, *[""] * (width - 1)))
    width = cell_len(text)
    return iter(cells if len(cells) == width else [text, *[""] * (width - 1)])


def _break_off(texts: list[_Cell], x: int, end: int) -> None:
    """Cells `x` to `end` are written: of what reaches into them from outside, blanks remain."""
    if x < end and texts[x] == "":
        head = x - 1
        while head > 0 and texts[head] == "":
            head -= 1
        texts[head:x] = [" "] * (x - head)
    tail = end
    while tail < len(texts) and texts[tail] == "":
        texts[tail] = " "
        tail += 1


def _covered(texts: list[_Cell], x: int) -> int:
    """How many cells from `x` on belong to the text before them."""
    end = x
    while end < len(texts) and texts[end] == "":
        end += 1
    return end - x


class Changes(CompositorUpdate):
    """An update whose bytes are known."""

    def __init__(self, text: str) -> None:
        self.text = text

    def render_segments(self, console: Console) -> str:
        return self.text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self.text, control=[])
