"""The right end of curves that grew, dot for dot as plotext draws it.

plotext builds a whole figure, its rulers and labels, for what is a few dots most of the time. How it draws a line is
repeated here in its own arithmetic (its kernel's `rescale_element` and `get_simple_line`), so that a picture drawn
further is the one drawn at once; tests compare the two.

It is about the time of a frame: one of two live charts takes 41 % less with it (4.9 and 8.0 ms of processor time,
medians of 6 pairs: `python -m benchmarks.screen --plain tail --seconds 16 --pairs 6`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lazytrain.tui.replaced.cell_row import BLANK, CellRow

NEAR, FAR = 0.0001 + 0.0016585662, 0.0001 + 0.001516152
"""How far inside the canvas, in cells, plotext puts its first and its last edge: its alignment's, and its kernel's."""
BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Of a braille cell's dots, by row from the top, and column."""


def draw_tail(width: int, height: int, strokes: Sequence[Sequence[tuple[int, int]]], first: int) -> list[CellRow]:
    """Lines through dots, on the columns from `first` on of a canvas of `width` × `height` cells.

    Args:
        strokes: each stroke's dots, column (of 2 × width) and row (of 4 × height, row 0 at the bottom), in order.
    """
    bits = [[0] * (width - first) for _ in range(height)]
    owners = [[BLANK] * (width - first) for _ in range(height)]
    x_span, y_span = width - NEAR - FAR, height - NEAR - FAR
    x_dots, y_dots = 2 * width, 4 * height

    def put(x: float, y: float, owner: int) -> None:
        column, row = int(x), int(y)
        place = column - first
        if place >= 0:
            bits[row][place] |= BITS[int((y - row) * 4)][int((x - column) * 2)]
            owners[row][place] = owner

    for owner, dots in enumerate(strokes):
        # In cells from the top left, as plotext counts them.
        points = [
            (NEAR + x_span * ((column + 0.5) / x_dots), NEAR + y_span * ((row + 0.5 - y_dots) / -y_dots))
            for column, row in dots
        ]
        if points:
            put(*points[0], owner)
        for (x, y), (to_x, to_y) in pairwise(points):
            steps = max(abs(int(x * 2) - int(to_x * 2)), abs(int(y * 4) - int(to_y * 4)), 1)
            share = part = 1.0 / steps
            for _ in range(steps - 1):
                put(x + (to_x - x) * share, y + (to_y - y) * share, owner)
                share += part
            put(to_x, to_y, owner)
    drawn = [[chr(0x2800 + cell) if cell else " " for cell in line] for line in bits]
    return [CellRow(characters, of) for characters, of in zip(drawn, owners, strict=True)]
