"""The reference of the command line, from the functions that are its commands."""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import typer
from typer.core import TyperGroup
from typer.models import ArgumentInfo, OptionInfo

from docs.scripts.tables import number, table
from lazytrain.tui.commands.cli import app


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or option of a command."""

    name: str
    info: ArgumentInfo | OptionInfo
    annotation: Any
    default: Any

    @property
    def written(self) -> str:
        """`--jobs N`, `-o, --output OUTPUT`, `RUN…`, `[HYPERPARAMETERS]`."""
        if isinstance(self.info, ArgumentInfo):
            name = self.info.metavar or self.name.upper()
            return name if self.default is inspect.Parameter.empty or name.startswith("[") else f"[{name}]"
        return ", ".join(self.options) + ("" if self.annotation is bool else f" {self._value}")

    @property
    def options(self) -> tuple[str, ...]:
        """`-o`, `--output`: where they stand in an `Annotated`, typer takes the first for a default."""
        first = (self.info.default,) if isinstance(self.info.default, str) else ()
        given = (*first, *(self.info.param_decls or ())) or (f"--{self.name.replace('_', '-')}",)
        return tuple(sorted(given, key=len))

    @property
    def _value(self) -> str:
        return self.info.metavar or self._choices or self.options[-1].lstrip("-").upper()

    @property
    def _choices(self) -> str:
        if get_origin(self.annotation) is Literal:
            return "|".join(map(str, get_args(self.annotation)))
        if not (inspect.isclass(self.annotation) and issubclass(self.annotation, enum.Enum)):
            return ""
        return "|".join(str(each.value) for each in self.annotation.__members__.values())

    @property
    def said(self) -> str:
        """Its help, with its limits and its default."""
        info, notes = self.info, []
        if info.min is not None:
            notes.append(f"from {number(info.min)}" + (f" to {number(info.max)}" if info.max is not None else ""))
        default = self.default.value if isinstance(self.default, enum.Enum) else self.default
        if default not in (None, False, ..., inspect.Parameter.empty):
            notes.append(f"`{default}` by default")
        return (info.help or "") + (f" ({'; '.join(notes)})" if notes else "")


def list_commands() -> str:
    """An overview, then a section for each command, both in the order of `lazytrain --help`."""
    groups: dict[str, list[str]] = {}
    for name, _, group in commands():
        groups.setdefault(group, []).append(f"[{name}](#{name})")
    sections = [_section(name, callback) for name, callback, _ in commands()]
    if any(groups):
        sections.insert(0, table(("", "commands"), [(group, " · ".join(links)) for group, links in groups.items()]))
    return "\n".join(sections)


def commands() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Name and function of every command, and what it is listed under."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        # A command whose module is imported when it is called tells its function.
        verb = getattr(command, "verb", None)
        callback = verb.function if verb is not None else inspect.unwrap(command.callback or app)
        if not command.hidden:
            yield name, callback, verb.panel if verb is not None else ""


def parameters(callback: Callable[..., Any]) -> Iterator[Parameter]:
    """The arguments and options of a command's function."""
    hints = typing.get_type_hints(callback, include_extras=True)
    for name, each in inspect.signature(callback).parameters.items():
        annotated, *extras = typing.get_args(hints[name]) or (hints[name],)
        for info in extras:
            if isinstance(info, ArgumentInfo | OptionInfo) and not info.hidden:
                yield Parameter(name, info, _bare(annotated), each.default)


def _bare(annotation: Any) -> Any:
    """`bool | None` → `bool`."""
    inner = [each for each in typing.get_args(annotation) if each is not type(None)]
    return inner[0] if len(inner) == 1 and type(None) in typing.get_args(annotation) else annotation


def _section(name: str, callback: Callable[..., Any]) -> str:
    found = list(parameters(callback))
    arguments = [each for each in found if isinstance(each.info, ArgumentInfo)]
    options = [each for each in found if isinstance(each.info, OptionInfo)]
    usage = " ".join(["lazytrain", name, *(each.written for each in arguments), "[OPTIONS]"])
    about = inspect.getdoc(callback) or ""
    rows = ((f"`{each.written}`", each.said) for each in (*arguments, *options))
    return f"### {name}\n\n`{usage}`\n\n{about}\n\n{table(('', 'what it is'), rows)}"
