"""The line at the top: which screen this is, and where the queue and the device stand."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from lazytrain.tui.words.text import shorten

NAME = " lazytrain  "
TABS = {"launch": " 1 Launch ", "monitor": " 2 Monitor ", "compare": " 3 Compare "}


class TopBar(Widget):
    """`lazytrain  1 Launch  2 Monitor  3 Compare`, clickable, and the app's headline at the right, at the top."""

    DEFAULT_CSS: ClassVar[str] = "TopBar { dock: top; height: 1; background: $panel; color: $foreground; }"
    headline: reactive[str] = reactive("")

    def on_mount(self) -> None:
        self.watch(self.app, "headline", self._follow)

    def _follow(self, headline: str) -> None:
        self.headline = headline

    def render(self) -> Content:
        tabs = (
            Content.styled(name, "bold $accent on $accent 20%" if mode == self.app.current_mode else "")
            for mode, name in TABS.items()
        )
        left = Content.assemble((NAME, "bold"), *tabs, "  ")
        room = max(0, self.size.width - left.cell_length - 1)
        return left + Content.styled(f"{shorten(self.headline, room):>{room}}", "$foreground-muted")

    async def on_click(self, event: events.Click) -> None:
        end = len(NAME)
        for mode, name in TABS.items():
            start, end = end, end + len(name)
            if start <= event.x < end:
                await self.app.run_action(f"app.mode('{mode}')")
