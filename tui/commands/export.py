"""`lazytrain export`: runs as tables, JSON, TensorBoard's files, a picture, or weights that load without lazytrain."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from lazytrain.engine.export.files import write_files
from lazytrain.engine.export.formats import Format, default_output, plan_export
from lazytrain.engine.places import expand
from lazytrain.tui.commands.completion import runs as complete_runs
from lazytrain.tui.commands.options import Data, Home
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import find_places

if TYPE_CHECKING:
    pass

PATIENCE_SECONDS = 1.0
"""What takes longer says how far it is."""


class Checkpoint(StrEnum):
    """What `--checkpoint` takes."""

    BEST = "best"
    LAST = "last"


def export(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…",
            help="Ids, beginnings of them, names, or 'last'.",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    form: Annotated[Format, typer.Option("--format", "-f", help="What to make.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File (tensorboard, weights: folder); by default named as the run, here."),
    ] = None,
    checkpoint: Annotated[
        Checkpoint, typer.Option("--checkpoint", help="Of weights: of the best epoch, or the last there are.")
    ] = Checkpoint.BEST,
    no_points: Annotated[
        bool, typer.Option("--no-points", help="Of json: without the windows within epochs, a tenth as large.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Take runs away: tables, pictures, TensorBoard, weights.

    Prints the files it made. csv makes two tables, of points and (…-epochs.csv) of epochs, with a column for the run;
    weights makes a folder with weights.safetensors, weights.pt, and load.py, which needs torch alone. What json makes
    `lazytrain import` takes in again.
    """
    from lazytrain.tui.state.dataset_lookup import DatasetShelf

    outer_home, outer_data, _ = context.obj
    places = find_places(home or outer_home, data or outer_data)
    shelf = DatasetShelf(places.data, places.cache)
    with open_store(places.home) as store:
        chosen = [store.find(reference) for reference in runs]
        where = expand(output) if output else default_output(chosen, form)
        which = "best" if checkpoint is Checkpoint.BEST else "last"
        planned = plan_export(store, chosen, form, where, describe=shelf.describe, which=which, points=not no_points)
    print_paths(write_files(planned, force=force, tell=Teller(sys.stderr)))


def print_paths(paths: Sequence[Path]) -> None:
    """A line each, for scripts."""
    for path in paths:
        write_line(sys.stdout, str(path))


class Teller:
    """A line on stderr that says how far it is and goes away, where somebody watches and it takes over a second."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._begun = clock()
        self._shown = False

    def __call__(self, done: int, total: int, what: str) -> None:
        if done == total:
            text = ""
        elif self._stream.isatty() and self._clock() - self._begun >= PATIENCE_SECONDS:
            text = f"{done}/{total} {what}…"
        else:
            return
        if text or self._shown:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._shown = bool(text)
