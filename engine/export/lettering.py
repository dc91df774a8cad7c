"""The letters of a picture: which font has them, how wide they are, and what stands for one that no font has.

Pillow's own font is the same on every machine but has little beyond ASCII. A text with other letters is in a font of
the system's: in one that has all of it, else each letter in the first that has it. A letter that none has becomes what
it is like (`é` → `e`, `×` → `x`), or `?`; nothing is drawn as a box.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from PIL import ImageFont

SYSTEM_FONTS = (
    # Latin, Greek, Cyrillic and signs, the plainest first: on Linux, macOS, Windows.
    *("NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "DejaVuSans.ttf"),
    *("Helvetica.ttc", "Arial.ttf", "arial.ttf", "segoeui.ttf", "Arial Unicode.ttf"),
    # Chinese, Japanese, Korean.
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "DroidSansFallbackFull.ttf", "wqy-zenhei.ttc"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "msyh.ttc", "YuGothR.ttc", "malgun.ttf"),
    # More signs.
    *("NotoSansSymbols2-Regular.ttf", "NotoSansMath-Regular.ttf", "Apple Symbols.ttf", "seguisym.ttf"),
)
LIKENESSES = {
    **{
        "×": "x",
        "÷": "/",
        "·": ".",
        "–": "-",
        "—": "-",
        "−": "-",
        "→": "->",
        "←": "<-",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
    },
    **{"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"},
    **{"đ": "d", "Đ": "D", "ı": "i", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "µ": "u", "μ": "u"},
}
"""Of letters that don't come apart into one of ASCII and its accents."""
MEASURED_SIZE = 120.0
OWN = ""
"""Stands for Pillow's own font."""
NOBODYS = "\uffff"
"""A letter that no font has: it is drawn as all that a font lacks."""
IGNORED = ("Cc", "Cf", "Co", "Cs")
"""Unicode's categories of what is no letter and takes no room."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one font."""

    text: str
    font: str
    """For `font_of`."""


@cache
def font_of(name: str, size: float) -> ImageFont.FreeTypeFont:
    """A font by its name in a size in pixels. Raises OSError if the system has none of that name."""
    return _find(name).font_variant(size=size)


@cache
def _find(name: str) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(24.0) if name == OWN else ImageFont.truetype(name, 24.0)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("this Pillow was built without FreeType")
    return font


@cache
def pieces(text: str) -> tuple[Piece, ...]:
    """A line of text as it can be drawn."""
    letters = list(_letters(text))
    for name in _fonts():
        if all(_has(name, letter) for letter in letters):
            return (Piece("".join(letters), name),)
    groups = groupby(map(_spell, letters), key=lambda pair: pair[1])
    return tuple(Piece("".join(letter for letter, _ in pairs), name) for name, pairs in groups)


def text_width(text: str, size: float) -> float:
    """Of a line of text, in pixels; measured large, for at small sizes each letter's width is rounded."""
    width = sum(font_of(piece.font, MEASURED_SIZE).getlength(piece.text) for piece in pieces(text))
    return width * size / MEASURED_SIZE


def fit_text(text: str, size: float, width: float) -> str:
    """`text`, its end replaced by `…` where it is wider than `width`."""
    if text_width(text, size) <= width:
        return text
    kept = text
    while kept and text_width(kept + "…", size) > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _letters(text: str) -> Iterator[str]:
    """Each letter with the accents that stand over it; blanks as blanks."""
    letter = ""
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            character = " "  # noqa: PLW2901  of whatever width it was
        category = unicodedata.category(character)
        if category in IGNORED or "\ufe00" <= character <= "\ufe0f":
            continue
        if letter and not category.startswith("M"):
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def _spell(letter: str) -> tuple[str, str]:
    """A letter and the first font that has it, or what it is like in Pillow's own."""
    for name in _fonts():
        if _has(name, letter):
            return letter, name
    parts = (LIKENESSES.get(part, part) for part in unicodedata.normalize("NFKD", LIKENESSES.get(letter, letter)))
    return "".join(part for part in parts if part.isascii()) or "?", OWN


def _fonts() -> Iterator[str]:
    """Names of the fonts there are; each is looked for when those before it weren't enough."""
    yield OWN
    for name in SYSTEM_FONTS:
        if _is_there(name):
            yield name


@cache
def _is_there(name: str) -> bool:
    try:
        _find(name)
    except OSError:
        return False
    return True


@cache
def _has(name: str, letter: str) -> bool:
    if letter.isascii():
        return True
    font = _find(name)
    return all(shape(font, character) != shape(font, NOBODYS) for character in letter)


def shape(font: Any, letter: str) -> bytes:
    """How a font draws a letter."""
    return bytes(font.getmask(letter))  # Pillow's types don't say so
