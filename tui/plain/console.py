"""What every command's output passes on its way out: nothing in a run's name or an error moves a cursor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lazytrain.presets.plain_text import harmless


class PlainConsole(Console):
    """A console that changes nothing in what it is given, but what a terminal would obey is written out.

    A reader that has gone away is a BrokenPipeError, as with any other stream.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(harmless(text, lines=True), style)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
