"""The table beneath compared curves: sortable by any column, only cells that changed drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from lazytrain.tui.charts.tones import COLOURS, Tone
from lazytrain.tui.words.compare_rows import BEST, NAME, Column, CompareTable, TableRow
from lazytrain.tui.words.names import tell_apart

FIXED = 2
"""Columns that always stand at the left: the run's name, and how good it got."""
MARK = "mark"
"""Key of the column with each row's marker."""
LEAST_NAME = 20
"""Cells of a run's name, at least; where all columns have room, it has what is left."""
PADDING = 2
"""Cells around what stands in a cell."""


class ComparisonTable(DataTable[Text]):
    """One row a run, its marker and colour those of its curve."""

    BINDING_GROUP_TITLE = "Table"
    DEFAULT_CSS = """
    ComparisonTable {
        height: auto;
        border: round $foreground 25%;
        border-title-color: $foreground;
        border-title-style: bold;
        border-subtitle-color: $foreground 60%;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        scrollbar-color: $foreground 25%;
        scrollbar-background: $background;
        &:focus { border: round $accent; background-tint: $background 0%; }
        & > .datatable--header { background: $background; color: $foreground 70%; text-style: none; }
        & > .datatable--header-hover { background: $accent 20%; }
        & > .datatable--fixed { background: $background; color: $foreground; }
        & > .datatable--odd-row, & > .datatable--even-row { background: $background; }
        & > .datatable--cursor, & > .datatable--fixed-cursor {
            background: $foreground 8%; color: $foreground; text-style: none;
        }
        &:focus > .datatable--cursor, &:focus > .datatable--fixed-cursor { background: $accent 20%; }
        & > .datatable--hover { background: $foreground 5%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "o", "sort(1)", "sort", id="table.sort", tooltip="Sort by the next column; a click on its head does it"
        ),
        Binding("O", "sort(-1)", "sort back", id="table.sort_back", tooltip="Sort by the column before", show=False),
        Binding("R", "reverse", "reverse", id="table.reverse", tooltip="Sort the other way round", show=False),
        Binding("k", "cursor_up", "up", id="table.up", tooltip="The row above", show=False),
        Binding("j", "cursor_down", "down", id="table.down", tooltip="The row below", show=False),
        Binding("left", "turn(-1)", "columns before", id="table.left", tooltip="Columns at the left", show=False),
        Binding("right", "turn(1)", "more columns", id="table.right", tooltip="Columns that had no room", show=False),
        Binding("enter", "open", "watch", id="table.open", tooltip="Show the run on Monitor"),
    ]

    class Opened(Message):
        """A row's run is to be shown."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, cursor_type="row", cursor_foreground_priority="renderable", fixed_columns=1 + FIXED)
        self.table = CompareTable()
        self.sort_key: str | None = None
        self.reversed_order = False
        self._markers: Mapping[str, tuple[str, Tone]] = {}
        self._structure: object = None
        self._first = 0
        """Of the columns that aren't fixed, the first that is shown: what doesn't fit whole isn't shown."""
        self._columns: tuple[Column, ...] = ()
        """Those that are shown."""
        self._names: dict[str, str] = {}

    def on_mount(self) -> None:
        # Markers have the theme's colours in the cells themselves.
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show_rows())

    @property
    def order(self) -> list[TableRow]:
        """The rows as they stand."""
        return self.table.sorted_by(self.sort_key, reverse=self.reversed_order)

    def show_table(self, table: CompareTable, markers: Mapping[str, tuple[str, Tone]]) -> None:
        """Show these rows; `markers` has each row's marker and tone. Only cells that differ are drawn anew."""
        self.table, self._markers = table, markers
        self._show_rows()

    def on_resize(self) -> None:
        self._show_rows()

    def _show_rows(self) -> None:
        order = self.order
        self._choose_columns()
        structure = (
            [(column.key, column.title) for column in self._columns],
            [row.key for row in order],
            (self.sort_key, self.reversed_order, self._names, self.app.theme),
        )
        self._show_title()
        # Heads and rows that stay are kept, and with them where the table is scrolled to.
        if structure == self._structure:
            self._update_cells(order)
            return
        self._structure = structure
        at = self.cursor_key
        scrolled = self.scroll_offset
        self.clear(columns=True)
        self.add_column("", key=MARK)
        for column in self._columns:
            self.add_column(Text(self._head(column), justify="right" if column.right else "left"), key=column.key)
        for row in order:
            self.add_row(*self._cells(row), key=row.key)
        place = next((number for number, row in enumerate(order) if row.key == at), 0)
        self.move_cursor(row=place, animate=False)
        self.scroll_to(scrolled.x, scrolled.y, animate=False)

    def _head(self, column: Column) -> str:
        arrow = (" ↓" if self.reversed_order else " ↑") if column.key == self.sort_key else ""
        return column.title + arrow

    def _choose_columns(self) -> None:
        """Fixed columns, and of the others as many, from the first to be shown on, as have room whole."""
        fixed, others = self.table.columns[:FIXED], self.table.columns[FIXED:]
        widths = {
            column.key: PADDING
            + max(map(cell_len, (self._head(column), *(row.cells[column.key].text for row in self.table.rows))))
            for column in self.table.columns
        }
        names = [row.cells[NAME].text for row in self.table.rows] if fixed else []
        name = max(map(cell_len, names), default=0)
        # Beside it the marker's column, and the place of a scroll bar.
        room = (
            max(1, self.size.width)
            - (1 + PADDING)
            - 1
            - sum(widths[column.key] for column in fixed if column.key != NAME)
        )
        left = room - PADDING - min(name, LEAST_NAME)
        last = len(others)
        while last and sum(widths[column.key] for column in others[last - 1 :]) <= left:
            last -= 1
        self._first = max(0, min(self._first, last))
        shown: list[Column] = []
        for column in others[self._first :]:
            left -= widths[column.key]
            if left < 0:
                left += widths[column.key]
                break
            shown.append(column)
        self._columns = (*fixed, *shown)
        width = min(name, LEAST_NAME) + max(0, left)
        self._names = dict(zip(names, tell_apart(names, width), strict=True))

    @property
    def cursor_key(self) -> str | None:
        """Key of the row at the cursor."""
        keys = list(self.rows)
        return keys[self.cursor_row].value if 0 <= self.cursor_row < len(keys) else None

    def _update_cells(self, order: list[TableRow]) -> None:
        for row in order:
            for key, cell in zip((MARK, *(column.key for column in self._columns)), self._cells(row), strict=True):
                if self.get_cell(row.key, key) != cell:
                    self.update_cell(row.key, key, cell, update_width=True)

    def _cells(self, row: TableRow) -> list[Text]:
        marker, tone = self._markers.get(row.key, ("", "text"))
        colours = COLOURS.get(tone)
        colour = colours[0 if self.app.current_theme.dark else 1] if colours else ""
        cells = [Text(marker, style=colour)]
        for column in self._columns:
            text = row.cells[column.key].text
            if column.key == NAME:
                text = self._names[text]
            style = "bold" if column.key == self.table.main and row.best else ""
            cells.append(Text(text, style=style, justify="right" if column.right else "left"))
        return cells

    def _show_title(self) -> None:
        count = len(self.table.rows)
        sorted_by = next((column.title for column in self.table.columns if column.key == self.sort_key), None)
        scored = any(row.cells[self.table.main].value is not None for row in self.table.rows)
        best = ", ".join(part for part in (f"{BEST} best", self.table.chosen) if part) if scored else ""
        there, shown = len(self.table.columns) - FIXED, len(self._columns) - FIXED
        more = f"columns {self._first + 1}–{self._first + shown} of {there}: ←→" if shown < there else ""
        parts = (f"{count} compared", f"by {sorted_by}" if sorted_by else "as marked", best, more)
        self.border_title = " · ".join(part for part in parts if part)

    # ── sorting ────────────────────────────────────────────────────────────────────────────────────────────

    def sort_by(self, key: str | None) -> None:
        """Sort by a column, its best first; the other way round if it is sorted by already. None: as marked."""
        column = next((column for column in self.table.columns if column.key == key), None)
        if key == self.sort_key and column is not None:
            self.reversed_order = not self.reversed_order
        else:
            self.sort_key, self.reversed_order = key, column is not None and column.higher_first
        if column is not None and column not in self._columns:
            self._first = self.table.columns.index(column) - FIXED
        self._show_rows()

    def action_sort(self, direction: int) -> None:
        keys = [None, *(column.key for column in self.table.columns)]
        place = keys.index(self.sort_key) if self.sort_key in keys else 0
        self.sort_by(keys[(place + direction) % len(keys)])

    def action_turn(self, columns: int) -> None:
        self._first += columns
        self._show_rows()

    def action_reverse(self) -> None:
        self.reversed_order = not self.reversed_order
        self._show_rows()

    def action_open(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key))

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        self.sort_by(None if event.column_key.value == MARK else event.column_key.value)
