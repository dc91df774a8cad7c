"""A chart's curves as cells, drawn anew only when a dot changed.

A cell of braille has 2 × 4 dots. Curves are rounded to dots before they are drawn: the same dots are the same picture,
and of the new points of a second many change none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.widgets.canvas import Row

Points = tuple[Any, Any]
"""x and y: [N] each, x increasing."""
Limits = tuple[float, float]


class Picture:
    """Curves over each other, the last one on top."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.num_drawn = 0
        """How often plotext drew."""
        self._drawn_from: object = None

    def show(self, width: int, height: int, curves: Sequence[Points], x_limits: Limits, y_limits: Limits) -> list[Row]:
        """The curves on `width` × `height` cells whose edges are `x_limits` and `y_limits`."""
        size = (2 * width, 4 * height)
        dots = [to_dots(x, y, size, x_limits, y_limits) for x, y in curves]
        if (size, dots) != self._drawn_from:
            # plotext is a quarter of a second to import: only once there is something to draw.
            from tui.widgets.canvas import Stroke, draw

            strokes = [Stroke([x + 0.5 for x, _ in each], [y + 0.5 for _, y in each]) for each in dots]
            self.rows = draw(width, height, strokes, (0, size[0]), (0, size[1]))
            self._drawn_from = (size, dots)
            self.num_drawn += 1
        return self.rows


def to_dots(x: Any, y: Any, size: tuple[int, int], x_limits: Limits, y_limits: Limits) -> list[tuple[int, int]]:
    """Column and row of each point's dot, row 0 at the bottom; points that follow each other on one dot are one."""
    (left, right), (low, high) = x_limits, y_limits
    columns = ((x - left) * (size[0] / (right - left))).astype("i8").clip(0, size[0] - 1).tolist()
    rows = ((y - low) * (size[1] / (high - low))).astype("i8").clip(0, size[1] - 1).tolist()
    dots = list(zip(columns, rows, strict=True))
    return dots[:1] + [dot for before, dot in pairwise(dots) if dot != before]
