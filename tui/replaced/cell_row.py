"""A line of a chart's canvas, cell by cell: what plotext, and `tail` in its place, make of curves."""

from __future__ import annotations

from dataclasses import dataclass, field

BLANK = -1
"""Owner of a cell that no stroke touches."""


@dataclass(slots=True)
class CellRow:
    """One line of the canvas: a character a cell, and the index of the stroke that it shows."""

    characters: list[str] = field(default_factory=list[str])
    owners: list[int] = field(default_factory=list[int])

    def put(self, column: int, character: str, owner: int) -> None:
        """Overwrite one cell; does nothing outside the row."""
        if 0 <= column < len(self.characters):
            self.characters[column] = character
            self.owners[column] = owner

    def followed_by(self, other: CellRow, column: int) -> CellRow:
        """Its cells before `column`, and then the other's."""
        return CellRow(self.characters[:column] + other.characters, self.owners[:column] + other.owners)
