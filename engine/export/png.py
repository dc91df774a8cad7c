"""A scene as PNG, by Pillow: shapes are drawn larger and scaled down, which smooths them; text at its own size.

Which font has which letter: `engine.export.lettering`.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageColor, ImageDraw

from lazytrain.engine.export.lettering import font_of, pieces
from lazytrain.engine.export.scene import Anchor, Circle, Line, Point, Polygon, Scene, Text, dashes

SCALE = 2
"""Pixels of the picture a CSS pixel: sharp in print, and on displays of twice the density."""
SMOOTHING = 3
"""Shapes are drawn so many times larger."""
BEFORE: dict[Anchor, float] = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Share of a text that lies left of its place."""


def render_png(scene: Scene) -> bytes:
    """The picture as a PNG file, `SCALE` × the scene's size, with its resolution noted in it."""
    size = (round(scene.width * SCALE), round(scene.height * SCALE))
    shapes = Image.new("RGB", (size[0] * SMOOTHING, size[1] * SMOOTHING), scene.background)
    for item in scene.items:
        if not isinstance(item, Text):
            _draw(shapes, item, SCALE * SMOOTHING)
    picture = shapes.resize(size, Image.Resampling.BOX)
    draw = ImageDraw.Draw(picture)
    for item in scene.items:
        if isinstance(item, Text):
            _write(draw, item, scene.background)
    file = BytesIO()
    picture.save(file, "PNG", optimize=True, dpi=(96 * SCALE, 96 * SCALE))
    return file.getvalue()


def _draw(picture: Image.Image, item: Line | Polygon | Circle, scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    match item:
        case Line():
            for part in dashes(item.points, item.dash) if item.dash else [list(item.points)]:
                _stroke(draw, _scaled(part, scale), item.colour, item.width * scale, rounded=item.dash is None)
        case Polygon(opacity=opacity) if opacity < 1:
            mask = Image.new("L", picture.size)
            ImageDraw.Draw(mask).polygon(_scaled(item.points, scale), fill=round(255 * opacity))
            picture.paste(ImageColor.getrgb(item.fill), (0, 0), mask)
        case Polygon():
            draw.polygon(_scaled(item.points, scale), fill=item.fill, outline=item.edge, width=round(scale))
        case Circle():
            x, y = item.centre[0] * scale, item.centre[1] * scale
            # Pillow draws an edge inwards, SVG half in and half out.
            radius = (item.radius + (item.width / 2 if item.edge else 0)) * scale
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=item.fill, outline=item.edge, width=round(item.width * scale) if item.edge else 0)


def _stroke(draw: ImageDraw.ImageDraw, points: list[Point], colour: str, width: float, *, rounded: bool) -> None:
    if len(points) == 1:
        rounded = True
    draw.line(points, fill=colour, width=max(1, round(width)), joint="curve")
    if rounded:
        radius = width / 2
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _write(draw: ImageDraw.ImageDraw, item: Text, background: str) -> None:
    parts = [(piece.text, font_of(piece.font, item.size * SCALE)) for piece in pieces(item.text)]
    x = item.at[0] * SCALE - BEFORE[item.anchor] * sum(font.getlength(text) for text, font in parts)
    for text, font in parts:
        draw.text(
            (x, item.at[1] * SCALE),
            text,
            font=font,
            fill=item.colour,
            anchor="ls",
            stroke_width=round(1.5 * SCALE) if item.halo else 0,
            stroke_fill=background if item.halo else None,
        )
        x += font.getlength(text)


def _scaled(points: Sequence[Point], scale: float) -> list[Point]:
    return [(x * scale, y * scale) for x, y in points]
