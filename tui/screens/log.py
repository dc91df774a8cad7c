"""The log of a run: what its training said, with times."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from lazytrain.engine.records import Message, Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.words.text import format_moment

MOST_LINES = 2_000
"""So many of the newest are shown."""
LEVELS = {
    "detail": ("·", "$foreground 60%"),
    "info": ("·", "$foreground 60%"),
    "warning": ("⚠", "$text-warning"),
    "error": ("✗", "$text-error"),
    "stdout": ("│", "$foreground 40%"),
    "stderr": ("┆", "$text-warning"),
}


class LogScreen(ModalScreen[None]):
    """Messages of one run, the newest at the end; new ones are added while it is open."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l,q", "dismiss", "close", key_display="esc", id="log.close", tooltip="Back to the runs"),
        Binding("up,k", "scroll(-1)", "up", id="log.up", tooltip="A line up", show=False),
        Binding("down,j", "scroll(1)", "down", id="log.down", tooltip="A line down", show=False),
    ]

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self._last_id = 0
        self._lines: deque[Content] = deque(maxlen=MOST_LINES)
        self._day = ""
        """Of the last line."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="panel") as panel:
            panel.border_title = Content(f"Log of {self.run.shown_name}")
            yield Static(id="text")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.read_new(first=True)

    def read_new(self, *, first: bool = False) -> None:
        """Add the messages that came since the last look; stays at the end if the end was in view."""
        if not self.is_mounted and not first:
            return
        messages = self.store.messages(self.run.id, self._last_id, MOST_LINES, details=True)
        if not messages and not first:
            return
        panel = self.query_one("#panel", VerticalScroll)
        at_end = first or panel.scroll_offset.y >= panel.max_scroll_y
        for message in messages:
            self._lines.extend(self._tell(message))
            self._last_id = message.id
        nothing = Content.styled("Nothing yet: what training says of this run will stand here.", "$foreground 60%")
        self.query_one("#text", Static).update(Content("\n").join(self._lines) if self._lines else nothing)
        if at_end:
            panel.scroll_end(animate=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#panel", VerticalScroll).scroll_relative(y=lines, animate=False)

    def _tell(self, message: Message) -> Iterator[Content]:
        """Its line, under its day where that is another one than the line's before."""
        glyph, colour = LEVELS.get(message.level, LEVELS["info"])
        day, _, clock = format_moment(message.time).rpartition(" ")
        if day != self._day:
            self._day = day
            yield Content.styled(day, "$foreground 60%")
        yield Content.assemble((f"{clock}  ", "$foreground 60%"), (f"{glyph} ", colour), message.text)
