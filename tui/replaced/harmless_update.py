"""The last place before a terminal: what no cell can hold, and a terminal would obey, is taken out of an update."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.segment import Segment
from textual.strip import Strip

from lazytrain.presets.plain_text import invisible

_Update = TypeVar("_Update")


def harmless_update(update: _Update) -> _Update:
    """`update`, whose strips hold letters alone: a name from an old store, or an error's text, moves no cursor.

    Textual takes out five control characters of those there are. A name as it is shown elsewhere has them written out;
    here every cell has its place already. What Textual isn't built on any more passes as it is.
    """
    if isinstance(lines := getattr(update, "strips", None), list):
        lines[:] = [_clean_line(line) for line in lines]
    if isinstance(chops := getattr(update, "chops", None), list):
        for line in chops:
            for place, strip in line.items():
                if strip is not None:
                    line[place] = _clean(strip)
    return update


def _clean_line(line: Strip | Iterable[Strip]) -> Strip | list[Strip]:
    return _clean(line) if isinstance(line, Strip) else [_clean(strip) for strip in line]


def _clean(strip: Strip) -> Strip:
    if all(control or text.isprintable() for text, _, control in strip):
        return strip
    return Strip(
        [each if each.control else Segment(invisible(each.text), each.style) for each in strip], strip.cell_length
    )
