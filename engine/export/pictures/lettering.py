"""The letters of a picture: which fonts have them, how wide a line is, and what stands for a letter that no font has.

DejaVu Sans, which matplotlib brings, is the same on every machine and has Latin, Greek, Cyrillic, Arabic and signs. A
letter that it lacks is drawn in the first of the system's fonts that has it. One that none has becomes what it is like
(`Ａ` → `A`), or `?`; nothing is drawn as a box.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import text_to_path

from lazytrain.presets.plain_text import invisible

OWN = "DejaVu Sans"
LIKED = (
    *("Noto Sans", "Helvetica", "Arial", "Segoe UI", "Arial Unicode MS"),
    # Chinese, Japanese, Korean: one of these has most of all three.
    *("Noto Sans CJK SC", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Zen Hei"),
    *("Droid Sans Fallback", "Yu Gothic", "Apple SD Gothic Neo", "Malgun Gothic"),
    *("STIXGeneral", "Noto Sans Symbols 2", "Noto Sans Math", "Apple Symbols", "Segoe UI Symbol"),
)
"""Of fonts that have a letter the first is taken; those that aren't named here come last."""
MEASURED_SIZE = 100.0


def readable(text: str) -> str:
    """A line of text without what no picture may hold: blanks are blanks, and control characters go."""
    blanks = "".join(" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", text))
    blanks = invisible(blanks)
    return "".join(
        letter for letter in blanks if unicodedata.category(letter) not in ("Cc", "Cs") and letter not in "\ufffe\uffff"
    )


def drawable(text: str) -> str:
    """A line of text in letters that some font has; one that begins in Arabic goes on at its right in English."""
    text = "".join(map(_spell, readable(text)))
    return "\u200e" + text if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text) else text


def families(text: str) -> list[str]:
    """Names of the fonts that a drawable line needs, in the order in which a letter is looked for in them."""
    needed = (_family(letter) for letter in text)
    return list(dict.fromkeys((OWN, *(name for name in needed if name is not None))))


def text_width(text: str, size: float) -> float:
    """Of a line of text as it is drawn, in pixels of which `size` make the height of its font."""
    text = drawable(text)
    font = FontProperties(family=families(text), size=MEASURED_SIZE)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) * size / MEASURED_SIZE


def fit_text(text: str, size: float, width: float) -> str:
    """`text`, its end replaced by `…` where it is wider than `width`."""
    if text_width(text, size) <= width:
        return text
    kept = bisect_right(range(len(text)), width, key=lambda length: text_width(text[:length] + "…", size)) - 1
    return text[: max(0, kept)].rstrip() + "…"


@cache
def _spell(letter: str) -> str:
    """A letter, or what it is like."""
    category = unicodedata.category(letter)
    if category in ("Cf", "Co") or "\ufe00" <= letter <= "\ufe0f":
        return ""
    if _family(letter) is not None:
        return letter
    if category.startswith("M"):
        return ""  # an accent that no font can put over its letter
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if part.isascii()) or "?"


@cache
def _family(letter: str) -> str | None:
    """The first font that has a letter."""
    return next((name for name in (OWN, *_system_fonts()) if _has(name, letter)), None)


def _system_fonts() -> Iterator[str]:
    """Names of the upright fonts there are, the liked ones first."""
    own = Path(matplotlib.get_data_path())
    names = {font.name for font in fontManager.ttflist if not Path(font.fname).is_relative_to(own)} | {"STIXGeneral"}
    yield from (name for name in LIKED if name in names)
    rest = sorted(names.difference(LIKED), key=lambda name: ("Serif" in name or "Mono" in name, name))
    yield from (name for name in rest if "last resort" not in name.lower())  # it has every letter, as a box


@cache
def _has(name: str, letter: str) -> bool:
    """Whether a font draws a letter: some say that they have one, and draw nothing."""
    try:
        font = get_font(findfont(FontProperties(family=name), fallback_to_default=False))
        if not font.get_char_index(ord(letter)):
            return False
        font.set_size(MEASURED_SIZE, 72)
        left, bottom, right, top = font.load_char(ord(letter)).bbox
    except (OSError, RuntimeError, ValueError):  # damaged, gone, or of a kind that FreeType doesn't draw
        return False
    return letter.isspace() or (right > left and top > bottom)
