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


def row_names(classes: tuple[str, ...], width: int) -> list[str]:
    """The classes' names, with their numbers where the columns have numbers."""
    heads = head_names(classes, width)
    return [
        name if head == cut(name, width) else f"{row + 1} {name}"
        for row, (head, name) in enumerate(zip(heads, classes, strict=True))
    ]
