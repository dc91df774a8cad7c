"""The subcommands: the same verbs as the screen's keys, for scripts and for those who want no screen.

Each is a few lines over the store; what they print is in `tui.plain`. Here are
their names alone: a subcommand's module is imported when it is called, so that help and completion come at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from lazytrain.presets.plain_text import harmless
from lazytrain.tui.commands.completion import answer_shell, shell_asks
from lazytrain.tui.commands.options import Data, Device, Home
from lazytrain.tui.commands.verbs import Verb, VerbGroup
from lazytrain.tui.plain.ascii import HANDLER, register
from lazytrain.tui.plain.streams import guard

USAGE_ERROR: Any = typer.BadParameter.__base__
"""Whatever is wrong with options and arguments; Typer gives it no name of its own."""
TRAIN, LOOK, STEER, TAKE_AWAY, MACHINE = "Train", "Look", "Steer", "Take away", "Machine"
"""What the subcommands are for, as `--help` groups them."""

VERBS = (
    Verb("train", "train", TRAIN, "Train a run here, without a screen.", command=True),
    Verb("study", "study", TRAIN, "Train the runs of a study here, or queue them."),
    Verb("queue", "train", TRAIN, "Queue a run; prints its id.", command=True),
    Verb("work", "train", TRAIN, "Train the queue, without a screen, until it is empty."),
    Verb("presets", "look", LOOK, "List what can be trained."),
    Verb("runs", "look", LOOK, "List the runs: all, or those that fit."),
    Verb("show", "look", LOOK, "Show a run: its settings, epochs and log."),
    Verb("log", "log", LOOK, "Show a run's log, and what a command printed."),
    Verb("metrics", "metrics", LOOK, "Show what a run has logged, or a metric's values."),
    Verb("watch", "logs", LOOK, "Show logs of other programs, as they are and as they grow."),
    Verb("report", "look", LOOK, "Say what finished, what failed and why, and how good it got."),
    Verb("plot", "plot", LOOK, "Print the curves of runs as charts, in plain text."),
    Verb("confusion", "learned", LOOK, "Show which class a run's net takes for which."),
    Verb("mistakes", "learned", LOOK, "Show the test images that a net is wrong about and surest of."),
    Verb("pause", "wishes", STEER, "Pause a run; it stays in memory."),
    Verb("resume", "wishes", STEER, "Let a run go on, or queue it again."),
    Verb("stop", "wishes", STEER, "Stop a run and keep it; `resume` goes on."),
    Verb("discard", "wishes", STEER, "Delete runs and their checkpoints; asks first."),
    Verb("rename", "wishes", STEER, "Give a run another name."),
    Verb("tag", "labels", STEER, "Give a run tags (+night), or take them away (-night).", literal=True),
    Verb("note", "labels", STEER, "Keep a note beside a run, or print the one there is."),
    Verb("archive", "labels", STEER, "Take runs out of the list; nothing is deleted."),
    Verb("export", "export", TAKE_AWAY, "Take runs away: tables, pictures, TensorBoard, weights."),
    Verb("import", "logs", MACHINE, "Take logs of other programs into your run store.", function_name="import_logs"),
    Verb("doctor", "look", MACHINE, "Say what is found here: device, data, terminal, store."),
)
"""In the order of `--help`. The sentence is the first of the function's docstring, where a test looks for it."""


class LazytrainGroup(VerbGroup):
    """All of them."""

    verbs = VERBS


app = typer.Typer(
    help="A terminal monitor that also trains: without a subcommand the screen opens.",
    cls=LazytrainGroup,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def user_errors() -> tuple[type[Exception], ...]:
    """What a person can put right: told in a sentence or two, with exit status 2."""
    # Imported when something went wrong: help, completion and most commands need only some of these modules.
    from lazytrain.engine.analysis.findings import InspectionError
    from lazytrain.engine.analysis.queries import QueryError
    from lazytrain.engine.commands.preparing import CommandError
    from lazytrain.engine.data.datasets import DatasetError
    from lazytrain.engine.errors import DeviceError
    from lazytrain.engine.export.files import ExportError
    from lazytrain.engine.places import PlaceError
    from lazytrain.engine.store.database import StoreError
    from lazytrain.engine.store.store import NotPossible, RunNotFound
    from lazytrain.engine.store.stored_configuration import RunUnreadable
    from lazytrain.presets import PresetError
    from lazytrain.tui.commands.labels import LabelError
    from lazytrain.tui.commands.shared import Refused

    return (
        *(PresetError, DatasetError, StoreError, RunNotFound, RunUnreadable, NotPossible, DeviceError),
        *(ExportError, InspectionError, QueryError, LabelError, PlaceError, CommandError, Refused),
    )


def run_command_line(arguments: Sequence[str]) -> int:
    """Run `lazytrain` with `arguments`; returns the exit status. A person's mistake is no traceback."""
    register()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a glyph shows a plain one instead of ending the command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
    if shell_asks(os.environ):
        return answer_shell(lambda: app((), prog_name="lazytrain"), os.environ, sys.stdout)
    return guard(lambda: _run(list(arguments)))


def _run(arguments: list[str]) -> int:
    try:
        status: object = app(arguments, prog_name="lazytrain", standalone_mode=False)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # how Rich ends where help is piped into `head`
            raise end.__context__ from None
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except typer.Abort:
        sys.stderr.write("Aborted.\n")
        return 1
    except USAGE_ERROR as error:
        from typer.rich_utils import rich_format_error

        # What was typed stands in it.
        error.message = harmless(error.message, lines=True)
        rich_format_error(error)
        return error.exit_code
    except user_errors() as error:
        from lazytrain.tui.plain.follow import REFUSED
        from lazytrain.tui.plain.reporters import write_line

        write_line(sys.stderr, f"lazytrain: {error}")
        return REFUSED
    return status if isinstance(status, int) else 0


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    home: Home = None,
    data: Data = None,
    device: Device = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        from lazytrain.tui.plain.reporters import write_line
        from lazytrain.tui.state.environment import own_version

        write_line(sys.stdout, f"lazytrain {own_version()}")
        raise typer.Exit
    context.obj = (home, data, device)
    if context.invoked_subcommand is None:
        from lazytrain.tui.start import start_screen  # textual is for the screen alone
        from lazytrain.tui.state.environment import find_places

        raise typer.Exit(start_screen(find_places(home, data), device or "auto"))
