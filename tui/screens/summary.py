"""What happened while no screen was open: shown once, over the first screen after an absence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget

from lazytrain.engine.analysis.digest import Digest
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.words.digest import ReportRow, describe_best, describe_counts, describe_span, report_rows
from lazytrain.tui.words.names import tell_apart
from lazytrain.tui.words.text import STATE_LOOKS, cut, shorten

GAP = "  "
AROUND = 6
"""Cells beside the lines: frame and padding."""
MOST_NOTE_LINES = 2
"""Of a note that is longer, `l` on Monitor shows the rest."""


class SummaryScreen(ModalScreen[None]):
    """The report since the last screen was open."""

    CSS_PATH = "summary.tcss"
    BINDING_GROUP_TITLE = "Summary"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "dismiss", "close", key_display="esc", id="summary.close", tooltip="Go on"),
        Binding("up,k", "scroll(-1)", "up", id="summary.up", tooltip="A line up", show=False),
        Binding("down,j", "scroll(1)", "down", id="summary.down", tooltip="A line down", show=False),
    ]

    def __init__(self, report: Digest) -> None:
        super().__init__()
        self.report = report

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="panel") as panel:
            panel.border_title = "While you were away"
            panel.border_subtitle = describe_span(self.report)
            panel.styles.width = _whole_width(self.report) + AROUND
            yield ReportView(self.report)
        yield KeyFooter()

    def action_scroll(self, lines: int) -> None:
        self.query_one("#panel", VerticalScroll).scroll_relative(y=lines, animate=False)


class ReportView(Widget):
    """The report as lines that fit the width."""

    def __init__(self, report: Digest) -> None:
        super().__init__()
        self.report = report

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(compose_lines(self.report, width))

    def render(self) -> Content:
        return Content("\n").join(compose_lines(self.report, self.content_size.width))


def compose_lines(report: Digest, width: int) -> list[Content]:
    """Counts, a line for each run with its notes beneath, and the best of them; none wider than `width`."""
    lines = [Content.styled(shorten(describe_counts(report), width), "bold"), Content()]
    rows = report_rows(report)
    widths = _figure_widths(rows)
    room = max(8, width - _beside_names(widths))
    for row, name in zip(rows, tell_apart([row.run.name for row in rows], room), strict=True):
        lines += _run_lines(row, name, room, widths, width)
    if best := describe_best(report):
        lines += [Content(), *(Content.styled(part, "$foreground 80%") for part in _fold(best, width, 3))]
    return lines


def _whole_width(report: Digest) -> int:
    """Cells in which no name is cut."""
    rows = report_rows(report)
    return max((cell_len(row.run.name) for row in rows), default=0) + _beside_names(_figure_widths(rows))


def _figure_widths(rows: Sequence[ReportRow]) -> list[int]:
    return [max((cell_len(cell) for cell in column), default=0) for column in zip(*map(_figures, rows), strict=True)]


def _beside_names(widths: Sequence[int]) -> int:
    """Cells of a state before a name, and of the figures behind it."""
    return 2 + sum(len(GAP) + width for width in widths)


def _figures(row: ReportRow) -> tuple[str, str]:
    return row.best, row.time


def _run_lines(row: ReportRow, name: str, room: int, widths: list[int], width: int) -> list[Content]:
    look = STATE_LOOKS[row.run.state]
    figures = GAP.join(cell.rjust(size) for cell, size in zip(_figures(row), widths, strict=True))
    head = Content.assemble(
        (f"{look.glyph} ", f"${look.colour}"), name, " " * (room - cell_len(name)), GAP, (figures, "$foreground 80%")
    )
    notes = (part for note in row.notes for part in _fold(note, width - 2, MOST_NOTE_LINES))
    return [head, *(Content.styled(f"  {part}", "$foreground 60%") for part in notes)]


def _fold(text: str, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines, broken at spaces where there are any; what is left over is cut off."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most - 1 and cell_len(rest) > width:
        fitting = max(1, len(cut(rest, width)))
        at = rest.rfind(" ", 0, fitting + 1)
        at = at if at > 0 else fitting
        lines.append(rest[:at])
        rest = rest[at:].lstrip()
    return [*lines, shorten(rest, width)]
