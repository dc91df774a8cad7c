"""Commands on the command line: the words after `--`, a command's own options, and presets of commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.presets import load_catalogue, parse_setting
from lazytrain.tui.commands import completion
from lazytrain.tui.commands.shared import Refused
from lazytrain.tui.commands.verbs import words_after_dashes
from lazytrain.tui.state.environment import Places

A_COMMAND = "Of a command after --, or a preset of one"
"""What its options are listed under in the help."""

Project = Annotated[str | None, typer.Option("--project", help="What the run belongs to.", rich_help_panel=A_COMMAND)]
Folder = Annotated[
    Path | None, typer.Option("--cwd", metavar="DIR", help="Where it is started; here.", rich_help_panel=A_COMMAND)
]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="K=V", help="Added to its environment; may be repeated.", rich_help_panel=A_COMMAND),
]
NeedsOption = Annotated[
    Literal["gpu", "cpu"] | None,
    typer.Option("--needs", help="gpu: only beside a GPU; cpu: it sees none.", rich_help_panel=A_COMMAND),
]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        metavar="RUN",
        help="Start it once this run has finished.",
        rich_help_panel=A_COMMAND,
        autocompletion=completion.runs,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """What is said of a command beside its words."""

    project: str | None
    folder: Path | None
    environment: list[str] | None
    needs: Literal["gpu", "cpu"] | None
    after: str | None

    @property
    def given(self) -> str | None:
        """The first that was given."""
        names = {"--project": self.project, "--cwd": self.folder, "--env": self.environment}
        names |= {"--needs": self.needs, "--after": self.after}
        return next((name for name, value in names.items() if value is not None), None)


class CommandWanted:
    """What is to be queued, if it is a command.

    Args:
        preset: the first argument, a preset's name.
    """

    def __init__(
        self,
        context: typer.Context,
        places: Places,
        preset: str | None,
        settings: list[str] | None,
        options: CommandOptions,
    ) -> None:
        self._places, self._preset, self._settings, self._options = places, preset, settings, options
        self._words = words_after_dashes(context)
        if self._words is None and preset is None:
            raise typer.BadParameter("name a preset, or write a command after --", context, param_hint="'ARCHITECTURE'")
        if self._words is not None and preset is not None:
            raise Refused(f"{preset} -- …: give a preset, or a command after --, not both")
        if self._words is not None and settings:
            raise Refused("--set goes with a preset; a command has its own words")
        self.is_preset = self._words is None and self._names_command()
        if not self and options.given is not None:
            raise Refused(f"{options.given} goes with a command: write it after --, or name a preset of one")

    def __bool__(self) -> bool:
        """Whether it is a command."""
        return self._words is not None or self.is_preset

    def _names_command(self) -> bool:
        catalogue = load_catalogue(self._places.presets)
        return self._preset not in catalogue.architectures and self._preset in catalogue.commands

    def add(self, store: Store, name: str | None) -> Run:
        """Queue it. Raises CommandError, PresetError, RunNotFound, NotPossible."""
        from lazytrain.engine.commands.preparing import prepare_command
        from lazytrain.engine.commands.queueing import plan_commands, queue_planned

        options = self._options
        environment = dict(map(_read_variable, options.environment or ()))
        after = store.find(options.after).id if options.after is not None else None
        more: dict[str, Any] = {"environment": environment, "needs": options.needs, "after": after}
        if self._words is not None:
            command = prepare_command(self._words, folder=options.folder, **more)
            return store.add_command(command, name, project=options.project or "")
        assert self._preset is not None
        preset = load_catalogue(self._places.presets).commands[self._preset].get()
        settings = dict(parse_setting(text) for text in self._settings or ())
        (planned,) = plan_commands(
            preset, self._preset, settings=settings, folder=options.folder, project=options.project, **more
        )
        run = queue_planned(store, planned, name=name)
        assert run is not None
        return run


def _read_variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Refused(f"--env {text}: write NAME=VALUE")
    return name, value
