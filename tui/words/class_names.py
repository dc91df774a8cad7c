"""Names of classes in the heads of narrow columns."""

from __future__ import annotations

from collections.abc import Sequence

from lazytrain.tui.words.text import cut


def head_names(classes: tuple[str, ...], width: int) -> list[str]:
    """Class names in `width` cells; their numbers instead, where two would look the same."""
    short = [cut(name, width) for name in classes]
    return short if len(set(short)) == len(short) else [str(number + 1)[-width:] for number in range(len(classes))]


def longer_head_names(classes: tuple[str, ...], width: int, widths: Sequence[int]) -> list[str]:
    """`head_names` of `width` cells, and names as long as their own columns of `widths` let them be."""
    heads = head_names(classes, width)
    named = heads == [cut(name, width) for name in classes]
    return [cut(name, cells) for name, cells in zip(classes, widths, strict=True)] if named else heads


def row_name(classes: tuple[str, ...], row: int, width: int) -> str:
    """A class's name, with its number where the columns have numbers."""
    numbered = head_names(classes, width)[row] != cut(classes[row], width)
    return f"{row + 1} {classes[row]}" if numbered else classes[row]
