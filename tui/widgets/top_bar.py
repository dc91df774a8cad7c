"""The line at the top: which screen this is, and where the queue and the device stand."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from lazytrain.tui.words.text import shorten

NAME = " lazytrain  "
TABS = {"launch": " 1 Launch ", "monitor": " 2 Monitor ", "compare": " 3 Compare "}


def chosen_tab(app: App[Any]) -> str:
    """The look of the tab that is shown. Sixteen colours have no shade to stand on, and no colours none at all."""
    return "bold reverse" if app.native_ansi_color or app.no_color else "bold $accent on $accent 20%"


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
            Content.styled(name, chosen_tab(self.app) if mode == self.app.current_mode else "")
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
