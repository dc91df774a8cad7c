"""Shades of the confusion table: a larger count never looks like less."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet

from lazytrain.tui.widgets.shades import shades

COLOURS = {
    "dark right": ((15, 18, 22), (86, 180, 233)),
    "dark wrong": ((15, 18, 22), (230, 159, 0)),
    "light right": ((250, 250, 247), (0, 114, 178)),
    "light wrong": ((250, 250, 247), (179, 92, 0)),
}


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
@pytest.mark.parametrize("name", COLOURS)
def test_shades_grow_in_every_depth_of_colour(name: str, system: ColorSystem) -> None:
    background, colour = (ColorTriplet(*each) for each in COLOURS[name])
    found = shades(background, colour, 0.5, 8, system)
    shown = Color.from_triplet(background).downgrade(system).get_truecolor()
    triplets = [shown, *(each.downgrade(system).get_truecolor() for each in found)]
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in triplets]
    assert light == sorted(light, reverse=name.startswith("light"))
    assert len(set(light[1:])) == len(found)
    chroma = [max(triplet) - min(triplet) for triplet in triplets[1:]]
    assert chroma == sorted(chroma), "none is duller than one before"
    assert len(found) >= {ColorSystem.TRUECOLOR: 8, ColorSystem.EIGHT_BIT: 3}.get(system, 0)
