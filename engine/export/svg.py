"""A scene as SVG, written by hand: a few elements, numbers to a hundredth of a pixel, text as text."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from lazytrain.engine.export.scene import Circle, Item, Line, Point, Polygon, Scene, Text

FONTS = "Aileron, 'Helvetica Neue', Helvetica, Arial, sans-serif"


def render_svg(scene: Scene) -> str:
    """A standalone SVG document."""
    width, height = _number(scene.width), _number(scene.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family={quoteattr(FONTS)}>',
        f"<title>{escape(scene.title)}</title>",
        f'<rect width="100%" height="100%" fill="{scene.background}"/>',
        *(_element(item, scene.background) for item in scene.items),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _element(item: Item, background: str) -> str:
    match item:
        case Line():
            dash = f' stroke-dasharray="{_number(item.dash[0])} {_number(item.dash[1])}"' if item.dash else ""
            cap = "butt" if item.dash else "round"
            return (
                f'<polyline points="{_points(item.points)}" fill="none" stroke="{item.colour}" '
                f'stroke-width="{_number(item.width)}" stroke-linejoin="round" stroke-linecap="{cap}"{dash}/>'
            )
        case Polygon():
            opacity = f' fill-opacity="{_number(item.opacity)}"' if item.opacity < 1 else ""
            edge = f' stroke="{item.edge}"' if item.edge else ""
            return f'<polygon points="{_points(item.points)}" fill="{item.fill}"{opacity}{edge}/>'
        case Circle():
            edge = f' stroke="{item.edge}" stroke-width="{_number(item.width)}"' if item.edge else ""
            x, y = map(_number, item.centre)
            return f'<circle cx="{x}" cy="{y}" r="{_number(item.radius)}" fill="{item.fill or "none"}"{edge}/>'
        case Text():
            halo = f' stroke="{background}" stroke-width="3" paint-order="stroke"' if item.halo else ""
            x, y = map(_number, item.at)
            return (
                f'<text x="{x}" y="{y}" font-size="{_number(item.size)}" fill="{item.colour}" '
                f'text-anchor="{item.anchor}"{halo}>{escape(item.text)}</text>'
            )


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
