"""The log of a run: what its training said and printed, with times."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.widgets.log_lines import MOST_LINES, LogLines

NOTHING = "Nothing yet: what training says of this run will stand here."


class LogScreen(ModalScreen[None]):
    """Messages of one run, the newest at the end; new ones are added while it is open."""

    CSS_PATH = "panel.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l,q", "dismiss", "close", key_display="esc", id="log.close", tooltip="Back to the runs"),
        Binding("up,k", "scroll(-1)", "up", id="log.up", tooltip="A line up", show=False),
        Binding("down,j", "scroll(1)", "down", id="log.down", tooltip="A line down", show=False),
        Binding("pageup", "page(-1)", "page up", id="log.page_up", tooltip="A page up", show=False),
        Binding("pagedown", "page(1)", "page down", id="log.page_down", tooltip="A page down", show=False),
        Binding("home", "end(False)", "beginning", id="log.home", tooltip="To the beginning", show=False),
        Binding("end", "end(True)", "end", id="log.end", tooltip="To the end", show=False),
    ]

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self._last_id = 0

    def compose(self) -> ComposeResult:
        lines = LogLines(NOTHING, id="panel")
        lines.border_title = Content(f"Log of {self.run.shown_name}")
        yield lines
        yield KeyFooter()

    @property
    def lines(self) -> LogLines:
        """What is shown."""
        return self.query_one("#panel", LogLines)

    def on_mount(self) -> None:
        self.read_new(first=True)

    def read_new(self, *, first: bool = False) -> None:
        """Add the messages that came since the last look; stays at the end if the end was in view."""
        if not self.is_mounted and not first:
            return
        messages = self.store.messages(self.run.id, since=self._last_id, limit=MOST_LINES, details=True)
        if messages:
            self._last_id = messages[-1].id
            self.lines.add(messages)

    def action_scroll(self, lines: int) -> None:
        self.lines.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        self.lines.scroll_relative(y=pages * max(1, self.lines.size.height - 1), animate=False)

    def action_end(self, end: bool) -> None:
        if end:
            self.lines.scroll_end(animate=False)
        else:
            self.lines.scroll_home(animate=False)
