"""Read presets: the shipped ones, then the user's own folder, which adds to them or overrides them.

A broken file never hides the others: it is listed with its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lazytrain.presets.catalogue import DEFAULT, Catalogue, Preset
from lazytrain.presets.command import CommandPreset, CommandStudy
from lazytrain.presets.errors import PresetError, explain
from lazytrain.presets.expansion import check_studies
from lazytrain.presets.listing import Origin, find_files
from lazytrain.presets.plain_text import find_unsafe, harmless, read_utf8
from lazytrain.presets.schema import Architecture, HyperparameterPreset, Hyperparameters, Study

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_catalogue(user_folder: Path | None = None) -> Catalogue:
    """Read the shipped presets and those of `user_folder` (`…/presets`), if it is there.

    Never raises for a broken file: it is listed with its error.
    """
    default = _load("hyperparameters", user_folder, _read_hyperparameters({}))
    base = default[DEFAULT].value
    base_fields = base.values.model_dump(include=set(base.changed)) if base else {}
    studies, command_studies = _part(_load("studies", user_folder, _read_study))
    catalogue = Catalogue(
        architectures=_load("architectures", user_folder, _read_architecture),
        hyperparameters=_load("hyperparameters", user_folder, _read_hyperparameters(base_fields)) | _kept(default),
        studies=studies,
        commands=_load("commands", user_folder, _read(CommandPreset)),
        command_studies=command_studies,
    )
    return replace(catalogue, studies=check_studies(catalogue))


def _kept(default: Mapping[str, Preset[HyperparameterPreset]]) -> dict[str, Preset[HyperparameterPreset]]:
    return {DEFAULT: default[DEFAULT]}


def _load(
    kind: str, user_folder: Path | None, read: Callable[[dict[str, Any], Origin], ModelT]
) -> dict[str, Preset[ModelT]]:
    loaded: dict[str, Preset[ModelT]] = {}
    for name, origin, source in find_files(kind, user_folder):
        path = harmless(str(source))
        try:
            if (unsafe := find_unsafe(source.name)) is not None:
                raise PresetError(f"its name holds {unsafe}: rename the file")
            written = tomllib.loads(read_utf8(source))
            _check_words(written)
            value = read(written, origin)
        except ValidationError as error:
            loaded[name] = Preset(
                name, path, origin, error=str(explain(error, path, _FIELDS.get(error.title, _FIELDS[kind])))
            )
        except tomllib.TOMLDecodeError as error:
            loaded[name] = Preset(name, path, origin, error=f"{path}: not valid TOML: {harmless(str(error))}")
        except RecursionError:
            loaded[name] = Preset(name, path, origin, error=f"{path}: not valid TOML: too many brackets in brackets")
        # Python reads no number of more than 4,300 digits, and says so by a ValueError.
        except (OSError, ValueError) as error:
            loaded[name] = Preset(name, path, origin, error=f"{path}: {error}")
        else:
            loaded[name] = Preset(name, path, origin, value)
    return loaded


def _check_words(written: Mapping[str, Any]) -> None:
    """Refuse a title, or words about a preset, that a terminal would obey. Not in the schema: old runs hold what they
    were made of."""
    for field in ("title", "about", "report"):
        text = written.get(field)
        if isinstance(text, str) and (unsafe := find_unsafe(text, lines=field != "title")) is not None:
            raise PresetError(f"{field} = '{harmless(text)}': leave out {unsafe}")


_FIELDS: dict[str, Mapping[str, Any]] = {
    kind: {each.alias or name: each for name, each in model.model_fields.items()}
    for kind, model in (
        ("architectures", Architecture),
        ("hyperparameters", Hyperparameters),
        ("studies", Study),
        ("commands", CommandPreset),
        (CommandStudy.__name__, CommandStudy),
    )
}
"""What a file of each kind may hold; a study of a command by its type's name."""


def _read_study(fields: dict[str, Any], _origin: Origin) -> Study | CommandStudy:
    return CommandStudy.model_validate(fields) if "command" in fields else Study.model_validate(fields)


def _part(
    studies: Mapping[str, Preset[Study | CommandStudy]],
) -> tuple[dict[str, Preset[Study]], dict[str, Preset[CommandStudy]]]:
    """Studies of nets, the broken ones with them; and those of commands."""
    of_nets: dict[str, Preset[Study]] = {}
    of_commands: dict[str, Preset[CommandStudy]] = {}
    for name, preset in studies.items():
        match preset.value:
            case CommandStudy() as study:
                of_commands[name] = Preset(name, preset.path, preset.origin, study)
            case study:
                of_nets[name] = Preset(name, preset.path, preset.origin, study, preset.error)
    return of_nets, of_commands


def _read(model: type[ModelT]) -> Callable[[dict[str, Any], Origin], ModelT]:
    return lambda fields, _origin: model.model_validate(fields)


def _read_architecture(fields: dict[str, Any], origin: Origin) -> Architecture:
    architecture = Architecture.model_validate(fields)
    if architecture.module is not None and origin == "shipped":
        raise PresetError("module = … runs your own code, so it works only in your own presets folder")
    return architecture


def _read_hyperparameters(base: dict[str, Any]) -> Callable[[dict[str, Any], Origin], HyperparameterPreset]:
    """Reader of a hyperparameter file, whose fields are laid over `base` (what `default` changes)."""

    def read(fields: dict[str, Any], _origin: Origin) -> HyperparameterPreset:
        about = {name: fields.pop(name) for name in ("title", "about", "report") if name in fields}
        values = Hyperparameters.model_validate({**base, **fields})
        return HyperparameterPreset.model_validate({**about, "values": values, "changed": tuple(fields)})

    return read
