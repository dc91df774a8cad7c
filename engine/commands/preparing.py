"""From what was typed to a command that can be queued: its program is found and its folder is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.places import PlaceError, expand
from lazytrain.presets.command import Needs, check_environment
from lazytrain.presets.errors import explain
from lazytrain.presets.plain_text import find_unsafe, harmless

MOST_LETTERS = 100_000
"""Of a command's words together: what the kernel starts isn't much longer."""


class CommandError(ValueError):
    """A command that can't be queued; the message says what of it, and what to do."""


def prepare_command(
    arguments: Sequence[str],
    *,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    needs: Needs | None = None,
    after: str | None = None,
    surroundings: Mapping[str, str] = os.environ,
) -> CommandConfiguration:
    """A command as it is queued, from here: its program by this PATH, its folder the current one unless named.

    Raises:
        CommandError: there is no such program or folder, or what was written can't be started.
    """
    if os.name != "posix":
        raise CommandError("commands need a POSIX system: here lazytrain can't end all that a command starts")
    if not arguments or not arguments[0]:
        raise CommandError("--: write the command after it, such as `-- python train.py --lr 0.1`")
    if (zero := next((word for word in arguments if "\0" in word), None)) is not None:
        raise CommandError(f"-- {harmless(zero)}: leave out the control character \\x00")
    if sum(map(len, arguments)) > MOST_LETTERS:
        raise CommandError(f"-- {harmless(arguments[0])} …: the command has more than {MOST_LETTERS:,} characters")
    place = _find_folder(folder)
    path = surroundings.get("PATH")
    program = _find_program(arguments[0], place, path)
    try:
        check_environment(environment or {})
        return CommandConfiguration(
            arguments=tuple(map(_encodable, arguments)),
            program=_encodable(program),
            folder=str(place),
            environment=dict(environment or {}),
            needs=needs,
            after=after,
            path=path,
        )
    except ValidationError as error:
        raise CommandError(str(explain(error, "the command", CommandConfiguration.model_fields))) from None
    except ValueError as error:
        raise CommandError(str(error)) from None


def _find_folder(folder: str | Path | None) -> Path:
    try:
        place = (Path.cwd() if folder is None else expand(folder)).absolute()
    except PlaceError as error:
        raise CommandError(f"cwd: {error}") from None
    except FileNotFoundError:
        raise CommandError("the current folder is gone: name another with --cwd") from None
    if (unsafe := find_unsafe(str(place))) is not None:
        raise CommandError(f"cwd = '{harmless(str(place))}': leave out {unsafe}")
    if not place.is_dir():
        raise CommandError(f"cwd = '{place}': there is no such folder")
    return place


def _find_program(name: str, folder: Path, path: str | None) -> str:
    """Its file, in full and not followed where it is a link: Python knows its environment by that."""
    if "/" in name:
        file = folder / Path(name).expanduser()
        if os.access(file, os.X_OK) and file.is_file():
            return str(file)
        why = "it can't be executed: `chmod +x` lets it" if file.exists() else f"there is no such file in {folder}"
        raise CommandError(f"-- {harmless(name)}: {why}")
    found = shutil.which(name, path=path)
    if found is None:
        raise CommandError(f"-- {harmless(name)}: no such program in PATH; write its file in full")
    return str(folder / found)


def _encodable(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise CommandError(f"-- {harmless(text)}: it is no UTF-8")
    return text
