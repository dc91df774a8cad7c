"""The layer table of a net: name, output size, parameters, and their sum."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from engine.estimate import LayerCheck
from tui.text import format_count, shorten

NUMBER_WIDTH = 11
"""Of the parameter column: `11,181,642` and a space."""


class LayerTable(Widget):
    """One line a layer, between a head and the total."""

    check: reactive[LayerCheck] = reactive(LayerCheck(), layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.check.rows) + 2 if self.check.rows else 0

    def render(self) -> Content:
        rows, width = self.check.rows, self.size.width
        if not rows:
            return Content("")
        outputs = max(len("output"), *(len(row.output) for row in rows))
        names = max(1, width - outputs - NUMBER_WIDTH - 1)
        lines = [Content.styled(_line("layer", "output", "parameters", names, outputs), "$text-muted")]
        lines += [
            Content(
                _line(
                    row.name, row.output, format_count(row.num_parameters) if row.num_parameters else "", names, outputs
                )
            )
            for row in rows
        ]
        lines.append(Content.styled(_line("total", "", format_count(self.check.total), names, outputs), "bold"))
        return Content("\n").join(lines)


def _line(name: str, output: str, parameters: str, names: int, outputs: int) -> str:
    return f"{shorten(name, names):<{names}} {output:<{outputs}}{parameters:>{NUMBER_WIDTH}}"
