"""Presets and studies of commands on their way into the queue: checked all before the first is queued."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazytrain.engine.commands.preparing import CommandError, prepare_command
from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets.command import CommandPreset, CommandRun, CommandStudy, Needs, expand_commands, fill_preset
from lazytrain.presets.plain_text import harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCommand:
    """A command that can be queued."""

    configuration: CommandConfiguration
    name: str
    label: str
    """What tells it from the others of its study."""
    config: Mapping[str, Any]
    project: str
    group: str
    """Of a study its name."""


def plan_commands(
    source: CommandPreset | CommandStudy,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    num_seeds: int | None = None,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    needs: Needs | None = None,
    after: str | None = None,
    project: str | None = None,
    surroundings: Mapping[str, str] = os.environ,
) -> tuple[PlannedCommand, ...]:
    """The runs of a preset or a study called `name`.

    Args:
        settings: a preset's parameters in place of its defaults.
        folder, environment, needs, project: in place of the preset's, or added to it.

    Raises:
        CommandError: one of them can't be started, or a setting doesn't fit.
    """
    try:
        if isinstance(source, CommandPreset):
            runs: Sequence[CommandRun] = (fill_preset(source, settings),)
        elif settings:
            raise CommandError(f"--set: {name} is a study of a command, whose values are in its file")
        else:
            runs = expand_commands(source, num_seeds)
    except ValueError as error:
        raise CommandError(str(error)) from None
    study = "" if isinstance(source, CommandPreset) else name
    return tuple(
        PlannedCommand(
            configuration=prepare_command(
                run.arguments,
                folder=folder or source.cwd,
                environment={**run.environment, **(environment or {})},
                needs=needs or source.needs,
                after=after,
                surroundings=surroundings,
            ),
            name=harmless(f"{run.label} ({name})" if study and run.label else f"{name} {run.label}".strip())[:200],
            label=run.label,
            config=run.config,
            project=source.project if project is None else project,
            group=study,
        )
        for run in runs
    )


def runs_of_study(runs: Iterable[Run], name: str) -> list[Run]:
    """The runs that a study of a command has, whatever its parameters were then; the oldest first."""
    found = [run for run in runs if run.kind is Kind.COMMAND and run.run_group == name and not run.archived]
    return sorted(found, key=lambda run: run.created)


def find_twins(store: Store, planned: Sequence[PlannedCommand]) -> list[Run | None]:
    """For each of them the newest run of the same study that is the same command in the same folder."""
    known: dict[tuple[str, tuple[str, ...], str], Run] = {}
    groups = {each.group for each in planned if each.group}
    for run in sorted(store.runs(), key=lambda run: run.created):
        if run.kind is Kind.COMMAND and run.run_group in groups and not run.archived:
            try:
                command = store.command(run.id)
            except (RunNotFound, RunUnreadable):
                continue
            known[run.run_group, command.arguments, command.folder] = run
    return [known.get((each.group, each.configuration.arguments, each.configuration.folder)) for each in planned]


def queue_planned(
    store: Store, planned: PlannedCommand, twin: Run | None = None, name: str | None = None
) -> Run | None:
    """Queue it; what was ended before its end starts again; None where its twin is done or on its way."""
    if twin is not None and twin.state.resumable:
        try:
            return store.resume(twin.id)
        except (NotPossible, RunNotFound):
            twin = None  # somebody was quicker
    if twin is not None and (twin.state is State.FINISHED or not twin.state.over):
        return None
    return store.add_command(
        planned.configuration,
        name or planned.name,
        project=planned.project,
        group=planned.group,
        config=planned.config,
    )
