"""Names of classes in the heads of narrow columns."""

from __future__ import annotations


def head_names(classes: tuple[str, ...], width: int) -> list[str]:
    """Class names in `width` cells; their numbers instead, where two would look the same."""
    short = [name[:width] for name in classes]
    return short if len(set(short)) == len(short) else [str(number + 1)[-width:] for number in range(len(classes))]


def row_name(classes: tuple[str, ...], row: int, width: int) -> str:
    """A class's name, with its number where the columns have numbers."""
    numbered = head_names(classes, width)[row] != classes[row][:width]
    return f"{row + 1} {classes[row]}" if numbered else classes[row]
