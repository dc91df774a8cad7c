"""Images in real pixels, by textual-image: Kitty's protocol with Unicode placeholders, and Sixels.

Placeholders are characters: what is drawn over them comes and goes with their cells, whatever writes these, the cell
diff too. Sixels are no cells, and nothing that keeps account of cells knows where they are: only commands print them.

textual-image asks the terminal when it is imported, takes what is typed meanwhile for the answer, and writes to it
without anybody between. Here it finds none: what it writes is caught and goes the app's way, in the app's order.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.segment import Segment

from lazytrain.engine.analysis.findings import Raster
from lazytrain.tui.terminal.asking import in_multiplexer

if TYPE_CHECKING:
    from PIL.Image import Image
    from textual.app import App

Images = Literal["auto", "blocks", "kitty", "sixel"]
Cell = tuple[int, int]
"""Width and height of a cell, in pixels."""
USUAL_CELL: Cell = (10, 20)
"""Where placeholders stand the terminal fits the image to its cells, however many pixels these have."""
MOST_CELLS = 256
"""Placeholders count as many columns and lines; a few more."""

_COLOUR = re.compile(r"(#\d+);2;\d+;\d+;\d+")


@contextmanager
def _no_terminal(cell: Cell = USUAL_CELL) -> Iterator[StringIO]:
    """What textual-image takes for the terminal is none, and is caught."""
    caught, real = StringIO(), sys.__stdout__
    size = {"TEXTUAL_CELL_WIDTH": str(cell[0]), "TEXTUAL_CELL_HEIGHT": str(cell[1])}
    before = {name: os.environ.get(name) for name in size}
    setattr(sys, "__stdout__", caught)  # noqa: B010  declared final
    os.environ.update(size)
    try:
        yield caught
    finally:
        setattr(sys, "__stdout__", real)  # noqa: B010
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def enlarge(raster: Raster, size: Cell, cell: Cell = USUAL_CELL) -> Image:
    """An image on `size` half blocks' pixels, of which a cell has 1 × 2; its own pixels stay squares."""
    from PIL import Image

    image = Image.frombytes("RGB", (raster.width, raster.height), raster.rgb)
    wanted = (size[0] * cell[0], size[1] * cell[1] // 2)
    larger = wanted[0] >= raster.width and wanted[1] >= raster.height
    return image.resize(wanted, Image.Resampling.NEAREST if larger else Image.Resampling.BOX)


def side_by_side(images: Sequence[tuple[Raster, Cell]], columns: int, lines: int, gap: int = 0) -> Image:
    """Images on one that is transparent elsewhere.

    Args:
        images: each with the half blocks' pixels that it takes.
        columns: of each; `gap` are between two.
    """
    from PIL import Image

    width, height = USUAL_CELL
    drawn = Image.new("RGBA", ((len(images) * (columns + gap) - gap) * width, lines * height))
    for number, (raster, size) in enumerate(images):
        drawn.paste(enlarge(raster, size), (number * (columns + gap) * width, 0))
    return drawn


def place(image: Image, columns: int, lines: int) -> tuple[int, str, list[list[Segment]]]:
    """What brings an image to a terminal that speaks Kitty's protocol: its number there, what to send before, and the
    cells that show it, line by line.
    """
    with _no_terminal() as caught:
        from textual_image.renderable import TGPImage  # brings a tenth of a second, and is seldom wanted

        renderable = TGPImage(image, width=columns, height=lines)
        segments = list(Console(file=StringIO(), width=columns).render(renderable))
    number = renderable.terminal_image_id
    assert number is not None
    rows: list[list[Segment]] = []
    for text, style, _ in segments[:lines]:
        # A segment a cell: cut anywhere, such as by what is in front, a placeholder keeps its marks.
        size = len(text.rstrip("\n")) // columns
        rows.append([Segment(text[start : start + size], style) for start in range(0, columns * size, size)])
    return number, caught.getvalue(), rows


def forget_images(numbers: Iterable[int]) -> str:
    """What has a terminal that speaks Kitty's protocol let go of images."""
    return "".join(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\" for number in numbers)


def pass_through(text: str, environment: Mapping[str, str]) -> str:
    """As tmux, if that is what draws, hands it on to its own terminal; where it is set to (allow-passthrough)."""
    if not environment.get("TMUX"):
        return text
    return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def sixels(raster: Raster, columns: int, lines: int, cell: Cell) -> str:
    """What draws an image from the cursor on, over `columns` and `lines`; where it leaves the cursor differs."""
    with _no_terminal(cell):
        from textual_image.renderable import SixelImage

        image = SixelImage(enlarge(raster, (columns, 2 * lines), cell), width=columns, height=lines)
        segments = list(Console(file=StringIO(), width=columns).render(image))
    data = next(text for text, _, _ in segments if text.startswith("\x1bP"))
    # Each colour is defined where it is first used, and xterm shows those lines in another: so all come first.
    colours = "".join(match[0] for match in _COLOUR.finditer(data))
    start = data.index("#")
    return data[:start] + colours + _COLOUR.sub(r"\1", data[start:])


class Pixels:
    """Real pixels for the images of an app, once its terminal has said that it draws them: half blocks until then.

    Args:
        wanted: what the settings say.
    """

    def __init__(
        self, app: App[Any], wanted: Callable[[], Images], environment: Mapping[str, str] = os.environ
    ) -> None:
        self.ready = False
        self._app, self._wanted, self._environment = app, wanted, environment
        self._begun = False
        self._watching: list[Callable[[], object]] = []

    def begin(self) -> None:
        """Ask the terminal, the first time that there is an image to show. Nothing waits for the answer."""
        if self._begun:
            return
        self._begun = True
        wanted = self._wanted()
        ask = getattr(self._app._driver, "ask_for_images", None)
        # An image's number is the colour of its placeholders: fewer colours make it another's.
        exact = self._app.console.color_system == "truecolor" and "NO_COLOR" not in self._environment
        if ask is None or not exact or wanted not in ("auto", "kitty"):
            return
        if wanted == "kitty":
            self._be_ready()
        elif not in_multiplexer(self._environment):
            ask(self._be_ready)

    def _be_ready(self) -> None:
        self.ready = True
        self.renew()

    def watch(self, renew: Callable[[], object]) -> None:
        """Call this when images have to be drawn anew."""
        self._watching.append(renew)

    def unwatch(self, renew: Callable[[], object]) -> None:
        """Call it no more."""
        self._watching.remove(renew)

    def renew(self) -> None:
        """What the terminal kept of images may be gone."""
        for renew in self._watching:
            renew()

    def place(self, raster: Raster, size: Cell, columns: int, lines: int) -> tuple[int, list[list[Segment]]]:
        """Bring an image to the terminal: its number there, and the cells that show it, line by line."""
        number, sent, rows = place(side_by_side([(raster, size)], columns, lines), columns, lines)
        self._send(sent)
        return number, rows

    def forget(self, numbers: Iterable[int]) -> None:
        """Have the terminal let go of images."""
        self._send(forget_images(numbers))

    def _send(self, text: str) -> None:
        if text and self._app._driver is not None:
            self._app._driver.write(pass_through(text, self._environment))
