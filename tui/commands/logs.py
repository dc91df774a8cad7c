"""The subcommands for logs that other programs have written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lazytrain.engine.places import expand
from lazytrain.engine.records import Run
from lazytrain.tui.commands.options import AsJson, Home
from lazytrain.tui.commands.shared import Refused, places_of
from lazytrain.tui.plain.reporters import write_line

if TYPE_CHECKING:
    from lazytrain.engine.store.journal import Journal

KNOWN = "TensorBoard's event files, Lightning's metrics.csv, Keras' CSVs and trackio's *.db"

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR…", help=f"Folders, with all below them: {KNOWN}.", show_default=False)
]


def watch(
    context: typer.Context,
    folders: Folders,
    keep: Annotated[bool, typer.Option("--import", help="Keep what is read in your run store.")] = False,
    home: Home = None,
) -> None:
    """Show logs of other programs, as they are and as they grow.

    Each folder of logs is a run. For example: lazytrain watch runs lightning_logs
    """
    from lazytrain.tui.logs_app import show_logs  # textual is for the screen alone

    raise typer.Exit(show_logs(places_of(context, home), _checked(folders), keep=keep))


def import_logs(context: typer.Context, folders: Folders, as_json: AsJson = False, home: Home = None) -> None:
    """Take logs of other programs into your run store.

    Runs that were exported as JSON, too. Once more, only what is new is taken. For example: lazytrain import runs, or:
    lazytrain import coolnet-v10.json
    """
    from lazytrain.engine.logs.following import FollowedElsewhere, Follower
    from lazytrain.engine.store.log_journal import LogJournal
    from lazytrain.tui.plain.importing import follow_to_the_end
    from lazytrain.tui.plain.output import print_json

    found = _checked(folders)
    files = _runs_files(found)
    roots = [path for path in found if path not in files]
    with LogJournal(places_of(context, home).home) as journal:
        taken, num_taken, num_values = _take_back(journal, files)
        try:
            follower = Follower(journal, roots)
        except FollowedElsewhere as error:
            raise Refused(str(error)) from None
        try:
            follow_to_the_end(follower, sys.stderr)
        finally:
            follower.close()
        added: list[Run] = [journal.run(run_id) for run_id in (*taken, *follower.added)]
    for each in follower.finder.left_out:
        write_line(sys.stderr, f"lazytrain: {each}")
    num_runs = follower.num_runs + num_taken
    num_values += follower.num_read
    if not num_runs:
        raise Refused(
            f"{', '.join(map(str, folders))}: no logs are there: {KNOWN} are read, and what `lazytrain export RUN…"
            " --format json` makes"
        )
    if as_json:
        counts = {"runs": num_runs, "values": num_values}
        print_json({**counts, "added": [{"id": run.id, "name": run.name} for run in added]})
        return
    for run in added:
        write_line(sys.stdout, f"{run.id}  {run.shown_name}")
    write_line(
        sys.stdout,
        f"{num_runs:,} run{'s' * (num_runs != 1)} found, {len(added):,} of them new; {num_values:,} values read",
    )


def _runs_files(paths: Sequence[Path]) -> list[Path]:
    """Exports of runs among what was named, and directly in the folders that were."""
    from lazytrain.engine.export.taken_back import is_runs_file

    named = [each for path in paths for each in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    return [path for path in named if path.suffix == ".json" and is_runs_file(path)]


def _take_back(journal: Journal, files: Sequence[Path]) -> tuple[list[str], int, int]:
    """Ids of the runs that are new, how many there are in all, and the number of values of the new ones."""
    from lazytrain.engine.export.taken_back import take_back

    added: list[str] = []
    num_runs = num_values = 0
    for path in files:
        taken = take_back(journal, path)
        added += taken.added
        num_runs += len(taken.added) + taken.num_known
        num_values += taken.num_values
    return added, num_runs, num_values


def _checked(folders: list[Path]) -> list[Path]:
    found = [expand(folder).absolute() for folder in folders]
    for folder in found:
        if not folder.exists():
            raise Refused(f"{folder}: there is no such folder")
    return found
