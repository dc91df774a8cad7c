"""One image of any kind → uint8 RGB, [3, size, size]. What is said here, an exported `load.py` does as well."""

from __future__ import annotations

import math
import os
import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lazytrain.engine.data.aside import open_regular
from lazytrain.engine.data.rules import NEWEST, USUAL_BITS, Rules

_EXIF = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
"""Where Pillow keeps what may say how an image is turned."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_INTEGER_BITS = (8, 10, 12, 14, 16, 24, 32)
_FLOAT_BITS = (0, 8, 10, 12, 14, 16, 24, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How many bits a set uses of its grey images of more than 8."""

    integers: int = USUAL_BITS[0]
    floats: int = USUAL_BITS[1]
    """Of images of floating-point numbers; 0 where they go up to 1."""


USUAL_DEPTH = Depth()


class Seen:
    """What was met while a set's images were decoded, by several threads."""

    def __init__(self) -> None:
        self.otherwise = False
        """Whether one isn't what it was by the first rules: its EXIF says that it is turned, or its palette that some
        of it is clear."""
        self._largest: dict[str, float] = {}
        """Of integers (`I`) and of floats (`F`)."""
        self._lock = threading.Lock()

    def see(self, kind: str, largest: float) -> None:
        """An image of `kind` has a pixel of that value."""
        with self._lock:
            self._largest[kind] = max(largest, self._largest.get(kind, 0.0))

    def fitting(self) -> Depth:
        """The smallest depth that holds all that was met."""
        integers, floats = self._largest.get("I"), self._largest.get("F")
        usual = USUAL_DEPTH
        return Depth(
            integers=usual.integers if integers is None else _fit(integers, _INTEGER_BITS),
            floats=usual.floats if floats is None else _fit(floats, _FLOAT_BITS),
        )


def _fit(largest: float, bits: tuple[int, ...]) -> int:
    return next((each for each in bits if largest <= (1 if each == 0 else 2**each - 1)), bits[-1])


@dataclass(frozen=True, slots=True)
class Way:
    """How images are made RGB."""

    size: int
    """Height and width they are squeezed to."""
    rules: Rules = NEWEST
    depth: Depth = USUAL_DEPTH
    seen: Seen = field(default_factory=Seen, compare=False)

    @property
    def fulfilled(self) -> tuple[Rules, ...]:
        """All rules by which the images that were decoded are what they are now."""
        alike = not self.seen.otherwise and self.depth == USUAL_DEPTH == self.seen.fitting()
        return tuple(Rules) if alike else (self.rules,)


def read_file(path: str | os.PathLike[str], way: Way) -> NDArray[np.uint8]:
    """The image in a file: uint8 [3, size, size]."""
    with open_regular(path) as file, Image.open(file) as image:
        # A large JPEG is decoded at a fraction of its size, twice what is needed or more: many times faster.
        image.draft("RGB", (2 * way.size, 2 * way.size))
        return to_array(image, way)


def to_array(image: Image.Image, way: Way) -> NDArray[np.uint8]:
    """Any image as RGB, upright and squeezed to `size` × `size`: uint8 [3, size, size]."""
    image.load()  # TIFF's are turned by Pillow here, and PNG's may say at their end that they are
    turn = None if way.rules is Rules.FIRST else _TURNS.get(_orientation(image))
    pixels = _to_rgb(image, way)
    if turn is not None:
        way.seen.otherwise = True
        pixels = pixels.transpose(turn)
    if pixels.size != (way.size, way.size):
        pixels = pixels.resize((way.size, way.size), Image.Resampling.BILINEAR)
    return np.asarray(pixels).transpose(2, 0, 1)


def is_the_same_by_first_rules(path: str | os.PathLike[str]) -> bool:
    """Whether the first rules make the same of the image in a file, as far as can be told without decoding it."""
    with open_regular(path) as file, Image.open(file) as image:
        if image.mode.startswith(("I", "F")) or _is_clear(image) != _is_clear_by_first_rules(image):
            return False
        if image.format == "PNG":
            # Pillow would decode it all, since the chunk may come last.
            file.seek(0)
            content = file.read()
            return not any(mark in content for mark in (b"eXIf", b"tiff:Orientation", b"Raw profile type exif"))
        return _orientation(image) not in _TURNS


def _orientation(image: Image.Image) -> int:
    """1 (upright) to 8, as EXIF counts; 1 where nothing is said that can be understood."""
    if not any(place in image.info for place in _EXIF):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # damaged EXIF makes Pillow raise nearly anything, and the image is sound
        return 1
    return orientation if isinstance(orientation, int) else 1


def _to_rgb(image: Image.Image, way: Way) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16 bits a pixel or more, which PIL would clip at 255
        return _deep(image.convert("I"), way, "I", 2.0 ** (8 - way.depth.integers))
    if image.mode == "F":
        return _deep(image, way, "F", 2.0 ** (8 - way.depth.floats) if way.depth.floats else 255.0)
    is_clear = _is_clear_by_first_rules(image)
    if way.rules > Rules.FIRST and not is_clear and _is_clear(image):
        is_clear = way.seen.otherwise = True
    if is_clear:
        # Pillow makes RGBA of grey with its alpha multiplied in only by way of LA.
        clear = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        opaque = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        return Image.alpha_composite(opaque, clear).convert("RGB")
    return image.convert("RGB")


def _deep(image: Image.Image, way: Way, kind: str, scale: float) -> Image.Image:
    """Grey of more than 8 bits: what a depth's range is becomes 0 to 255."""
    largest = image.getextrema()[1]
    if isinstance(largest, int | float) and math.isfinite(largest):
        way.seen.see(kind, largest)
    scaled = image if scale == 1 else image.point(lambda value: value * scale)
    return scaled.convert("L").convert("RGB")


def _is_clear(image: Image.Image) -> bool:
    return image.has_transparency_data


def _is_clear_by_first_rules(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
