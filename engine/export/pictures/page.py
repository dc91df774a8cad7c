"""The sheet that a picture is drawn on: matplotlib's figure, measured in CSS pixels; and its files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, BinaryIO, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Paper
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform

from lazytrain.engine.export.pictures.axes import Axis
from lazytrain.engine.export.pictures.lettering import drawable, families, readable

INK, MUTED, GRID = "#222222", "#555555", "#e3e3e3"
PIXEL = 0.75
"""Points in a CSS pixel; matplotlib measures in points."""
SCALE = 2
"""Pixels of a PNG in a CSS pixel: sharp in print, and on displays of twice the density."""
SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Aileron", "Helvetica Neue", "Helvetica", "Arial", "DejaVu Sans"],
    "lines.scale_dashes": False,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "lines.dash_joinstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "lazytrain",
    "text.parse_math": False,
}
_TURN = RLock()
"""matplotlib's settings are the process's: pictures are drawn one at a time."""


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib as if nobody had set anything, but for `SETTINGS`; whatever a user set is back afterwards."""
    with _TURN, matplotlib.rc_context(), warnings.catch_warnings():
        # An SVG keeps letters that no font of this machine has.
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


@dataclass(frozen=True, slots=True)
class Page:
    """An empty picture. Places are CSS pixels from its top left corner, y downwards."""

    paper: Paper
    width: float
    height: float
    title: str
    """For whoever can't see it."""

    @staticmethod
    def of_size(width: float, height: float, title: str) -> Page:
        paper = Paper(figsize=(width * PIXEL / 72, height * PIXEL / 72), dpi=72 / PIXEL, facecolor="white")
        return Page(paper, width, height, title)

    @property
    def _places(self) -> Transform:
        return Affine2D().scale(1 / self.width, -1 / self.height).translate(0, 1) + self.paper.transFigure

    def write(self, x: float, y: float, text: str, *, size: float = 12, colour: str = MUTED) -> None:
        """A line of text that begins at `x`, its baseline at `y`."""
        self.paper.text(x, y, readable(text), size=size * PIXEL, color=colour, transform=self._places)

    def draw(self, line: Line2D) -> None:
        """A line whose points are places on the sheet."""
        line.set_transform(self._places)
        self.paper.add_artist(line)

    def panel(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        x: Axis,
        y: Axis,
        title: str,
        *,
        along: str = "epoch",
    ) -> Axes:
        """A chart by epochs, or by what `along` says: `title` (with its unit) above, a grid of faint lines, ticks and
        their labels."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.paper.add_axes(place)
        axes.set_title(readable(title), loc="left", size=14 * PIXEL, color=INK, pad=12 * PIXEL)
        axes.set_xlabel(along, size=12 * PIXEL, color=MUTED, labelpad=5 * PIXEL)
        axes.set(xlim=(x.low, x.high), yscale="log" if y.logarithmic else "linear", ylim=(y.low, y.high))
        axes.set_xticks(x.ticks, x.labels)
        axes.set_yticks(y.ticks, y.labels)
        axes.minorticks_off()
        axes.tick_params(color=MUTED, labelcolor=MUTED, labelsize=12 * PIXEL, width=PIXEL)
        axes.tick_params("x", length=5 * PIXEL, pad=5 * PIXEL)
        axes.tick_params("y", length=0, pad=8 * PIXEL)
        axes.grid(axis="y", color=GRID, linewidth=PIXEL, clip_on=False)
        axes.set_axisbelow(True)
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.spines["bottom"].set(color=MUTED, linewidth=PIXEL)
        return axes

    def save(self, form: Literal["svg", "png"], file: BinaryIO) -> None:
        """The picture as a file: the same bytes whenever it is made. An SVG has its text as text; in a PNG it is drawn
        in fonts of this machine, so that afterwards the sheet has only letters that these have."""
        with house_style():
            if form == "svg":
                about = {"Title": readable(self.title), "Date": None, "Creator": None}
                self.paper.savefig(file, format="svg", metadata=about)
                return
            for text in self.paper.findobj(Text):
                assert isinstance(text, Text)
                text.set_text(drawable(text.get_text()))
                text.set_fontfamily(families(text.get_text()))
                if text.get_bbox_patch() is not None:  # hides less of a curve; an SVG would lose the text as text
                    text.set_bbox(None)
                    text.set_path_effects([withStroke(linewidth=3 * PIXEL, foreground="white")])
            self.paper.savefig(file, format="png", dpi=SCALE * 72 / PIXEL, metadata={"Software": None})
