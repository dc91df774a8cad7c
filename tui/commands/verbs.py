"""Subcommands by name: what each is for is known at once, what it takes and does once it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

import typer
import typer.core
import typer.main

_TAIL = "lazytrain.tail"


@dataclass(frozen=True, slots=True)
class Verb:
    """A subcommand and where it is."""

    name: str
    """Of the subcommand, and of its function."""
    module: str
    """Beside this one."""
    panel: str
    """What it is listed under in `--help`."""
    help: str
    """A sentence that fits into a line of 80 columns."""
    literal: bool = False
    """Whether words that begin with `-` may be arguments, so that only the long form of an option is one."""
    function_name: str = ""
    """Where Python has a use of its own for the subcommand's name."""
    command: bool = False
    """Whether words after `--` are another command, which isn't read here."""

    @property
    def function(self) -> Callable[..., None]:
        """Imported now."""
        return getattr(import_module(f"{__package__}.{self.module}"), self.function_name or self.name)

    def load(self) -> typer.core.TyperCommand:
        """The whole subcommand."""
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
        settings = {"ignore_unknown_options": True, "help_option_names": ["--help"]} if self.literal else None
        kind = TailCommand if self.command else FlagCommand
        alone.command(self.name, cls=kind, help=unwrap(self.function), context_settings=settings)(self.function)
        command = typer.main.get_command(alone)
        assert isinstance(command, typer.core.TyperCommand)
        return command


class FlagCommand(typer.core.TyperCommand):
    """A command whose flags stand alone in its help: Typer writes `--json <bool>`, as if it took a value."""

    def get_params(self, ctx: Any) -> list[Any]:
        return bare_flags(super().get_params(ctx))


class TailCommand(FlagCommand):
    """A command that may have another one after `--`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_TAIL], args = tuple(args[at + 1 :]), args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND…]"]


def words_after_dashes(context: typer.Context) -> tuple[str, ...] | None:
    """The words after `--`; None where there is none."""
    return context.meta.get(_TAIL)


class LazyCommand(typer.core.TyperCommand):
    """A subcommand of which only name, panel and sentence are known until it is called, or completed."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(
            verb.name, help=verb.help, short_help=verb.help, rich_help_panel=verb.panel, rich_markup_mode="rich"
        )
        self.verb = verb

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """A context of the whole subcommand, which is what Typer then invokes or completes."""
        return self.verb.load().make_context(*arguments, **named)


class VerbGroup(typer.core.TyperGroup):
    """A group of such subcommands."""

    verbs: ClassVar[tuple[Verb, ...]] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": {verb.name: LazyCommand(verb) for verb in self.verbs}})

    def get_params(self, ctx: Any) -> list[Any]:
        return bare_flags(super().get_params(ctx))


def bare_flags(parameters: list[Any]) -> list[Any]:
    """`parameters`, whose flags show no type, and whose arguments look as they are written here: `[FILTER]…`."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        if isinstance(parameter, typer.core.TyperArgument) and "…" in (shown := parameter.metavar or ""):
            # Typer would put it into brackets and dots of its own.
            parameter.get_usage_pieces = partial(_as_it_is, shown)
    return parameters


def _as_it_is(shown: str, ctx: object) -> list[str]:
    del ctx
    return [shown]


def unwrap(function: Callable[..., None]) -> str:
    """The docstring with each paragraph in one line: it is wrapped to the terminal, not to the source."""
    paragraphs = re.split(r"\n{2,}", inspect.getdoc(function) or "")
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
