"""Commands of the user's as presets: what is started, where, with which parameters; and the runs of a grid of them.

`command = "python train.py --lr {lr}"` is split into words as a shell would, and no shell reads it: a parameter's value
is never more than a part of its word.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lazytrain.presets.plain_text import find_unsafe, harmless
from lazytrain.presets.schema import Frozen, Seed

Needs = Literal["gpu", "cpu"]
"""What a command is started on: only beside a GPU that its runner holds; or anywhere, and it sees no GPU."""
Value = bool | int | float | str
Values = Annotated[tuple[Value, ...], Field(min_length=1)]
MOST_SEEDS = 1_000
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][\w.-]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


class _Command(Frozen):
    """What presets and studies of commands have in common."""

    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    cwd: str | None = None
    """Where it is started, in full or with `~`; absent: where lazytrain was."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Added to its environment; `{lr}` is a parameter here too."""
    needs: Needs | None = None
    """`gpu`: only a runner that holds one starts it; `cpu`: it sees no GPU."""
    project: str = ""
    """What its runs belong to."""

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        check_folder(self.cwd)
        check_environment(self.env)
        return self


class CommandPreset(_Command):
    """A command with parameters: `{lr}` in it is the value of `lr`."""

    command: Annotated[str, Field(min_length=1)]
    """Words as a shell would split them; `{{` and `}}` stand for braces."""
    parameters: dict[str, Value] = Field(default_factory=dict[str, Value])
    """Name → the value where nobody gives another."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_words("command", self.command)
        check_names("parameters", self.parameters, _used(self.command, self.env))
        return self


class CommandStudy(_Command):
    """A family of commands that change one thing: a list of them, or a grid of their parameters."""

    report: str = ""
    command: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """One command, or several, each with every point."""
    grid: dict[str, Values] = Field(default_factory=dict[str, Values])
    """Parameter → its values."""
    values: Annotated[tuple[dict[str, Value], ...], Field(min_length=1)] | None = None
    """Points of their own: `[{ lr = 0.1, batch = 4 }, { lr = 0.01, batch = 8 }]`, each with every point of `grid`."""
    settings: dict[str, Value] = Field(default_factory=dict[str, Value], alias="set")
    """Parameter → the value that every run has."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    """Every run is made once with each, as `{seed}`."""

    @property
    def commands(self) -> tuple[str, ...]:
        return (self.command,) if isinstance(self.command, str) else self.command

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        points = self.values or ({},)
        seeded = {"seed": 0} if self.seeds is not None else {}
        for number, command in enumerate(self.commands, start=1):
            check_words("command" if isinstance(self.command, str) else f"command.{number}", command)
        used = {name for command in self.commands for name in _used(command, self.env)}
        for number, point in enumerate(points, start=1):
            if point.keys() != points[0].keys():
                raise ValueError(f"values.{number}: it has other names than values.1")
        tables = {"grid": self.grid, "values": points[0], "set": self.settings, "seeds": seeded}
        given: dict[str, str] = {}
        for table, names in tables.items():
            for name in names:
                if name in given:
                    raise ValueError(f"{harmless(name)} is in {given[name]} and in {table}: leave it in one of them")
                given[name] = table
        if idle := next((name for name in given if name not in used), None):
            raise ValueError(f"{given[idle]}.{harmless(idle)}: {{{harmless(idle)}}} is nowhere in command or env")
        check_names("grid", dict.fromkeys(given), used)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """One command of a preset or a study, its parameters filled in."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    config: Mapping[str, Value]
    """Every parameter with its value."""
    label: str
    """What tells it from the others of a study: `lr=0.1 batch=4`."""


def fill_preset(preset: CommandPreset, settings: Mapping[str, Any] | None = None, source: str = "--set") -> CommandRun:
    """The preset's command with `settings` in place of its defaults.

    Raises:
        ValueError: a parameter that there isn't, or a value that is none.
    """
    for name, value in (settings or {}).items():
        if name not in preset.parameters:
            there = f"there are: {', '.join(preset.parameters)}" if preset.parameters else "the preset has none"
            raise ValueError(f"{source}: {harmless(name)}: no such parameter; {there}")
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{source}: {name} = {value!r}: a parameter is a number, a text or a truth value")
        if isinstance(value, str) and (unsafe := find_unsafe(value)) is not None:
            raise ValueError(f"{source}: {name} = '{harmless(value)}': leave out {unsafe}")
    values = {**preset.parameters, **(settings or {})}
    told = " ".join(f"{name}={say(value)}" for name, value in (settings or {}).items())
    return fill(preset.command, preset.env, values, told)


def fill(command: str, environment: Mapping[str, str], values: Mapping[str, Value], label: str) -> CommandRun:
    """A command whose parameters are all in `values`."""
    return CommandRun(
        arguments=tuple(_fill_word(word, values) for word in shlex.split(command)),
        environment={name: _fill_word(text, values) for name, text in environment.items()},
        config=dict(values),
        label=label,
    )


def expand_commands(study: CommandStudy, num_seeds: int | None = None) -> tuple[CommandRun, ...]:
    """The runs of a study, each once: the first seed's, then the next one's; within a seed command by command, and of
    each the points as they are listed, the grid's last field changing fastest.

    Args:
        num_seeds: so many seeds in place of the study's: its first ones, then the next whole numbers.

    Raises:
        ValueError: the study has no `{seed}`.
    """
    seeds: tuple[int | None, ...] = study.seeds or (None,)
    if num_seeds is not None:
        if study.seeds is None:
            raise ValueError(
                f"--seeds {num_seeds}: the study has none: write {{seed}} into its command, and seeds = [0]"
            )
        if not 1 <= num_seeds <= MOST_SEEDS:
            raise ValueError(f"--seeds {num_seeds}: from 1 to {MOST_SEEDS:,}")
        after = max(study.seeds) + 1
        seeds = (*study.seeds, *range(after, after + num_seeds))[:num_seeds]
    found: dict[tuple[object, ...], CommandRun] = {}
    for seed in seeds:
        for number, command in enumerate(study.commands, start=1):
            for point in _points(study):
                seeded = {} if seed is None else {"seed": seed}
                told = {**point, **(seeded if len(seeds) > 1 else {})}
                label = " ".join(f"{name}={say(value)}" for name, value in told.items())
                if len(study.commands) > 1:
                    label = f"{number} {label}".strip()
                run = fill(command, study.env, {**study.settings, **point, **seeded}, label)
                found.setdefault((run.arguments, *sorted(run.environment.items())), run)
    return tuple(found.values())


def _points(study: CommandStudy) -> Iterator[dict[str, Value]]:
    for point in study.values or ({},):
        for values in product(*study.grid.values()):
            yield {**point, **dict(zip(study.grid, values, strict=True))}


def _used(command: str, environment: Mapping[str, str]) -> set[str]:
    return {name for text in (command, *environment.values()) for name in placeholders(text)}


def say(value: Value) -> str:
    """A value as a command's word has it: `0.1`, `true`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def placeholders(text: str) -> Iterator[str]:
    """Names in braces."""
    return (found[1] for found in _PLACEHOLDER.finditer(text) if found[1])


def _fill_word(word: str, values: Mapping[str, Value]) -> str:
    def put(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else say(values[found[1]])

    return _PLACEHOLDER.sub(put, word)


# ── what is wrong with what was written ────────────────────────────────────────────────────────────────────


def check_words(field: str, command: str) -> None:
    """Raises ValueError unless it is a program and its words."""
    shown = harmless(command)
    if (unsafe := find_unsafe(command)) is not None:
        raise ValueError(f"{field} = '{shown}': leave out {unsafe}")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{field} = '{shown}': {str(error).lower()}: close the quotes") from None
    if not words:
        raise ValueError(f"{field} = '{shown}': it names no program")
    if _PLACEHOLDER.search(words[0].replace("{{", "").replace("}}", "")):
        raise ValueError(f"{field} = '{shown}': its program can't be a parameter")
    left = _PLACEHOLDER.sub("", command)
    if "{" in left or "}" in left:
        raise ValueError(
            f"{field} = '{shown}': a parameter is a name in braces, such as {{lr}}; write {{{{ for a brace"
        )


def check_names(field: str, given: Mapping[str, object], used: set[str]) -> None:
    """Raises ValueError where parameters and placeholders aren't the same."""
    if unknown := sorted(used - given.keys()):
        raise ValueError(f"{{{unknown[0]}}} has no value: give it one in {field}")
    if idle := next((name for name in given if name not in used), None):
        raise ValueError(f"{field}.{harmless(idle)}: {{{harmless(idle)}}} is nowhere in command or env")


def check_folder(folder: str | None) -> None:
    """Raises ValueError for one that depends on where lazytrain happens to be started."""
    if folder is None:
        return
    if (unsafe := find_unsafe(folder)) is not None:
        raise ValueError(f"cwd = '{harmless(folder)}': leave out {unsafe}")
    if not folder.startswith(("/", "~")):
        raise ValueError(f"cwd = '{folder}': write the folder in full, or beginning with ~")


def check_environment(environment: Mapping[str, str]) -> None:
    """Raises ValueError for what can't be in an environment."""
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"env.{harmless(name)}: a variable's name has letters, digits and _ alone")
        if "\0" in value:
            raise ValueError(f"env.{name} = '{harmless(value)}': leave out the control character \\x00")
