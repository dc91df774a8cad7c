"""Runs as lines: how each looks, which is selected, going from one to another. Only what changed is repainted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytrain.engine.records import Kind, Run, State, TrainerState
from lazytrain.tui.charts.tones import RUN_TONES, component_css
from lazytrain.tui.lists.list_keys import moving_keys
from lazytrain.tui.words.names import tell_apart
from lazytrain.tui.words.text import (
    format_done,
    format_fraction,
    format_steps,
    pad,
    shorten,
    state_colour,
    state_glyph,
    state_word,
)

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

WIDE = 36
"""From this width on, the column at the right has words beside its percentages."""
LEAST_DETAIL, MOST_DETAIL, MOST_WIDE_DETAIL = 6, 7, 11
"""Cells of that column: at least those of `97.2 %`, so that names keep their room while a percentage grows."""


class RunLines(ScrollView, can_focus=True, inherit_bindings=False):
    """The runs that it is given, with the marks that they have.

    The selection belongs to a run, not to a line: it moves with it.
    """

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-list--cursor",
        "run-list--bar",
        "run-list--detail",
        *(f"run-list--{tone}" for tone in RUN_TONES),
        *(f"run-list--{colour}" for colour in ("text-muted", "text-success", "text-warning", "text-error")),
    }
    DEFAULT_CSS = """
    RunLines {
        border: round $foreground 25%;
        border-title-color: $foreground;
        border-title-style: bold;
        border-subtitle-color: $foreground;
        &.wrong { border-subtitle-color: $text-error; }
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
    """ + component_css("RunLines", "run-list")
    BINDINGS: ClassVar[list[BindingType]] = [*moving_keys("runs", "run")]

    class Selected(Message):
        """Another run is selected."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.runs: Sequence[Run] = ()
        """Those that are shown."""
        self.selected_id: str | None = None
        self._lines: dict[int, tuple[object, ...]] = {}
        self._places: dict[str, int] = {}
        self._names: tuple[object, dict[str, str]] = (None, {})
        """Of what they were made, and names as they are shown."""
        self._laid: tuple[Sequence[Run] | None, tuple[object, ...], tuple[int, int]] = (None, (), (0, 0))
        """For which runs, where they are in view, and the columns' widths."""

    @property
    def empty_text(self) -> str:
        """What stands where there is no run."""
        return ""

    @property
    def _lazytrain(self) -> Host:
        """The app, which has the store and carries out commands."""
        return cast("Host", self.app)

    @property
    def selected(self) -> Run | None:
        """The selected run, or None where there is no run."""
        line = self.line_of(self.selected_id)
        return self.runs[line] if line >= 0 else None

    def line_of(self, run_id: str | None) -> int:
        """Where a run is listed; -1 if it isn't."""
        return self._places.get(run_id, -1) if run_id is not None else -1

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        line = y + self.scroll_offset.y
        if not self.runs:
            text = shorten(self.empty_text, width - 1) if y == 0 else ""
            return Strip([Segment(f" {text}".ljust(width), self.get_component_rich_style("run-list--detail"))], width)
        if line >= len(self.runs):
            return Strip.blank(width, self.rich_style)
        run = self.runs[line]
        return self._strip(run, width, selected=run.id == self.selected_id)

    @property
    def _in_view(self) -> Sequence[Run]:
        top = self.scroll_offset.y
        return self.runs[top : top + max(1, self.scrollable_content_region.height)]

    @property
    def _columns(self) -> tuple[int, int]:
        """Cells for a name and tags, and of the column at the right: what that says in view, and names have the rest.

        Asked with every line: found anew only when other runs, or the same in another state, are in view.
        """
        width, marked = self.scrollable_content_region.width, bool(self._lazytrain.marks)
        place = self.scroll_offset.y, width, self.scrollable_content_region.height, marked
        if self._laid[0] is not self.runs or self._laid[1] != place:
            wide = width >= WIDE
            said = (cell_len(describe_briefly(run, wide=wide)) for run in self._in_view)
            detail = min(MOST_WIDE_DETAIL if wide else MOST_DETAIL, max((LEAST_DETAIL, *said)))
            self._laid = self.runs, place, (max(0, width - 3 - detail - 2 - (2 if marked else 0)), detail)
        return self._laid[2]

    def _shown_names(self) -> dict[str, str]:
        """The names in view, cut so that they differ; kept until others are in view."""
        names, (room, _) = tuple(run.name for run in self._in_view), self._columns
        if self._names[0] != (names, room):
            self._names = (names, room), dict(zip(names, tell_apart(names, room), strict=True))
        return self._names[1]

    def _strip(self, run: Run, width: int, *, selected: bool) -> Strip:
        base = self.get_component_rich_style("run-list--cursor") if selected else self.rich_style

        def style(name: str) -> Style:
            return base + self.get_component_rich_style(f"run-list--{name}", partial=True)

        detail = describe_briefly(run, wide=width >= WIDE)
        marks = self._lazytrain.marks
        mark = [Segment(f"{marks.marker(run.id)} ", style(marks.tone(run.id)))] if run.id in marks else []
        if marks and not mark:
            mark = [Segment("  ", base)]
        (room, column), state = self._columns, style(state_colour(run))
        name = self._shown_names().get(run.name) or shorten(run.name, room)
        return Strip(
            [
                Segment("▌" if selected else " ", style("bar")),
                Segment(f"{state_glyph(run)} ", state),
                *mark,
                Segment(name, base),
                Segment(pad(fitting_tags(run, room - cell_len(name)), room - cell_len(name)), style("detail")),
                Segment(
                    f" {shorten(detail, column):>{column}} ", state if run.state is State.FAILED else style("detail")
                ),
            ],
            width,
        )

    def _repaint(self) -> None:
        """Repaint the lines in view that look different."""
        wide, places = self.scrollable_content_region.width >= WIDE, self._lazytrain.marks.places
        names, columns = self._shown_names(), self._columns
        lines: dict[int, tuple[object, ...]] = {
            line: (
                *(state_glyph(run), names[run.name], run.tags, describe_briefly(run, wide=wide)),
                run.id == self.selected_id,
                places.get(run.id),
                columns,
            )
            for line, run in enumerate(self._in_view, start=self.scroll_offset.y)
        }
        before, self._lines = self._lines, lines
        for line, shown in lines.items():
            if before.get(line) != shown:
                self.refresh_lines(line)

    def _keep_selected_in_view(self) -> None:
        line = self.line_of(self.selected_id)
        if line >= 0:
            self.scroll_to_region(Region(0, line, 1, 1), animate=False, force=True)

    # ── choosing ───────────────────────────────────────────────────────────────────────────────────────────

    def select(self, run_id: str) -> None:
        """Select a run, even one that isn't listed yet: it will be when it comes."""
        if run_id == self.selected_id:
            return
        self.selected_id = run_id
        self._repaint()
        self._keep_selected_in_view()
        self.post_message(self.Selected(run_id))

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


def fitting_tags(run: Run, room: int) -> str:
    """` #night #first`, as many as fit into `room` cells beside a name."""
    text = ""
    for tag in run.tags:
        if cell_len(text) + cell_len(tag) + 2 > room:
            break
        text += f" #{tag}"
    return text


def describe_briefly(run: Run, *, wide: bool) -> str:
    """The column at the right: how far it is, or how it ended; in 11 cells if `wide`, else in 7.

    A finished run shows its last test accuracy.
    """
    if run.kind is not Kind.OWN and run.state is State.FINISHED:
        return format_steps(run.step) if run.step else state_word(run) if wide else "✓"
    shows_progress = run.state in (State.RUNNING, State.PAUSED) or (
        not wide and run.state in (State.STOPPED, State.INTERRUPTED)
    )
    match run.state:
        case _ if run.trainer is not TrainerState.ALIVE and wide:
            return state_word(run)
        case _ if run.pending is not None and wide:
            return state_word(run)
        case _ if shows_progress and run.kind is not Kind.OWN and not run.num_steps:
            word = format_steps(run.step) if run.step else state_word(run)
            return word if wide or cell_len(word) <= 7 else "–"
        case State.FINISHED:
            accuracy = format_fraction(run.test_accuracy)
            return f"test {accuracy}" if wide else accuracy
        case _ if shows_progress:
            return format_done(run)
        case State.STARTING if not wide:
            return "starts…"
        case _:
            return state_word(run)
