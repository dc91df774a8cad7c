"""The layer table of a net: name, output size, parameters, and their sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from lazytrain.tui.words.text import format_count, shorten

if TYPE_CHECKING:
    from lazytrain.engine.queue.estimate import LayerCheck

ROOM_FOR_WORDS = 44
"""Below this width the head is short, so that the names are whole."""


class LayerTable(Widget):
    """One line a layer, between a head and the total."""

    check: reactive[LayerCheck | None] = reactive(None, layout=True)
    """None: nothing to show."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.check.rows) + 2 if self.check is not None and self.check.rows else 0

    def render(self) -> Content:
        check, width = self.check, self.size.width
        if check is None or not check.rows:
            return Content("")
        rows = check.rows
        head = "parameters" if width >= ROOM_FOR_WORDS else "params"
        total = format_count(check.total)
        outputs = max(len("output"), *(len(row.output) for row in rows))
        numbers = max(len(head), len(total)) + 1
        names = max(1, width - outputs - numbers - 1)

        def line(name: str, output: str, parameters: str) -> str:
            return f"{shorten(name, names):<{names}} {output:<{outputs}}{parameters:>{numbers}}"

        lines = [Content.styled(line("layer", "output", head), "$foreground-muted")]
        for row in rows:
            lines.append(
                Content(line(row.name, row.output, format_count(row.num_parameters) if row.num_parameters else ""))
            )
        lines.append(Content.styled(line("total", "", total), "bold"))
        return Content("\n").join(lines)
