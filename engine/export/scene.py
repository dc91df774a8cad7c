"""A picture as a list of shapes, which two renderers draw alike: `engine.export.svg` and `engine.export.png`.

Units are CSS pixels from the top left corner, y downwards. Colours are `#rrggbb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, hypot
from typing import Literal

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A polyline with round joins."""

    points: Sequence[Point]
    colour: str
    width: float = 1.5
    dash: tuple[float, float] | None = None
    """Length of a dash and of the gap after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """A filled shape; its edge has a colour of its own where `edge` is given."""

    points: Sequence[Point]
    fill: str
    opacity: float = 1.0
    edge: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Filled with `fill`, or a ring where that is None."""

    centre: Point
    radius: float
    fill: str | None
    edge: str | None = None
    width: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of text, its baseline at `at`; `halo` sets it off from what lies beneath."""

    at: Point
    text: str
    size: float = 12.0
    colour: str = "#222222"
    anchor: Anchor = "start"
    halo: bool = False


Item = Line | Polygon | Circle | Text


@dataclass(slots=True)
class Scene:
    """A picture of `width` × `height`; items are drawn in their order."""

    width: float
    height: float
    title: str
    """For whoever can't see it."""
    background: str = "#ffffff"
    items: list[Item] = field(default_factory=list)

    def add(self, *items: Item) -> None:
        self.items.extend(items)


def dashes(points: Sequence[Point], dash: tuple[float, float]) -> list[list[Point]]:
    """A polyline cut into dashes, as SVG's `stroke-dasharray` does."""
    found: list[list[Point]] = []
    left, drawn = dash[0], True
    current: list[Point] = [points[0]] if points else []
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            place = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if drawn:
                found.append([*current, place])
            current, drawn = [place], not drawn
            left = dash[0] if drawn else dash[1]
        left -= length - done
        current.append((x1, y1))
    if drawn and len(current) > 1:
        found.append(current)
    return found


def tinted(colour: str, strength: float) -> str:
    """`colour` mixed with white: 1 is the colour, 0 is white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{ceil(255 - (255 - part) * strength - 0.5):02x}" for part in parts)
