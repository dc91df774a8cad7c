"""The presets by name, each with what its file holds or why it can't be used; and values laid over a preset's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from lazytrain.presets.command import CommandPreset, CommandStudy
from lazytrain.presets.errors import PresetError, explain
from lazytrain.presets.listing import Origin
from lazytrain.presets.plain_text import find_unsafe, harmless
from lazytrain.presets.schema import Architecture, HyperparameterPreset, Hyperparameters, Study

ModelT = TypeVar("ModelT", bound=BaseModel)
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Preset(Generic[ModelT]):
    """One file: its name (the file's stem), where it is, and what it holds, or why it can't be used."""

    name: str
    path: str
    origin: Origin
    value: ModelT | None = None
    error: str | None = None

    def get(self) -> ModelT:
        """What the file holds. Raises PresetError if it is broken."""
        if self.value is None:
            raise PresetError(self.error or f"{self.path}: broken")
        return self.value


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every preset by name, in the order they are listed."""

    architectures: Mapping[str, Preset[Architecture]] = field(default_factory=dict[str, Preset[Architecture]])
    hyperparameters: Mapping[str, Preset[HyperparameterPreset]] = field(
        default_factory=dict[str, Preset[HyperparameterPreset]]
    )
    studies: Mapping[str, Preset[Study]] = field(default_factory=dict[str, Preset[Study]])
    commands: Mapping[str, Preset[CommandPreset]] = field(default_factory=dict[str, Preset[CommandPreset]])
    command_studies: Mapping[str, Preset[CommandStudy]] = field(default_factory=dict[str, Preset[CommandStudy]])

    def architecture(self, name: str) -> Architecture:
        """The architecture called `name`. Raises PresetError naming those there are."""
        return _find(self.architectures, name, "architecture").get()

    def hyperparameter_preset(self, name: str) -> HyperparameterPreset:
        """The hyperparameters called `name`. Raises PresetError naming those there are."""
        return _find(self.hyperparameters, name, "hyperparameters").get()

    def study(self, name: str) -> Study:
        """The study called `name`. Raises PresetError naming those there are."""
        return _find(self.studies, name, "study").get()

    def command(self, name: str) -> CommandPreset | CommandStudy:
        """The command, or the study of one, called `name`. Raises PresetError naming those there are."""
        found = self.commands.get(name) or self.command_studies.get(name)
        return (found or _find(self.commands, name, "command")).get()


def override(preset: HyperparameterPreset, settings: Mapping[str, Any], source: str) -> Hyperparameters:
    """`preset`'s values with `settings` (dotted field names, such as `augmentation.flip`) laid over them.

    Raises:
        PresetError: an unknown field, or a value that doesn't fit; `source` says where the settings were written.
    """
    values = preset.values.model_dump()
    for name, value in settings.items():
        if isinstance(value, str) and (unsafe := find_unsafe(value)) is not None:
            raise PresetError(f"{source}: {name} = '{harmless(value)}': leave out {unsafe}")
        target: dict[str, Any] = values
        *parents, leaf = name.split(".")
        for parent in parents:
            inner = target.get(parent)
            if not isinstance(inner, dict):
                raise PresetError(f"{source}: unknown field {name}")
            target = cast("dict[str, Any]", inner)
        target[leaf] = value
    try:
        return Hyperparameters.model_validate(values)
    except ValidationError as error:
        raise explain(error, source, Hyperparameters.model_fields) from None


def parse_setting(text: str) -> tuple[str, Any]:
    """`learning_rate=0.1` → `("learning_rate", 0.1)`: the value is read as TOML, or taken as text if it isn't.

    Raises:
        PresetError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise PresetError(f"--set {text}: write field=value, such as learning_rate=0.1")
    try:
        return name.strip(), tomllib.loads(f"value = {value.strip()}")["value"]
    except (ValueError, RecursionError):
        # Also a number with more digits than Python reads; pydantic says what would be right.
        return name.strip(), value.strip()


def _find(presets: Mapping[str, Preset[ModelT]], name: str, kind: str) -> Preset[ModelT]:
    if name in presets:
        return presets[name]
    raise PresetError(f"no {kind} preset '{harmless(name)}'; there are: {', '.join(presets)}")
