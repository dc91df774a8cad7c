"""A terminal screen as a picture: each cell's character, colours and weight, drawn by Pillow.

Braille is drawn as dots, since fonts of fixed width lack it; everything else is DejaVu Sans Mono, which matplotlib
brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual.strip import Strip

FONT_PIXELS = 15
CELL = (9, 18)
"""Width and height of a cell, in pixels."""
MARGIN = 8
GROUND, INK, CAPTION = ColorTriplet(18, 18, 18), ColorTriplet(224, 224, 224), ColorTriplet(255, 255, 255)
CAPTION_GROUND = ColorTriplet(0, 69, 120)
BRAILLE = range(0x2800, 0x2900)
# Bit → (column, row) of a dot.
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def paint(strips: Sequence[Strip], size: tuple[int, int], caption: str) -> Image.Image:
    """Strips of a screen of `size` (columns, lines), with a caption beneath, as an RGB picture."""
    columns, lines = size
    width, height = columns * CELL[0] + 2 * MARGIN, (lines + 2) * CELL[1] + MARGIN
    picture = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(picture)
    for line, strip in enumerate(strips):
        column = 0
        for segment in strip:
            ink, ground = _colours(segment.style)
            bold = bool(segment.style and segment.style.bold)
            for character in segment.text:
                _paint_cell(draw, (column, line), character, ink, ground, bold=bold)
                column += cell_len(character)
    top = height - 2 * CELL[1] + 4
    draw.rectangle((0, top, width, height), fill=CAPTION_GROUND)
    draw.text((MARGIN + CELL[0], top + 6), caption, fill=CAPTION, font=_font(bold=True))
    return picture


def _paint_cell(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    character: str,
    ink: ColorTriplet,
    ground: ColorTriplet,
    *,
    bold: bool,
) -> None:
    left, top = MARGIN + place[0] * CELL[0], MARGIN + place[1] * CELL[1]
    if ground != GROUND:
        draw.rectangle((left, top, left + CELL[0] * cell_len(character) - 1, top + CELL[1] - 1), fill=ground)
    if ord(character) in BRAILLE:
        for bit, (column, row) in enumerate(DOTS):
            if (ord(character) - BRAILLE.start) >> bit & 1:
                x, y = left + 1 + column * 4, top + 2 + row * 4
                draw.rectangle((x, y, x + 2, y + 2), fill=ink)
    elif not character.isspace():
        draw.text((left, top), character, fill=ink, font=_font(bold=bold))


def _colours(style: Style | None) -> tuple[ColorTriplet, ColorTriplet]:
    """Ink and ground."""
    if style is None:
        return INK, GROUND
    ink, ground = _triplet(style.color, INK), _triplet(style.bgcolor, GROUND)
    if style.reverse:
        ink, ground = ground, ink
    if style.dim:
        ink = blend_rgb(ink, ground, 0.5)
    return ink, ground


def _triplet(colour: Color | None, otherwise: ColorTriplet) -> ColorTriplet:
    return otherwise if colour is None or colour.is_default else colour.get_truecolor()


@cache
def _font(*, bold: bool) -> ImageFont.FreeTypeFont:
    import matplotlib as mpl

    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, FONT_PIXELS)
