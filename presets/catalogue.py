"""List and load presets: the shipped ones, then the user's own folder, which adds to them or overrides them.

A broken file never hides the others: it is listed with its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from lazytrain.presets.errors import PresetError, explain
from lazytrain.presets.listing import Origin, find_files
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

    def architecture(self, name: str) -> Architecture:
        """The architecture called `name`. Raises PresetError naming those there are."""
        return _find(self.architectures, name, "architecture").get()

    def hyperparameter_preset(self, name: str) -> HyperparameterPreset:
        """The hyperparameters called `name`. Raises PresetError naming those there are."""
        return _find(self.hyperparameters, name, "hyperparameters").get()

    def study(self, name: str) -> Study:
        """The study called `name`. Raises PresetError naming those there are."""
        return _find(self.studies, name, "study").get()


def load_catalogue(user_folder: Path | None = None) -> Catalogue:
    """Read the shipped presets and those of `user_folder` (`…/presets`), if it is there.

    Never raises for a broken file: it is listed with its error.
    """
    default = _load("hyperparameters", user_folder, _read_hyperparameters({}))
    base = default[DEFAULT].value
    base_fields = base.values.model_dump(include=set(base.changed)) if base else {}
    catalogue = Catalogue(
        architectures=_load("architectures", user_folder, _read_architecture),
        hyperparameters=_load("hyperparameters", user_folder, _read_hyperparameters(base_fields)) | _kept(default),
        studies=_load("studies", user_folder, _read(Study)),
    )
    # Here, since it builds on this module.
    from lazytrain.presets.expansion import check_studies

    return replace(catalogue, studies=check_studies(catalogue))


def override(preset: HyperparameterPreset, settings: Mapping[str, Any], source: str) -> Hyperparameters:
    """`preset`'s values with `settings` (dotted field names, such as `augmentation.flip`) laid over them.

    Raises:
        PresetError: an unknown field, or a value that doesn't fit; `source` says where the settings were written.
    """
    values = preset.values.model_dump()
    for name, value in settings.items():
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
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()


def _find(presets: Mapping[str, Preset[ModelT]], name: str, kind: str) -> Preset[ModelT]:
    if name in presets:
        return presets[name]
    raise PresetError(f"no {kind} preset {name!r}; there are: {', '.join(presets)}")


def _kept(default: Mapping[str, Preset[HyperparameterPreset]]) -> dict[str, Preset[HyperparameterPreset]]:
    return {DEFAULT: default[DEFAULT]}


def _load(
    kind: str, user_folder: Path | None, read: Callable[[dict[str, Any], Origin], ModelT]
) -> dict[str, Preset[ModelT]]:
    loaded: dict[str, Preset[ModelT]] = {}
    for name, origin, source in find_files(kind, user_folder):
        path = str(source)
        try:
            value = read(tomllib.loads(source.read_text(encoding="utf-8")), origin)
        except ValidationError as error:
            loaded[name] = Preset(name, path, origin, error=str(explain(error, path, _FIELDS[kind])))
        except tomllib.TOMLDecodeError as error:
            loaded[name] = Preset(name, path, origin, error=f"{path}: not valid TOML: {error}")
        except (OSError, UnicodeDecodeError, PresetError) as error:
            loaded[name] = Preset(name, path, origin, error=f"{path}: {error}")
        else:
            loaded[name] = Preset(name, path, origin, value)
    return loaded


_FIELDS: dict[str, Mapping[str, Any]] = {
    kind: {each.alias or name: each for name, each in model.model_fields.items()}
    for kind, model in (("architectures", Architecture), ("hyperparameters", Hyperparameters), ("studies", Study))
}
"""What a file of each kind may hold."""


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
