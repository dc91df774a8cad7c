"""The line at the top: which screen this is, and where the device and the queue stand."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

TABS = {"launch": "1 Launch", "monitor": "2 Monitor"}


class TopBar(Widget):
    """`lazytrain  1 Launch  2 Monitor` at the left, the app's headline at the right; every screen's first widget."""

    DEFAULT_CSS = "TopBar { height: 1; dock: top; }"
    headline: reactive[str] = reactive("")

    def render(self) -> Content:
        return Content.from_markup(
            "[bold] lazytrain[/]  " + "  ".join(f"[@click=app.mode('{mode}')]{name}[/]" for mode, name in TABS.items())
        )
