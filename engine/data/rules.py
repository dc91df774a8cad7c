"""By which rules images are found in a folder and made RGB: a run keeps those that it was begun with."""

from __future__ import annotations

from enum import IntEnum


class Rules(IntEnum):
    """Counted up where the same files give other images; pictures that were right stay as they are, bit for bit."""

    FIRST = 1
    """Files with eight endings, straight in a class's folder; turned by no EXIF; grey of 16 bits taken for the whole
    range."""
    UPRIGHT = 2
    """All that Pillow reads, in folders below a class's as well; upright as their EXIF says; grey of many bits by the
    range that the set uses."""


NEWEST = Rules.UPRIGHT

USUAL_BITS = (16, 8)
"""Of grey images of integers, and of floating-point numbers, that have more than a byte a pixel."""
