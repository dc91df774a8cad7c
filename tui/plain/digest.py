"""`lazytrain report` without a file: what happened while nobody looked, for a terminal or a mail."""

from __future__ import annotations

from rich.console import Console

from lazytrain.engine.analysis.digest import Digest
from lazytrain.tui.plain.output import print_table
from lazytrain.tui.plain.run_table import state_text
from lazytrain.tui.words.digest import describe_best, describe_counts, describe_span, report_rows


def print_report(report: Digest, console: Console) -> None:
    """The report for a terminal or a mail."""
    console.print(f"{describe_span(report)}: {describe_counts(report)}", soft_wrap=True)
    rows = report_rows(report)
    if rows:
        console.print()
        heads = ("state", "+name", "id", ">best", ">last", ">time")
        cells = [
            (
                state_text(row.run),
                row.run.shown_name,
                row.run.id,
                f"{row.best} ({row.chosen})" if row.chosen else row.best,
                row.last,
                row.time,
            )
            for row in rows
        ]
        print_table(console, heads, cells)
    for row in rows:
        for note in row.notes:
            console.print(f"{row.run.shown_name}: {note}", soft_wrap=True)
    if report.ended:
        console.print(f"\n{describe_best(report)}", soft_wrap=True)
