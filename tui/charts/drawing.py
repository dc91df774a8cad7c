"""A chart's curves as cells, drawn anew only when a dot changed.

A cell of braille has 2 × 4 dots. Curves are rounded to dots before they are drawn: the same dots are the same picture,
and of the new points of a second many change none. Where some do, only what is at their right is drawn: a whole picture
is plotext's, which takes longer to prepare than to draw, and its end is drawn further here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from lazytrain.tui.replaced.parts import replaces

if TYPE_CHECKING:
    from lazytrain.tui.replaced.cell_row import CellRow

Points = tuple[Any, Any]
"""x and y: [N] each, x increasing."""
Limits = tuple[float, float]
Dot = tuple[int, int]


class Picture:
    """Curves over each other, the last one on top."""

    def __init__(self) -> None:
        self.rows: list[CellRow] = []
        self.num_drawn = 0
        """How often there was something to draw."""
        self.num_dots_drawn = 0
        """How many points that were in all."""
        self._size = (0, 0)
        self._dots: list[list[Dot]] = []
        self._goes_on = replaces("tail")

    def show(
        self, width: int, height: int, curves: Sequence[Points], x_limits: Limits, y_limits: Limits
    ) -> list[CellRow]:
        """The curves on `width` × `height` cells whose edges are `x_limits` and `y_limits`."""
        size = (2 * width, 4 * height)
        dots = [to_dots(x, y, size, x_limits, y_limits) for x, y in curves]
        if (size, dots) == (self._size, self._dots):
            return self.rows
        goes_on = self._goes_on and size == self._size and len(dots) == len(self._dots)
        kept = unchanged_columns(self._dots, dots) if goes_on else 0
        # Of each curve from the last dot before those columns on: what comes before it lies at its left.
        drawn = [each[first_dot(each, kept) :] for each in dots] if kept else dots
        self.num_drawn += 1
        self.num_dots_drawn += sum(len(each) for each in drawn)
        # plotext is a quarter of a second to import: only once there is something to draw.
        from lazytrain.tui.charts.canvas import Stroke, draw
        from lazytrain.tui.replaced.tail import draw_tail

        if kept:
            tails = draw_tail(width, height, drawn, kept)
            self.rows = [row.followed_by(tail, kept) for row, tail in zip(self.rows, tails, strict=True)]
        else:
            strokes = [Stroke([x + 0.5 for x, _ in each], [y + 0.5 for _, y in each]) for each in drawn]
            self.rows = draw(width, height, strokes, (0, 2 * width), (0, 4 * height))
        self._size, self._dots = size, dots
        return self.rows


def unchanged_columns(before: Sequence[Sequence[Dot]], now: Sequence[Sequence[Dot]]) -> int:
    """How many columns of cells, from the left, show the same of every curve."""
    kept = -1
    for old, new in zip(before, now, strict=True):
        if old == new:
            continue
        length = min(len(old), len(new))
        same = next((index for index in range(length) if old[index] != new[index]), length)
        # From the last dot that is the same a line goes on to the first that isn't.
        places = [dots[max(0, same - 1)][0] // 2 for dots in (old, new) if dots]
        kept = min([*places, kept] if kept >= 0 else places)
    return max(0, kept)


def first_dot(dots: Sequence[Dot], column: int) -> int:
    """Index of a curve's last dot left of a column of cells, 0 if there is none."""
    return max(0, bisect_left(dots, 2 * column, key=itemgetter(0)) - 1)


def to_dots(x: Any, y: Any, size: tuple[int, int], x_limits: Limits, y_limits: Limits) -> list[Dot]:
    """Column and row of each point's dot, row 0 at the bottom; points that follow each other on one dot are one."""
    (left, right), (low, high) = x_limits, y_limits
    columns = ((x - left) * (size[0] / (right - left))).astype("i8").clip(0, size[0] - 1).tolist()
    rows = ((y - low) * (size[1] / (high - low))).astype("i8").clip(0, size[1] - 1).tolist()
    dots = list(zip(columns, rows, strict=True))
    return dots[:1] + [dot for before, dot in pairwise(dots) if dot != before]
