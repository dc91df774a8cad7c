"""The run list as a table."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from lazytrain.engine.analysis.facts import LoggedAccuracy
from lazytrain.engine.records import Kind, Run, State, TrainerState
from lazytrain.tui.plain.output import print_table
from lazytrain.tui.words.text import (
    NOTHING,
    format_duration,
    format_fraction,
    format_moment,
    state_glyph,
    state_word,
)

STATE_COLOURS = {
    State.STARTING: "green",
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.FINISHED: "green",
    State.FAILED: "red",
    State.INTERRUPTED: "yellow",
}
"""Of the terminal's own sixteen colours; states not named have none."""
WIDE = 104
"""Columns from which the run list has room for the date."""


def state_text(run: Run) -> Text:
    """`✓ finished`, coloured."""
    standing = Text(f"{state_glyph(run)} {state_word(run)}")
    standing.stylize("yellow" if run.trainer is not TrainerState.ALIVE else STATE_COLOURS.get(run.state, ""))
    return standing


def print_runs(
    runs: Sequence[Run],
    console: Console,
    validated: Container[str] = (),
    num_archived: int = 0,
    logged: Mapping[str, LoggedAccuracy] | None = None,
) -> None:
    """The run list as a table; where it is empty, what to do about it.

    Args:
        validated: ids of those whose best epoch is chosen on images held out for that.
        num_archived: runs that are out of the list.
        logged: run id → accuracy of programs' runs, as far as they log one.
    """
    if not runs and num_archived:
        what = "the only run is" if num_archived == 1 else f"all {num_archived} runs are"
        console.print(f"{what} archived: `lazytrain runs archived` lists them")
        return
    if not runs:
        console.print("no runs yet: `lazytrain train coolnet-v10 quick` makes one in half a minute")
        return
    wide = not console.is_terminal or console.width >= WIDE
    rows: list[tuple[str | Text, ...]] = []
    on_nodes = any(run.node for run in runs)
    for run in runs:
        accuracy = (logged or {}).get(run.id)
        best = f"{format_fraction(run.best_accuracy)} @ {run.best_epoch}" if run.best_epoch else NOTHING
        cells = (
            state_text(run),
            " ".join((run.shown_name, *(f"#{tag}" for tag in run.tags))),
            run.id,
            f"{run.epoch}/{run.num_epochs}" if run.kind is Kind.OWN else NOTHING,
            best if accuracy is None else format_fraction(accuracy.best),
            _chosen_on(run, validated, wide=wide),
            format_fraction(run.test_accuracy if accuracy is None else accuracy.last),
            format_duration(run.seconds if run.seconds else None),
            *((run.node or NOTHING,) if on_nodes else ()),
            *((format_moment(run.created),) if wide else ()),
        )
        rows.append(cells)
    chosen = "chosen on" if wide else "by"
    heads = ("state", "+name", "id", ">epochs", ">best", chosen, ">last", ">time")
    heads = (*heads, *(("node",) if on_nodes else ()), *(("created",) if wide else ()))
    print_table(console, heads, rows)


def _chosen_on(run: Run, validated: Container[str], *, wide: bool) -> str:
    if not run.best_epoch:
        return NOTHING
    return "test" if run.id not in validated else "validation" if wide else "val."
