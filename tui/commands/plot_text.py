"""Charts as styled text, for `lazytrain plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from lazytrain.tui.charts.lines import Line
    from lazytrain.tui.charts.tones import Tone

Parts = list[tuple[str, str]]
"""Texts with their styles, as rich writes them."""


def print_line(console: Console, parts: Parts) -> None:
    """A line of them."""
    text = Text()
    for words, style in parts:
        text.append(words, style)
    text.rstrip()
    console.print(text, soft_wrap=True)


def styled(line: Line) -> Parts:
    """A chart's line."""
    return [(words, tone_style(tone)) for words, tone in line.parts()]


def tone_style(tone: Tone) -> str:
    """As on the screen's dark background, but for what a light one would hide."""
    from lazytrain.tui.charts.tones import COLOURS, faint

    match tone:
        case "frame" | "axis":
            return "dim"
        case "title" | "best":
            return f"bold {COLOURS['test'][0]}" if tone == "best" else "bold"
        case "bad":
            return "bold red"
        case "overfit":
            return "yellow"
        case "run-7":
            return ""
    if tone in COLOURS:
        return COLOURS[tone][0]
    behind: Tone | None = next((each for each in COLOURS if faint(each) == tone), None)
    return f"dim {tone_style(behind)}".rstrip() if behind is not None else ""
