"""A confusion matrix as numbers and shades, with each class's accuracy; what doesn't fit is scrolled to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lazytrain.engine.confusion import Confusion, Mixup
from lazytrain.tui.widgets.shades import shades
from lazytrain.tui.words.class_names import longer_head_names, row_names
from lazytrain.tui.words.text import NOTHING, format_fraction, pad, pad_left, shorten

LEVELS = 8
"""Shades of a colour, beside none."""
STRONGEST = 0.5
"""Of a shade: numbers stay legible on it."""
FULL_WRONG = 0.4
"""Share of a class from which a mistake has the strongest shade."""
LEAST_NAME, MOST_NAME, LEAST_HEAD = 3, 16, 4
"""Cells: of a name at the left, `all` beneath them at least, and more than most only where there is room; of a head."""
ACCURACY_WIDTH = 7
"""`100.0 %`."""
MOST_MIXUPS = 24
HEADS, SUMS = 2, 1
"""Lines above the classes, and beneath them."""


@dataclass(frozen=True, slots=True)
class Places:
    """What stands where, in cells."""

    name_width: int
    left: int
    """What stands left of the matrix: names and accuracies."""
    column_width: int
    """A number and the gap before it: wider where all classes have room for more of their names."""
    widths: Sequence[int]
    """Of each class's column; cells that are left beside the matrix go to names that would be cut."""
    names: Sequence[str]
    """As they stand in the rows."""


def find_places(classes: tuple[str, ...], digits: int, width: int) -> Places:
    """Places in a table of `width` cells, whose largest number has so many digits."""
    least = max(digits, LEAST_HEAD)
    # As long as the longest name, with its number if it may have one, where the matrix leaves room for it.
    name_width = max(map(cell_len, (" " * LEAST_NAME, *row_names(classes, least))))
    if name_width > MOST_NAME:
        room = width - 1 - (1 + ACCURACY_WIDTH + 1) - len(classes) * (least + 1)
        name_width = min(name_width, max(MOST_NAME, room))
    left = name_width + 1 + ACCURACY_WIDTH + 1
    lengths = [cell_len(name) for name in classes]
    room = (width - left - 1) // max(1, len(classes)) - 1
    column_width = max(least, min(room, max(lengths, default=0))) + 1
    widths, over = [column_width] * len(classes), width - left - 1 - column_width * len(classes)
    while over > 0 and (short := [at for at, length in enumerate(lengths) if length >= widths[at]]):
        for at in short[:over]:
            widths[at] += 1
        over -= len(short)
    return Places(name_width, left, column_width, widths, row_names(classes, column_width - 1))


class ConfusionTable(Widget):
    """One row a true class, one column a class that it was taken for; `[ ]` marks what was right."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"confusion-table--{part}" for part in ("head", "right", "wrong", "zero", "number")
    }
    DEFAULT_CSS = """
    ConfusionTable {
        & > .confusion-table--head { color: $foreground 65%; }
        & > .confusion-table--number { color: $foreground; }
        & > .confusion-table--zero { color: $foreground 35%; }
        & > .confusion-table--right { color: #56B4E9; }
        & > .confusion-table--wrong { color: #E69F00; }
        &:light {
            & > .confusion-table--right { color: #0072B2; }
            & > .confusion-table--wrong { color: #B35C00; }
        }
    }
    """

    class Moved(Message):
        """Other classes are in view."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.confusion: Confusion | None = None
        self._first = (0, 0)
        """Index of the first column and of the first row in view."""
        self._digits = 1
        """Of the largest sum: the columns keep their place, whatever the numbers in them are."""
        self._accuracies: tuple[float | None, ...] = ()
        self._worst: list[Mixup] = []
        self._known: tuple[tuple[tuple[str, ...], int, int], Places] | None = None
        self._shades: dict[tuple[str, int], Style] = {}
        self._ramps: dict[str, list[Style]] = {}

    def show(self, confusion: Confusion) -> None:
        """Show these counts; what was in view stays in view."""
        if self.confusion is None or confusion.classes != self.confusion.classes:
            self._first = (0, 0)
        self.confusion = confusion
        sums = (*map(sum, confusion.counts), *map(sum, zip(*confusion.counts, strict=True)))
        self._digits = len(str(max(sums, default=0)))
        self._accuracies, self._worst = confusion.class_accuracies, confusion.worst_mixups(MOST_MIXUPS)
        self._settle()
        self.refresh()

    # ── what is in view ────────────────────────────────────────────────────────────────────────────────────

    @property
    def view(self) -> tuple[range, range]:
        """Indices of the columns and of the rows in view."""
        column, row = self._first
        size = len(self.confusion.classes) if self.confusion else 0
        return (
            range(column, min(size, column + self._num_columns)),
            range(row, min(size, row + self._num_rows)),
        )

    @property
    def whole(self) -> bool:
        """Whether every class is in view."""
        size = len(self.confusion.classes) if self.confusion else 0
        return self._num_columns >= size and self._num_rows >= size

    @property
    def _places(self) -> Places:
        """Where what stands, found anew when something of it has changed: each line asks several times."""
        classes = self.confusion.classes if self.confusion else ()
        key = classes, self._digits, self.size.width
        if self._known is None or self._known[0] != key:
            self._known = key, find_places(*key)
        return self._known[1]

    @property
    def _num_columns(self) -> int:
        return max(1, (self.size.width - self._places.left - 1) // self._places.column_width)

    @property
    def _num_rows(self) -> int:
        return max(1, self.size.height - HEADS - SUMS)

    def move(self, columns: int, rows: int) -> None:
        """Scroll by classes."""
        self._first = (self._first[0] + columns, self._first[1] + rows)
        self._settle()
        self.refresh()

    def move_pages(self, pages: int) -> None:
        """Scroll by the rows in view."""
        self.move(0, pages * self._num_rows)

    def move_to_end(self, *, last: bool) -> None:
        """Scroll to the first class, or to the last."""
        size = len(self.confusion.classes) if self.confusion else 0
        self.move(*((size, size) if last else (-size, -size)))

    def _settle(self) -> None:
        """Keep what is in view within the matrix."""
        size = len(self.confusion.classes) if self.confusion else 0
        column, row = self._first
        self._first = (
            max(0, min(column, size - self._num_columns)),
            max(0, min(row, size - self._num_rows)),
        )
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        self._settle()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._shades, self._ramps = {}, {}

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        background = Style(bgcolor=self.rich_style.bgcolor)
        return Strip(self._line(y)).adjust_cell_length(self.size.width).apply_style(background)

    def _line(self, y: int) -> list[Segment]:
        confusion = self.confusion
        if confusion is None:
            return []
        _, rows = self.view
        match y:
            case 0:
                return [Segment(f"{'':{self._places.left}} {self._legend()}", self._part("head"))]
            case 1:
                return self._heads(confusion)
            case _ if y - HEADS < len(rows):
                return self._row(confusion, rows[y - HEADS])
            case _ if y - HEADS == len(rows):
                return self._sums(confusion)
            case _:
                return self._mixups(confusion, y - HEADS - len(rows) - SUMS)

    def _legend(self) -> str:
        legend = "taken for ([ ]: right)"
        return shorten(legend, max(0, self.size.width - self._places.left - 1))

    def _heads(self, confusion: Confusion) -> list[Segment]:
        columns, _ = self.view
        places = self._places
        widths = places.widths
        heads = longer_head_names(confusion.classes, places.column_width - 1, [width - 1 for width in widths])
        left = f"{pad('is', places.name_width)} {'right':>{ACCURACY_WIDTH}} "
        return [
            Segment(left + "".join(pad_left(heads[column], widths[column]) for column in columns), self._part("head"))
        ]

    def _row(self, confusion: Confusion, row: int) -> list[Segment]:
        (columns, _), places = self.view, self._places
        counts, accuracy = confusion.counts[row], self._accuracies[row]
        total = sum(counts)
        name = pad(places.names[row], places.name_width)
        segments = [
            Segment(f"{name} ", self._part("number")),
            Segment(f"{_percent(accuracy)} ", self._part("number")),
        ]
        for column in columns:
            before = "[" if column == row else "]" if column == row + 1 and column != columns[0] else " "
            segments.append(Segment(before, self._part("number")))
            share = counts[column] / total if total else 0.0
            text = f"{counts[column] or '·':>{places.widths[column] - 1}}"
            segments.append(Segment(text, self._shade(share, right=column == row)))
        if columns and columns[-1] == row:
            segments.append(Segment("]", self._part("number")))
        return segments

    def _sums(self, confusion: Confusion) -> list[Segment]:
        columns, _ = self.view
        widths = self._places.widths
        taken = ((sum(row[column] for row in confusion.counts), widths[column]) for column in columns)
        left = f"{pad('all', self._places.name_width)} {_percent(confusion.accuracy)} "
        return [Segment(left + "".join(f"{count:>{width}}" for count, width in taken), self._part("head"))]

    def _mixups(self, confusion: Confusion, line: int) -> list[Segment]:
        """Where there is room beneath the sums: the most frequent mistakes, after an empty line."""
        if line < 1:
            return []
        if line == 1:
            return [Segment("most often wrong", self._part("head"))]
        if line - 2 >= len(self._worst):
            return []
        worst, width = self._worst[line - 2], self._places.name_width
        true, predicted = confusion.classes[worst.true], confusion.classes[worst.predicted]
        share = worst.num_images / sum(confusion.counts[worst.true])
        text = f"{pad(true, width)} {_percent(share)} taken for {pad(predicted, width)}"
        return [Segment(f"{text} {worst.num_images:>{self._digits}}", self._part("number"))]

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"confusion-table--{name}", partial=True)

    def _shade(self, share: float, *, right: bool) -> Style:
        """The style of a number: the larger its share of the row, the stronger its background."""
        name = "right" if right else "wrong"
        strength = share if right else min(1.0, share / FULL_WRONG)
        ramp = self._ramp(name)
        level = -int(-strength * len(ramp) // 1)
        key = (name, level)
        if key not in self._shades:
            number = self._part("number" if level else "zero")
            self._shades[key] = number + Style(bold=right) + (ramp[level - 1] if level else Style())
        return self._shades[key]

    def _ramp(self, name: str) -> list[Style]:
        """Looks from weak to strong."""
        if name not in self._ramps:
            # Sixteen colours of the terminal's own have no shades.
            ramp = [Style(), Style(bold=True), Style(bold=True, reverse=True)]
            # What is drawn without a terminal has all colours.
            known = None if self.app.is_headless else self.app.console._color_system
            system = known or ColorSystem.TRUECOLOR
            if not self.app.native_ansi_color and system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT):
                _, background = self.background_colors
                colour = self.get_component_styles(f"confusion-table--{name}").color
                triplets = ColorTriplet(*background.rgb), ColorTriplet(*colour.rgb)
                ramp = [Style(bgcolor=shade) for shade in shades(*triplets, STRONGEST, LEVELS, system)]
            self._ramps[name] = ramp
        return self._ramps[name]


def _percent(fraction: float | None) -> str:
    return f"{NOTHING if fraction is None else format_fraction(fraction):>{ACCURACY_WIDTH}}"
