"""Short pieces side by side, in as many lines as their width needs; none is broken."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

GAP = "   "


class Flow(Widget):
    """Pieces such as `epochs 50`: a name stays with its value."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"
    pieces: reactive[tuple[Content, ...]] = reactive((), layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(flow(self.pieces, width))

    def render(self) -> Content:
        return Content("\n").join(flow(self.pieces, self.size.width))


def flow(pieces: Sequence[Content], width: int) -> list[Content]:
    """Lines of at most `width`, unless a single piece is wider."""
    lines: list[list[Content]] = []
    room = -1
    for piece in pieces:
        room -= piece.cell_length + len(GAP)
        if room < 0:
            lines.append([])
            room = width - piece.cell_length
        lines[-1].append(piece)
    return [Content(GAP).join(line) for line in lines]
