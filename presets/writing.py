"""Hyperparameters as a preset's file: what stands in it, and which names it may have."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from lazytrain.presets.errors import PresetError
from lazytrain.presets.listing import is_passed_over
from lazytrain.presets.plain_text import find_unsafe, harmless
from lazytrain.presets.schema import Hyperparameters

_NO_NAME = '/\\:*?"<>|'
"""What can't stand in a file's name on one system or another."""
_MOST_BYTES = 100
"""Of a name: file systems take 255, and a run is called by its presets' names."""


def check_name(name: str, taken: Collection[str]) -> None:
    """Raises PresetError if a new preset can't be called so; `taken` are the names of those there are."""
    shown = harmless(name)
    if not name.strip():
        raise PresetError("a preset needs a name")
    if (unsafe := find_unsafe(name)) is not None:
        raise PresetError(f"name = '{shown}': leave out {unsafe}")
    if (character := next((each for each in name if each in _NO_NAME), None)) is not None:
        raise PresetError(f"name = '{name}': it becomes a file's name, which can't hold {character}")
    if is_passed_over(name):
        raise PresetError(f"name = '{name}': such files are hidden or backups, which are no presets: leave out . # ~")
    if name.startswith("-"):
        raise PresetError(f"name = '{name}': the command line would take it for an option: begin it with a letter")
    if name != name.strip() or name.endswith("."):
        raise PresetError(f"name = '{name}': leave out blanks around it and a dot at its end")
    if len(name.encode()) > _MOST_BYTES:
        raise PresetError(f"name = '{name[:20]}…': at most {_MOST_BYTES} letters, fewer where they aren't ASCII")
    # Some file systems take Quick and quick for the same.
    if (same := next((each for each in taken if each.casefold() == name.casefold()), None)) is not None:
        raise PresetError(f"name = '{name}': there is a preset {same} already: choose another name")


def preset_text(title: str, values: Hyperparameters, base: Hyperparameters) -> str:
    """The TOML of a preset that has `values` where it is laid over `base`: just the fields that differ.

    Raises:
        PresetError: a field that `base` sets has no value, which TOML can't say.
    """
    before, schema = base.model_dump(), Hyperparameters()
    lines = [f"title = {_toml(title)}"]
    for name, value in values.model_dump().items():
        if value == before[name]:
            continue
        if value is None:
            raise PresetError(
                f"{name}: the preset default sets {name} = {before[name]!r}, and a preset can't take that back: "
                f"give {name} a value, or take it out of default"
            )
        # A file's table stands in the place of the whole one beneath it.
        written = (
            _differing(cast("dict[str, Any]", value), getattr(schema, name).model_dump())
            if isinstance(value, dict)
            else value
        )
        lines.append(f"{name} = {_toml(written)}")
    return "\n".join(lines) + "\n"


def write_preset(folder: Path, name: str, text: str) -> Path:
    """Write `text` as the preset `name` in `folder`, which is there, whole or not at all; its file.

    Raises:
        PresetError: there is one, or it can't be written.
    """
    path = folder / f"{name}.toml"
    made = False
    try:
        with path.open("x", encoding="utf-8") as file:
            made = True
            file.write(text)
    except FileExistsError:
        raise PresetError(f"{path}: there is such a file already: choose another name") from None
    except OSError as error:
        if made:
            path.unlink(missing_ok=True)
        raise PresetError(f"{path}: can't be written: {error.strerror}") from error
    return path


def _differing(table: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in table.items() if value != plain[field]}


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON's strings are TOML's, but for one character.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case dict():
            return _toml_table(cast("dict[str, Any]", value))
        case _:
            return repr(value)


def _toml_table(table: Mapping[str, Any]) -> str:
    inner = ", ".join(f"{field} = {_toml(value)}" for field, value in table.items())
    return f"{{ {inner} }}" if inner else "{}"
