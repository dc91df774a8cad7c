"""The subcommands: the same verbs as the screen's keys, for scripts and for those who want no screen.

Each is a few lines over the store; what they print is in `tui.plain`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

from lazytrain.engine.analysis.findings import InspectionError
from lazytrain.engine.analysis.queries import QueryError
from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.export.files import ExportError
from lazytrain.engine.store.database import StoreError
from lazytrain.engine.store.store import NotPossible, RunNotFound
from lazytrain.presets import PresetError
from lazytrain.tui.commands.export import export
from lazytrain.tui.commands.labels import LabelError, archive, note, tag
from lazytrain.tui.commands.learned import confusion, mistakes
from lazytrain.tui.commands.look import doctor, presets, report, runs, show
from lazytrain.tui.commands.options import (
    Data,
    Device,
    Home,
)
from lazytrain.tui.commands.plot import plot
from lazytrain.tui.commands.shared import Refused
from lazytrain.tui.commands.study import study
from lazytrain.tui.commands.train import queue, train, work
from lazytrain.tui.commands.wishes import discard, pause, rename, resume, stop
from lazytrain.tui.plain.follow import FINISHED, REFUSED
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import find_places, own_version

USER_ERRORS = (
    PresetError,
    DatasetError,
    StoreError,
    RunNotFound,
    NotPossible,
    DeviceError,
    ExportError,
    InspectionError,
    QueryError,
    LabelError,
    Refused,
)
"""What a person can put right: told in a sentence or two, with exit status 2."""

app = typer.Typer(
    help="A terminal monitor that also trains: without a subcommand the screen opens.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run `lazytrain` with `arguments`; returns the exit status. A person's mistake is no traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a glyph shows a question mark instead of ending the command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(list(arguments), prog_name="lazytrain")
    except USER_ERRORS as error:
        write_line(sys.stderr, f"lazytrain: {error}")
        return REFUSED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FINISHED if end.code is None else 1
    return FINISHED


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    home: Home = None,
    data: Data = None,
    device: Device = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        write_line(sys.stdout, f"lazytrain {own_version()}")
        raise typer.Exit
    context.obj = (home, data, device)
    if context.invoked_subcommand is None:
        from lazytrain.tui.start import start_screen  # textual is for the screen alone

        raise typer.Exit(start_screen(find_places(home, data), device or "auto"))


app.command()(presets)
app.command()(runs)
app.command()(show)
app.command()(report)
app.command()(doctor)
app.command()(train)
app.command()(queue)
app.command()(work)
app.command()(pause)
app.command()(resume)
app.command()(stop)
app.command()(discard)
app.command()(rename)
app.command()(plot)
app.command()(export)
app.command()(study)
app.command()(confusion)
app.command()(mistakes)
app.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})(tag)
app.command()(note)
app.command()(archive)
