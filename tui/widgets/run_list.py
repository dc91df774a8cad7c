"""The runs, one line each: what state they are in and how far they are. Only lines that changed are repainted."""

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

from engine.records import Run, State
from tui.text import format_fraction, pad, shorten, state_colour, state_glyph, state_word

WIDE = 36
"""From this width on, the column at the right has words beside its percentages."""
EMPTY = "no runs yet: press 1, choose, enter"


class RunList(ScrollView, can_focus=True, inherit_bindings=False):
    """Every run in the store's order. The selection belongs to a run, not to a line: it moves with it."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-list--cursor",
        "run-list--bar",
        "run-list--detail",
        *(f"run-list--{colour}" for colour in ("text-muted", "text-success", "text-warning", "text-error")),
    }
    DEFAULT_CSS = """
    RunList {
        border: round $foreground 25%;
        border-title-color: $foreground;
        border-title-style: bold;
        scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 25%;
        scrollbar-background: $background;
        overflow-x: hidden;
        &:focus { border: round $accent; }
        & > .run-list--cursor { background: $foreground 8%; }
        &:focus > .run-list--cursor { background: $accent 20%; text-style: bold; }
        & > .run-list--bar { color: $accent; }
        & > .run-list--detail { color: $foreground 60%; }
        & > .run-list--text-muted { color: $foreground 60%; }
        & > .run-list--text-success { color: $text-success; }
        & > .run-list--text-warning { color: $text-warning; }
        & > .run-list--text-error { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", id="runs.up", tooltip="Select the run above", show=False),
        Binding("down,j", "move(1)", "down", id="runs.down", tooltip="Select the run below", show=False),
        Binding("home,g", "first", "first", id="runs.first", tooltip="Select the first run", show=False),
        Binding("end,G", "last", "last", id="runs.last", tooltip="Select the last run", show=False),
        Binding("pageup", "page(-1)", "page up", id="runs.page_up", tooltip="A page up", show=False),
        Binding("pagedown", "page(1)", "page down", id="runs.page_down", tooltip="A page down", show=False),
    ]

    class Selected(Message):
        """Another run is selected."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = "Runs"
        self.runs: Sequence[Run] = ()
        self.selected_id: str | None = None
        self._lines: dict[int, tuple[State, str, str, bool]] = {}
        self._places: dict[str, int] = {}

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def selected(self) -> Run | None:
        """The selected run, or None where there is no run."""
        line = self.line_of(self.selected_id)
        return self.runs[line] if line >= 0 else None

    def line_of(self, run_id: str | None) -> int:
        """Where a run is listed; -1 if it isn't."""
        return self._places.get(run_id, -1) if run_id is not None else -1

    def show(self, runs: Sequence[Run]) -> None:
        """List the runs as they are now. A selected run that is gone leaves the selection to the one in its place."""
        line = self.line_of(self.selected_id)
        length_changed, self.runs = len(runs) != len(self.runs), runs
        self._places = {run.id: place for place, run in enumerate(runs)}
        if self.selected_id is None:
            # At first, what trains now is what people came to see.
            self.selected_id = next((run.id for run in runs if run.state is State.RUNNING), None)
        if self.line_of(self.selected_id) < 0:
            self.selected_id = runs[min(max(0, line), len(runs) - 1)].id if runs else None
        moved = self.line_of(self.selected_id) != line
        if length_changed:
            self._fit()
        self._repaint()
        if moved:
            self._keep_selected_in_view()

    def select(self, run_id: str) -> None:
        """Select a run, even one that isn't listed yet: it will be when it comes."""
        if run_id == self.selected_id:
            return
        self.selected_id = run_id
        self._repaint()
        self._keep_selected_in_view()
        self.post_message(self.Selected(run_id))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        line = y + self.scroll_offset.y
        if not self.runs:
            text = shorten(EMPTY, width - 1) if y == 0 else ""
            return Strip([Segment(f" {text}".ljust(width), self.get_component_rich_style("run-list--detail"))], width)
        if line >= len(self.runs):
            return Strip.blank(width, self.rich_style)
        run = self.runs[line]
        return self._strip(run, width, selected=run.id == self.selected_id)

    def _strip(self, run: Run, width: int, *, selected: bool) -> Strip:
        base = self.get_component_rich_style("run-list--cursor") if selected else self.rich_style

        def style(name: str) -> Style:
            return base + self.get_component_rich_style(f"run-list--{name}", partial=True)

        detail = describe_briefly(run, wide=width >= WIDE)
        column = 11 if width >= WIDE else 7
        room = max(0, width - 3 - column - 2)
        state = style(state_colour(run))
        return Strip(
            [
                Segment("▌" if selected else " ", style("bar")),
                Segment(f"{state_glyph(run)} ", state),
                Segment(pad(run.name, room), base),
                Segment(
                    f" {shorten(detail, column):>{column}} ", state if run.state is State.FAILED else style("detail")
                ),
            ],
            width,
        )

    def _fit(self) -> None:
        self.border_title = f"Runs · {len(self.runs):,}" if self.runs else "Runs"
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, len(self.runs)))
        self.refresh()

    def _repaint(self) -> None:
        """Repaint the lines in view that look different."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        wide = self.scrollable_content_region.width >= WIDE
        lines = {
            line: (run.state, run.name, describe_briefly(run, wide=wide), run.id == self.selected_id)
            for line, run in enumerate(self.runs[top : top + height], start=top)
        }
        before, self._lines = self._lines, lines
        for line, shown in lines.items():
            if before.get(line) != shown:
                self.refresh_lines(line)

    def _keep_selected_in_view(self) -> None:
        line = self.line_of(self.selected_id)
        if line >= 0:
            self.scroll_to_region(Region(0, line, 1, 1), animate=False, force=True)

    def on_resize(self) -> None:
        self._fit()
        self._repaint()
        self._keep_selected_in_view()

    # ── choosing ───────────────────────────────────────────────────────────────────────────────────────────

    def select_line(self, line: int) -> None:
        """Select the run on a line, or on the nearest there is."""
        if self.runs:
            self.select(self.runs[max(0, min(len(self.runs) - 1, line))].id)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y + self.scroll_offset.y < len(self.runs):
            self.select_line(offset.y + self.scroll_offset.y)

    def action_move(self, lines: int) -> None:
        self.select_line(self.line_of(self.selected_id) + lines)

    def action_first(self) -> None:
        self.select_line(0)

    def action_last(self) -> None:
        self.select_line(len(self.runs) - 1)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.scrollable_content_region.height - 1))


def describe_briefly(run: Run, *, wide: bool) -> str:
    """The column at the right: how far it is, or how it ended; in 11 cells if `wide`, else in 7.

    A finished run shows its last test accuracy.
    """
    match run.state:
        case _ if run.pending is not None and wide:
            return state_word(run)
        case State.FINISHED:
            accuracy = format_fraction(run.test_accuracy)
            return f"test {accuracy}" if wide else accuracy
        case State.RUNNING | State.PAUSED:
            return format_done(run)
        case State.STOPPED | State.INTERRUPTED if not wide:
            return format_done(run)
        case State.STARTING if not wide:
            return "starts…"
        case _:
            return state_word(run)


def format_done(run: Run) -> str:
    """`62 %` of its steps; 100 % only when all are done."""
    return f"{int(run.fraction * 100)} %"
