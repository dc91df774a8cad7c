"""Images with captions, side by side in rows: as many as fit, the others by scrolling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lazytrain.engine.analysis.findings import Raster
from lazytrain.tui.terminal.pixels import Pixels
from lazytrain.tui.widgets.half_blocks import Tile, fit_size, half_block_lines, resize
from lazytrain.tui.words.text import pad

GAP = 2
"""Cells between two images of a row, and the lines between two rows less one."""
LEAST_PIXELS = 8
"""An image isn't made smaller than this to have its captions in view."""


class ImageGrid(Widget):
    """A grid of tiles of one size."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"image-grid--first", "image-grid--caption"}
    DEFAULT_CSS = """
    ImageGrid {
        & > .image-grid--first { color: $foreground; text-style: bold; }
        & > .image-grid--caption { color: $foreground 75%; }
    }
    """

    class Moved(Message):
        """Other tiles are in view."""

    def __init__(self, pixels: int, *, real: Pixels | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.pixels = pixels
        """Width and height that an image may have, at most: half blocks' pixels, of which a cell has 1 × 2."""
        self._real = real
        self._numbers: list[int] = []
        self.tiles: tuple[Tile, ...] = ()
        self._first_row = 0
        self._drawn: dict[int, tuple[list[list[Segment]], int]] = {}
        self._drawn_pixels = 0
        """What they were drawn for."""

    def show(self, tiles: Sequence[Tile]) -> None:
        """Show other tiles, from the first on."""
        self.tiles, self._first_row = tuple(tiles), 0
        self._forget()

    def enlarge(self, pixels: int) -> None:
        """Draw images in another size; the first tile in view stays in view."""
        first = self._first_row * self._num_columns
        self.pixels = pixels
        self._first_row = first // self._num_columns
        self._forget()

    def on_mount(self) -> None:
        if self._real is not None:
            self._real.watch(self._forget)

    def on_unmount(self) -> None:
        if self._real is not None:
            self._real.unwatch(self._forget)
            self._real.forget(self._numbers)

    def _forget(self) -> None:
        if self._real is not None:
            self._real.forget(self._numbers)
        self._drawn, self._numbers, self._drawn_pixels = {}, [], self._fitting_pixels
        self.refresh()
        self.post_message(self.Moved())

    # ── what is in view ────────────────────────────────────────────────────────────────────────────────────

    @property
    def view(self) -> tuple[int, int]:
        """Number of the first tile in view, from 1, and of the last."""
        first = self._first_row * self._num_columns
        last = min(len(self.tiles), first + self._num_columns * self._rows_in_view)
        return min(first + 1, last), last

    @property
    def _fitting_pixels(self) -> int:
        """Width and height of an image here: not so high that what is said of it is out of sight."""
        captions = max((len(tile.captions) for tile in self.tiles), default=0)
        return min(self.pixels, max(LEAST_PIXELS, 2 * (self.size.height - captions)))

    @property
    def _tile_size(self) -> tuple[int, int]:
        """Cells of a tile, captions included: wider than its image where captions are, and no row has fewer for it."""
        sizes = [fit_size(tile.image, self._fitting_pixels) for tile in self.tiles[:1]] or [(1, 2)]
        captions = max((len(tile.captions) for tile in self.tiles), default=0)
        words = (
            cell_len(left) + (cell_len(right) + 1 if right else 0)
            for tile in self.tiles
            for left, right in tile.captions
        )
        width = sizes[0][0]
        spare = (self.size.width + GAP) // max(1, (self.size.width + GAP) // (width + GAP)) - GAP
        return max(width, min(spare, max(words, default=0))), -(-sizes[0][1] // 2) + captions

    @property
    def _num_columns(self) -> int:
        return max(1, (self.size.width + GAP) // (self._tile_size[0] + GAP))

    @property
    def _row_lines(self) -> int:
        """Lines of a row and the gap after it, which a row that just fits goes without."""
        lines = self._tile_size[1]
        return lines if lines * 2 + 1 > self.size.height >= lines * 2 else lines + 1

    @property
    def _rows_in_view(self) -> int:
        return max(1, (self.size.height + 1) // self._row_lines)

    @property
    def _num_rows(self) -> int:
        return -(-len(self.tiles) // self._num_columns)

    def move(self, _columns: int, rows: int) -> None:
        """Scroll by rows."""
        self._go(self._first_row + rows)

    def move_pages(self, pages: int) -> None:
        """Scroll by what is in view."""
        self._go(self._first_row + pages * self._rows_in_view)

    def move_to_end(self, *, last: bool) -> None:
        """Scroll to the first tile, or to the last."""
        self._go(self._num_rows if last else 0)

    def _go(self, row: int) -> None:
        row = max(0, min(row, self._num_rows - self._rows_in_view))
        if row != self._first_row:
            self._first_row = row
            self.refresh()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        if self._drawn_pixels != self._fitting_pixels:
            self._forget()
        self._first_row = max(0, min(self._first_row, self._num_rows - self._rows_in_view))
        self.post_message(self.Moved())

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        row, line = divmod(y, self._row_lines)
        row += self._first_row
        width, height = self._tile_size
        background = Style(bgcolor=self.rich_style.bgcolor)
        if row >= self._first_row + self._rows_in_view or line >= height:
            return Strip.blank(self.size.width, background)
        first = row * self._num_columns
        segments: list[Segment] = []
        for number in range(first, min(first + self._num_columns, len(self.tiles))):
            if segments:
                segments.append(Segment(" " * GAP, Style()))
            segments += self._tile_line(number, line, width)
        return Strip(segments).adjust_cell_length(self.size.width).apply_style(background)

    def _draw(self, image: Raster) -> tuple[list[list[Segment]], int]:
        """An image's lines, and their width."""
        size = fit_size(image, self._drawn_pixels)
        if self._real is None or not self._real.ready:
            return half_block_lines(resize(image, *size)), size[0]
        number, lines = self._real.place(image, size, size[0], -(-size[1] // 2))
        self._numbers.append(number)
        return lines, size[0]

    def _tile_line(self, number: int, line: int, width: int) -> list[Segment]:
        tile = self.tiles[number]
        if number not in self._drawn:
            self._drawn[number] = self._draw(tile.image)
        lines, drawn = self._drawn[number]
        if line < len(lines):
            return [*lines[line], Segment(" " * (width - drawn), Style())]
        below = line - len(lines)
        if below >= len(tile.captions):
            return [Segment(" " * width, Style())]
        left, right = tile.captions[below]
        style = self.get_component_rich_style("image-grid--first" if below == 0 else "image-grid--caption")
        text = pad(left, width - len(right) - 1) + " " + right if right else pad(left, width)
        return [Segment(text, style)]
