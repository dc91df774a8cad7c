"""Which part of the x axis charts show: looking closer, moving along, and going on with a run that grows."""

from __future__ import annotations

from dataclasses import replace

from lazytrain.tui.charts.data import ChartView

FACTOR = 2.0
"""How much closer one key looks."""
CLOSEST = 2.0**-14
"""The smallest part of the x axis that is shown."""
ROOM = 0.25
"""A newest point in this last part of the window is followed; the window then moves on by as much at once, so that
the axis rarely changes."""


def zoom(
    view: ChartView, factor: float, x_end: float, newest: float, anchor: float | None = None, *, room: float = ROOM
) -> ChartView:
    """Show `factor` of what is shown, around `anchor`, which stays where it is on the screen.

    Args:
        factor: below 1 to look closer, above 1 for more.
        x_end: of the whole axis.
        newest: where the newest point lies.
        anchor: by default the newest point, or the right edge where that is farther left.
        room: share of the window left after the newest point where that is the anchor.
    """
    left, right = view.window or (0.0, x_end)
    width = max((right - left) * factor, x_end * CLOSEST)
    if width >= x_end * (1 - 1e-6):
        return reset(view)
    if anchor is None and left <= newest <= right:
        return _at(view, newest - width * (1 - min(room, (right - newest) / (right - left))), width, x_end, newest)
    anchor = right if anchor is None else anchor
    return _at(view, anchor - (anchor - left) / (right - left) * width, width, x_end, newest)


def pan(view: ChartView, share: float, x_end: float, newest: float) -> ChartView:
    """Move by a share of the window, to the right if it is above 0, as far as the axis goes."""
    if view.window is None:
        return view
    left, right = view.window
    return _at(view, left + share * (right - left), right - left, x_end, newest)


def followed(view: ChartView, x_end: float, newest: float) -> ChartView:
    """The view once the newest point is elsewhere: the same, unless it follows that and would lose it."""
    if view.window is None or not view.follow or newest <= view.window[1]:
        return view
    left, right = view.window
    width = right - left
    return replace(_at(view, newest - (1 - ROOM) * width, width, x_end, newest), follow=True)


def reset(view: ChartView) -> ChartView:
    """The whole axis."""
    return replace(view, window=None, follow=False)


def _at(view: ChartView, left: float, width: float, x_end: float, newest: float) -> ChartView:
    left = max(0.0, min(left, max(x_end, newest) - width))
    right = left + width
    return replace(view, window=(left, right), follow=right - ROOM * width <= newest <= right)
