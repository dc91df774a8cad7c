"""Curves on a grid of character cells, drawn by plotext: strokes in, rows of cells out; `tail` goes on from there.

plotext's `figure` is global to the process: draw from the screen's own thread alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import plotext

from lazytrain.tui.replaced.cell_row import BLANK, CellRow

_ESCAPE = re.compile(r"\x1b\[(?:0|38;5;(\d+))m")


@dataclass(frozen=True, slots=True)
class Stroke:
    """One curve: points in order of x, joined by braille lines, or marked each by a character."""

    x: Sequence[float]
    y: Sequence[float]
    marker: str = "braille"
    joined: bool = True


def draw(
    width: int, height: int, strokes: Sequence[Stroke], x_limits: tuple[float, float], y_limits: tuple[float, float]
) -> list[CellRow]:
    """Draw strokes over each other, the last on top.

    The left edge of the first column is x_limits[0], the right edge of the last one x_limits[1]; y likewise.
    """
    # Without this a chart would be cut to what plotext believes is the terminal's size.
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    # Its settings are set anew below; clearing them too would cost as much as drawing a few dots.
    figure.clear.data()
    figure.plot_size(width, height)
    figure.axes(False)
    figure.canvas("default")
    for axis, limits in enumerate((x_limits, y_limits)):
        figure.ruler(axis, 0).lim(*limits).alignment(lim="edge").ticks([])
    for index, stroke in enumerate(strokes):
        if len(stroke.x):
            # A stroke's colour is its number: it says whose cell it is, and the widget gives it the theme's colour.
            signal = figure.signal(
                _inside(stroke.x, *x_limits), _inside(stroke.y, *y_limits), marker=plotext.marker(stroke.marker, index)
            )
            figure.draw(signal.lines() if stroke.joined else signal)
    return [_read_row(line, width) for line in figure.build().string().split("\n")[:height]]


def _inside(values: Sequence[float], low: float, high: float) -> list[float]:
    """`values` with those on the far limit moved inside: plotext leaves out what lies on it."""
    edge = high - (high - low) * 1e-9
    return [min(value, edge) for value in values]


def _read_row(line: str, width: int) -> CellRow:
    row, owner = CellRow(), BLANK
    # Split by the escapes: text and colour numbers (None for a reset) take turns.
    for index, part in enumerate(_ESCAPE.split(line)):
        if index % 2:
            owner = BLANK if part is None else int(part)
            continue
        row.characters.extend(part)
        if owner == BLANK or part.isspace():
            row.owners.extend([BLANK] * len(part))
        elif " " not in part:
            row.owners.extend([owner] * len(part))
        else:
            row.owners.extend(BLANK if character == " " else owner for character in part)
    missing = width - len(row.characters)
    row.characters.extend(" " * missing)
    row.owners.extend([BLANK] * missing)
    return row
