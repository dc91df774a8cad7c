"""Files that an export makes: their names, and writing them whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LONGEST_NAME = 80


class ExportError(RuntimeError):
    """Nothing, or not everything, could be taken away; the message names the run or the file, and what to do."""


class AlreadyThere(ExportError):
    """A file to be made is there, and overwriting wasn't asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already: name another with -o, or overwrite it with --force")
        self.path = path


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to be made: `write` is given it open for binary writing."""

    path: Path
    write: Callable[[BinaryIO], object]
    what: str = ""
    """What is in it, for whoever watches: `coolnet-v10 default`."""


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Raises ExportError naming the first of `paths` that is there already, unless `force`; and any that is a folder,
    or lies below a file."""
    for path in paths:
        if path.is_dir():
            raise ExportError(f"{path} is a folder: name a file with -o")
        if path.exists() and not force:
            raise AlreadyThere(path)
        blocked = next((parent for parent in path.parents if parent.exists() and not parent.is_dir()), None)
        if blocked is not None:
            raise ExportError(f"{blocked} is a file, so {path} can't be written: name another folder with -o")


def write_files(
    files: Sequence[OutputFile], *, force: bool, tell: Callable[[int, int, str], None] | None = None
) -> list[Path]:
    """Write `files`, each to a temporary file that is then renamed; folders are made.

    Args:
        tell: told (files done, files in all, what the next one is) before each, and once at the end.

    Raises:
        AlreadyThere: one is there and `force` isn't given; nothing is written then.
        ExportError: one can't be written.
    """
    refuse_existing((file.path for file in files), force=force)
    for number, file in enumerate(files):
        if tell is not None:
            tell(number, len(files), file.what or file.path.name)
        _write(file)
    if tell is not None:
        tell(len(files), len(files), "")
    return [file.path for file in files]


def _write(file: OutputFile) -> None:
    temporary = file.path.with_name(f".{file.path.name}.{os.getpid()}")
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                file.write(stream)
            temporary.replace(file.path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{file.path}: can't be written: {error.strerror or error}") from error


def file_name(text: str) -> str:
    """A run's or study's name as a file's: letters, digits, `.`, `_`, `=`, `+` and `-` stay, the rest becomes `-`."""
    kept = re.sub(r"[^\w.=+-]+", "-", text).strip("-.")[:LONGEST_NAME].rstrip("-.")
    return kept or "run"


def distinct_names(names: Sequence[str]) -> list[str]:
    """`file_name` of each, `-2`, `-3` … added where two would be the same, on any system: case is ignored."""
    taken: set[str] = set()
    found: list[str] = []
    for name in map(file_name, names):
        free = next(
            candidate
            for candidate in (name, *(f"{name}-{number}" for number in range(2, len(names) + 2)))
            if candidate.lower() not in taken
        )
        taken.add(free.lower())
        found.append(free)
    return found
