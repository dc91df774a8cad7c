"""The line at the top: which screen this is, and where the queue and the device stand."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.text import shorten

TABS = {"launch": "1 Launch", "monitor": "2 Monitor"}


class TopBar(Widget):
    """`lazytrain  1 Launch  2 Monitor`, clickable, and the app's headline at the right; a screen's first widget."""

    DEFAULT_CSS: ClassVar[str] = """
    TopBar { dock: top; height: 1; background: $panel; color: $foreground;
             link-style: none; link-color: $foreground; link-color-hover: $text-accent;
             link-background: transparent; link-background-hover: transparent; link-style-hover: underline; }
    """
    headline: reactive[str] = reactive("")

    def on_mount(self) -> None:
        self.watch(self.app, "headline", self._follow)

    def _follow(self, headline: str) -> None:
        self.headline = headline

    def render(self) -> Content:
        tabs = [
            Content.assemble(
                "  ", (name, f"bold $accent @click=app.mode('{mode}')" if mode == self.app.current_mode else f"@click=app.mode('{mode}')")
            )
            for mode, name in TABS.items()
        ]
        left = Content.assemble((" lazytrain", "bold"), " ", *tabs, "  ")
        room = self.size.width - left.cell_length - 1
        return left + Content.styled(f"{shorten(self.headline, room):>{max(0, room)}}", "$text-muted")
