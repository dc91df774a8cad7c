"""Images in a terminal: a `▀` a cell, whose foreground is the upper pixel and whose background the lower one.

Half a cell is about square. Two colours a cell are plain text: it works over SSH, in tmux, and wherever there are
24-bit or 256 colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from lazytrain.engine.analysis.findings import Mistake, Raster
from lazytrain.tui.words.text import format_fraction

UPPER_HALF = "▀"


@dataclass(frozen=True, slots=True)
class Tile:
    """An image, and a line or more beneath it: text in a place at the left, and one at the right."""

    image: Raster
    captions: tuple[tuple[str, str], ...] = ()


def mistake_tile(mistake: Mistake, classes: tuple[str, ...]) -> Tile:
    """What it is, and beneath it what it was taken for and how sure."""
    taken = (f"→ {classes[mistake.predicted]}", format_fraction(mistake.confidence))
    return Tile(mistake.image, ((classes[mistake.true], ""), taken))


def fit_size(image: Raster, pixels: int) -> tuple[int, int]:
    """Width and height at which `image` is drawn so that neither is above `pixels`.

    A smaller one is enlarged by a whole factor, so that its pixels stay squares of one size.
    """
    longest = max(image.width, image.height)
    if longest <= pixels:
        factor = pixels // longest
        return image.width * factor, image.height * factor
    return max(1, round(image.width * pixels / longest)), max(1, round(image.height * pixels / longest))


def resize(image: Raster, width: int, height: int) -> Raster:
    """The mean of the pixels that fall on each new one; where it is enlarged, the nearest."""
    if (width, height) == (image.width, image.height):
        return image
    columns = [_span(x, width, image.width) for x in range(width)]
    rgb = bytearray()
    for y in range(height):
        top, bottom = _span(y, height, image.height)
        for left, right in columns:
            count = (bottom - top) * (right - left)
            starts = [3 * (row * image.width + left) for row in range(top, bottom)]
            for channel in range(3):
                total = sum(sum(image.rgb[start + channel : start + 3 * (right - left) : 3]) for start in starts)
                rgb.append((total + count // 2) // count)
    return Raster(width, height, bytes(rgb))


def _span(index: int, size: int, of: int) -> tuple[int, int]:
    """The source pixels that pixel `index` of `size` covers, of `of` in all: at least one."""
    start = index * of // size
    return start, max(start + 1, (index + 1) * of // size)


@lru_cache(maxsize=4096)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int] | None) -> Style:
    background = None if lower is None else Color.from_rgb(*lower)
    return Style(color=Color.from_rgb(*upper), bgcolor=background)


def half_block_lines(image: Raster) -> list[list[Segment]]:
    """One line for every two rows of pixels; the last of an odd number has nothing beneath it."""
    rows = [_pixels(image, y) for y in range(image.height)]
    lines: list[list[Segment]] = []
    for y in range(0, image.height, 2):
        lower: Sequence[tuple[int, int, int] | None] = rows[y + 1] if y + 1 < image.height else [None] * image.width
        lines.append([Segment(UPPER_HALF, _style(*pair)) for pair in zip(rows[y], lower, strict=True)])
    return lines


def _pixels(image: Raster, y: int) -> list[tuple[int, int, int]]:
    row = image.rgb[3 * y * image.width : 3 * (y + 1) * image.width]
    return list(zip(row[0::3], row[1::3], row[2::3], strict=True))
