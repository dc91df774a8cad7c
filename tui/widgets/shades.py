"""Shades of a colour that grow, in whatever colours the terminal has."""

from __future__ import annotations

from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet

SWEEP = 64
"""Shades that are tried where the terminal rounds them to colours of its own."""


def shades(
    background: ColorTriplet, colour: ColorTriplet, strongest: float, count: int, system: ColorSystem
) -> list[Color]:
    """At most `count` shades from `background` towards `colour`, each stronger than the one before as it is shown.

    A terminal with 256 or 16 colours takes the nearest it has, and of two shades the stronger may get the duller one:
    only those are given that differ more from the background, and are no paler, than all before.
    """
    if system is ColorSystem.TRUECOLOR:
        return [
            Color.from_triplet(_blend(background, colour, strongest * step / count)) for step in range(1, count + 1)
        ]
    base = _shown(background, system)[1]
    direction = 1 if _luminance(colour) > _luminance(background) else -1
    found: list[Color] = []
    contrast = chroma = 0.0
    for step in range(1, SWEEP + 1):
        shown, triplet = _shown(_blend(background, colour, strongest * step / SWEEP), system)
        now = direction * (_luminance(triplet) - _luminance(base))
        if now > contrast and max(triplet) - min(triplet) >= chroma:
            contrast, chroma = now, max(triplet) - min(triplet)
            found.append(shown)
    # As many as asked for at most, the strongest among them.
    return (
        [found[round((place + 1) * len(found) / count) - 1] for place in range(count)] if len(found) > count else found
    )


def _blend(background: ColorTriplet, colour: ColorTriplet, share: float) -> ColorTriplet:
    return ColorTriplet(*(round(low + (high - low) * share) for low, high in zip(background, colour, strict=True)))


def _shown(triplet: ColorTriplet, system: ColorSystem) -> tuple[Color, ColorTriplet]:
    """What a terminal makes of a colour, and how that looks."""
    shown = Color.from_triplet(triplet).downgrade(system)
    return shown, shown.get_truecolor()


def _luminance(triplet: ColorTriplet) -> float:
    red, green, blue = triplet
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
