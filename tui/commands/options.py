"""The options and arguments that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lazytrain.tui.commands import completion

PLACES = "Where and on what"
"""What the options that most subcommands have are listed under in their help."""
CLUSTER = "On several machines"

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the run store and your presets (LAZYTRAIN_HOME).", rich_help_panel=PLACES),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the datasets (LAZYTRAIN_DATA).", rich_help_panel=PLACES)
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="auto, cpu, cuda, cuda:1, mps …; auto by default.",
        rich_help_panel=PLACES,
        autocompletion=completion.devices,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
RunReference = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="An id, the beginning of one, a name, or 'last'.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
RunReferences = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN…",
        help="Ids, beginnings of ids, names, or 'last'.",
        show_default=False,
        autocompletion=completion.runs,
    ),
]
Filter = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILTER]…", help="Words and conditions, such as 'lr>0.01' or state:finished.", show_default=False
    ),
]
ArchitectureName = Annotated[
    str | None,
    typer.Argument(
        metavar="ARCHITECTURE",
        help="A preset of `lazytrain presets`: of a net, or of a command.",
        show_default=False,
        autocompletion=completion.architectures_and_commands,
    ),
]
HyperparametersName = Annotated[
    str, typer.Argument(metavar="HYPERPARAMETERS", help="A preset too.", autocompletion=completion.hyperparameters)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field, such as learning_rate=0.1; may be repeated.",
        autocompletion=completion.settings,
    ),
]
Jobs = Annotated[
    str | None,
    typer.Option(
        "--jobs",
        metavar="N",
        help="Train so many runs at once (1; with --ray as many as fit); 'auto': as many as cores, but one.",
        autocompletion=lambda: ["auto"],
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="On a Ray cluster: 'auto' (the one that this machine is in), its head's HOST:PORT, or 'local'.",
        rich_help_panel=CLUSTER,
        autocompletion=lambda: ["auto", "local"],
    ),
]
CpusPerRun = Annotated[
    float,
    typer.Option("--cpus-per-run", metavar="N", min=0.0, help="What a run gets of a node.", rich_help_panel=CLUSTER),
]
GpusPerRun = Annotated[
    float,
    typer.Option(
        "--gpus-per-run", metavar="N", min=0.0, help="0, a part of one (0.25), or whole ones.", rich_help_panel=CLUSTER
    ),
]
Name = Annotated[str | None, typer.Option("--name", help="Name of the run; a taken one gets a number.")]
