"""The runs of a study: one line each, switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytrain.engine.queue.studies import PlannedRun, Standing
from lazytrain.tui.lists.list_keys import moving_keys
from lazytrain.tui.lists.preset_list import WARNING
from lazytrain.tui.state.study_plan import StudyRow
from lazytrain.tui.state.study_words import describe_row
from lazytrain.tui.words.names import tell_apart
from lazytrain.tui.words.text import STATE_LOOKS, pad

ON, OFF = "[x]", "[ ]"


class StudyRuns(ScrollView, can_focus=True):
    """A cursor over the runs of a study; the screen says what a switch does."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "study-runs--cursor",
        "study-runs--detail",
        "study-runs--off",
        "study-runs--mark",
        "study-runs--bar",
    }
    BINDING_GROUP_TITLE = "Runs of a study"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "flip", "on/off", id="study.flip", tooltip="Leave this run out, or train it after all"),
        *moving_keys("study", "run"),
    ]

    class RunMoved(Message):
        """Another run is under the cursor."""

    class Flipped(Message):
        """A run is to be switched on or off."""

        def __init__(self, planned: PlannedRun) -> None:
            super().__init__()
            self.planned = planned

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: tuple[StudyRow, ...] = ()
        self.at: str | None = None
        """Name of the run under the cursor: it stays there when the order changes."""
        self._names: tuple[object, dict[str, str]] = (None, {})
        """Of what they were made, and names as they are shown."""

    @property
    def cursor(self) -> int:
        """Line of the cursor."""
        return next((line for line, row in enumerate(self.rows) if row.planned.name == self.at), 0)

    @property
    def row(self) -> StudyRow | None:
        """The run under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show_rows(self, rows: Sequence[StudyRow]) -> None:
        """List these; only lines that differ are drawn again."""
        before, self.rows = self.rows, tuple(rows)
        if len(before) != len(self.rows):
            self._relist()
            return
        for line, (old, new) in enumerate(zip(before, self.rows, strict=True)):
            if old != new:
                self.refresh_lines(line)

    def render_line(self, y: int) -> Strip:
        line, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if line >= len(self.rows):
            return Strip([Segment(" " * width, self.rich_style)], width)
        return self._strip(self.rows[line], width, at_cursor=line == self.cursor)

    def _shown_names(self, width: int) -> dict[str, str]:
        """Names cut so that they differ, beside the longest of what stands at their right; kept until others come."""
        names = tuple(row.planned.short_name for row in self.rows)
        room = max(0, width - 8 - max(len(describe_row(row)) for row in self.rows))
        if self._names[0] != (names, room):
            self._names = (names, room), dict(zip(names, tell_apart(names, room), strict=True))
        return self._names[1]

    def _strip(self, row: StudyRow, width: int, *, at_cursor: bool) -> Strip:
        base = self.get_component_rich_style("study-runs--cursor") if at_cursor else self.rich_style

        def style(name: str) -> Style:
            return base + Style(color=self.get_component_rich_style(f"study-runs--{name}").color)

        detail = describe_row(row)
        room = max(0, width - 8 - len(detail))
        name = self._shown_names(width)[row.planned.short_name]
        return Strip(
            [
                Segment("▌" if at_cursor else " ", style("bar")),
                Segment(f"{_mark(row)} ", style("mark") if row.refusal else base if row.chosen else style("off")),
                Segment(pad(name, room), base if row.chosen else style("off")),
                Segment(f"  {detail} ", style("mark" if row.refusal else "detail" if row.chosen else "off")),
            ]
        ).adjust_cell_length(width, base)

    def on_resize(self) -> None:
        self._relist()

    def _relist(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, len(self.rows)))
        self.refresh()
        self._keep_cursor_in_view()

    def _keep_cursor_in_view(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    # ── moving and switching ───────────────────────────────────────────────────────────────────────────────

    def choose_line(self, line: int) -> None:
        """Put the cursor on a line, the nearest there is."""
        if not self.rows:
            return
        before = self.cursor
        self.at = self.rows[max(0, min(len(self.rows) - 1, line))].planned.name
        for each in (before, self.cursor):
            self.refresh_lines(each)
        self._keep_cursor_in_view()
        self.post_message(self.RunMoved())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y + self.scroll_offset.y < len(self.rows):
            self.choose_line(offset.y + self.scroll_offset.y)
            if 1 <= offset.x <= len(ON):
                self.action_flip()

    def action_flip(self) -> None:
        if self.row is not None:
            self.post_message(self.Flipped(self.row.planned))

    def action_move(self, lines: int) -> None:
        self.choose_line(self.cursor + lines)

    def action_first(self) -> None:
        self.choose_line(0)

    def action_last(self) -> None:
        self.choose_line(len(self.rows) - 1)

    def action_page(self, pages: int) -> None:
        self.choose_line(self.cursor + pages * max(1, self.scrollable_content_region.height - 1))


def _mark(row: StudyRow) -> str:
    """`[x]` to be trained, `[ ]` left out, or a state that leaves nothing to do: three cells."""
    if row.refusal is not None:
        return f" {WARNING} "
    if row.chosen:
        return ON
    if row.twin is not None and row.standing in (Standing.DONE, Standing.UNDERWAY):
        return f" {STATE_LOOKS[row.twin.state].glyph} "
    return OFF
