"""Images with captions that a command prints, side by side: in real pixels where the terminal draws them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.segment import ControlType, Segment, Segments

from lazytrain.tui.terminal.asking import SIXEL, Answers, ask, in_multiplexer
from lazytrain.tui.terminal.outlet import is_terminal
from lazytrain.tui.terminal.pixels import (
    MOST_CELLS,
    USUAL_CELL,
    Cell,
    Images,
    pass_through,
    place,
    side_by_side,
    sixels,
)
from lazytrain.tui.widgets.half_blocks import Tile, fit_size, half_block_lines, resize
from lazytrain.tui.words.text import pad

GAP = 2


@dataclass(frozen=True, slots=True)
class Way:
    """How images are drawn, and the pixels of a cell where that matters."""

    kind: Literal["blocks", "kitty", "sixel"] = "blocks"
    cell: Cell = USUAL_CELL


BLOCKS = Way()


def can_draw(console: Console) -> bool:
    """Whether half blocks of colours can be seen."""
    colours = console.color_system in ("truecolor", "256") and not console.no_color
    return console.is_terminal and colours and console.encoding.startswith("utf")


def choose_way(
    console: Console,
    wanted: Images,
    environment: Mapping[str, str] = os.environ,
    ask_terminal: Callable[[], Answers] | None = None,
) -> Way:
    """What the settings say; for "auto" the terminal is asked, but for one inside tmux or screen."""
    if wanted == "blocks" or not can_draw(console):
        return BLOCKS
    # An image's number is the colour of its placeholders: fewer colours make it another's.
    exact = console.color_system == "truecolor"
    if wanted == "kitty":
        return Way("kitty") if exact else BLOCKS
    cell = _cell_size()
    if wanted == "sixel":
        return Way("sixel", cell or USUAL_CELL)
    if in_multiplexer(environment):
        return BLOCKS
    answers = (ask_terminal or _ask)()
    cell = answers.cell or cell
    if answers.graphics and answers.places_images and exact:
        return Way("kitty")
    if SIXEL in (answers.attributes or ()) and cell is not None:
        return Way("sixel", cell)
    return BLOCKS


def _ask() -> Answers:
    if os.name == "nt" or not (is_terminal(0) and is_terminal(1)):
        return Answers()
    return ask(0, 1)


def _cell_size() -> Cell | None:
    """Width and height of a cell in pixels, as the kernel has it; many terminals don't tell it."""
    if sys.platform == "win32" or not is_terminal(1):
        return None
    import fcntl
    import struct
    import termios

    lines, columns, width, height = struct.unpack("4H", fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))
    return (width // columns, height // lines) if lines and columns and width and height else None


def print_images(console: Console, tiles: Sequence[Tile], pixels: int, way: Way) -> None:
    """As many in a row as fit, each `pixels` half blocks wide at most; a row's are of one height."""
    room = min(console.width, MOST_CELLS) if way.kind == "kitty" else console.width
    columns = max(1, (room + GAP) // (pixels + GAP))
    for start in range(0, len(tiles), columns):
        row = tiles[start : start + columns]
        console.print()
        match way.kind:
            case "blocks":
                _print_blocks(console, row, pixels)
            case "kitty":
                _print_placeholders(console, row, pixels)
            case "sixel":
                _print_sixels(console, row, pixels, way.cell)
        for captions in zip(*(tile.captions for tile in row), strict=True):
            _print_line(console, [Segment(_caption(left, right, pixels)) for left, right in captions])


def _caption(left: str, right: str, width: int) -> str:
    return f"{pad(left, width - len(right) - 1)} {right}" if right else pad(left, width)


def _print_blocks(console: Console, row: Sequence[Tile], pixels: int) -> None:
    images = [resize(tile.image, *fit_size(tile.image, pixels)) for tile in row]
    drawn = [half_block_lines(image) for image in images]
    for line in range(max(map(len, drawn))):
        parts: list[Segment] = []
        for image, lines in zip(images, drawn, strict=True):
            blank = pixels - image.width if line < len(lines) else pixels
            parts += [Segment(" " * GAP)] if parts else []
            parts += [*(lines[line] if line < len(lines) else []), Segment(" " * blank)]
        console.print(Segments([*parts, Segment.line()]), end="", soft_wrap=True)


def _print_placeholders(console: Console, row: Sequence[Tile], pixels: int) -> None:
    images = [(tile.image, fit_size(tile.image, pixels)) for tile in row]
    lines = max(-(-height // 2) for _, (_, height) in images)
    columns = len(row) * (pixels + GAP) - GAP
    _, sent, rows = place(side_by_side(images, pixels, lines, GAP), columns, lines)
    _print_as_it_is(console, pass_through(sent, os.environ))
    for cells in rows:
        console.print(Segments([*cells, Segment.line()]), end="", soft_wrap=True)


def _print_sixels(console: Console, row: Sequence[Tile], pixels: int, cell: Cell) -> None:
    sizes = [(width, -(-height // 2)) for width, height in (fit_size(tile.image, pixels) for tile in row)]
    most = max(lines for _, lines in sizes)
    # There is room for them before they are drawn, so that nothing scrolls in between.
    console.print("\n" * most, end="")
    for number, (tile, (columns, lines)) in enumerate(zip(row, sizes, strict=True)):
        right = number * (pixels + GAP)
        move = f"\x1b7\x1b[{most}A" + (f"\x1b[{right}C" if right else "")
        _print_as_it_is(console, move + sixels(tile.image, columns, lines, cell) + "\x1b8")


def _print_as_it_is(console: Console, text: str) -> None:
    console.print(Segments([Segment(text, control=[(ControlType.CURSOR_FORWARD, 0)])]), end="", soft_wrap=True)


def _print_line(console: Console, texts: Sequence[Segment]) -> None:
    parts = [part for text in texts for part in (text, Segment(" " * GAP))][:-1]
    console.print(Segments([*parts, Segment.line()]), end="", soft_wrap=True)
