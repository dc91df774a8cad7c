"""What Launch is about to start: two presets, and the edits laid over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lazytrain.engine.configuration import RunConfiguration, edited_fields, flatten
from lazytrain.presets import (
    DEFAULT,
    Architecture,
    Catalogue,
    HyperparameterPreset,
    Hyperparameters,
    Preset,
    PresetError,
    override,
)
from lazytrain.tui.state.last_session import FIRST_ARCHITECTURE, FIRST_HYPERPARAMETERS, Remembered

HELD_OUT = 0.1
"""Share of the train images that is held out to choose the best epoch on, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes made before the start: dotted field names with their values, and the run's own name and device."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    run_name: str | None = None
    device: str | None = None
    """None: the app's."""

    def __bool__(self) -> bool:
        return bool(self.settings or self.run_name or self.device)


@dataclass(frozen=True, slots=True)
class Draft:
    """One architecture × hyperparameters, not yet a run. Either preset may be broken."""

    architecture: Preset[Architecture]
    hyperparameters: Preset[HyperparameterPreset]
    edits: Edits = field(default_factory=Edits)

    @property
    def title(self) -> str:
        """`CoolNet v10 × lr 0.01`."""
        left, right = self.architecture, self.hyperparameters
        return " × ".join(
            (left.value.title if left.value else left.name, right.value.title if right.value else right.name)
        )

    @property
    def error(self) -> str | None:
        """Why a broken preset can't be used, in its file's words."""
        return self.architecture.error or self.hyperparameters.error

    def values(self) -> Hyperparameters:
        """The preset's values with the edits. Raises PresetError if the preset is broken or an edit doesn't fit."""
        preset = self.hyperparameters.get()
        return override(preset, self.edits.settings, "edit") if self.edits.settings else preset.values

    def configuration(self, device: str = "auto") -> RunConfiguration:
        """What would be queued, for `device` unless the edits name one. Raises PresetError."""
        values = self.values()
        return RunConfiguration(
            architecture_name=self.architecture.name,
            architecture=self.architecture.get(),
            hyperparameters_name=self.hyperparameters.name,
            hyperparameters=values,
            edits=edited_fields(self.hyperparameters.get().values, values),
            device=self.edits.device or device,
        )

    def without_run_name(self) -> Draft:
        """The same, for the next run: a name is one run's."""
        return replace(self, edits=replace(self.edits, run_name=None))


def differences(values: Hyperparameters, base: Hyperparameters) -> dict[str, tuple[Any, Any]]:
    """Dotted fields in which `values` differ from `base`: name → (value, base's value)."""
    before = dict(flatten(base.model_dump()))
    return {name: (value, before[name]) for name, value in flatten(values.model_dump()) if value != before[name]}


def first_draft(remembered: Remembered, catalogue: Catalogue) -> Draft:
    """The remembered pair, or the first start's, or whatever there is. Raises PresetError if there are no presets."""
    return Draft(
        _pick(catalogue.architectures, remembered.architecture, FIRST_ARCHITECTURE),
        _pick(catalogue.hyperparameters, remembered.hyperparameters, FIRST_HYPERPARAMETERS, DEFAULT),
    )


def _pick(presets: Mapping[str, Preset[Any]], *names: str) -> Preset[Any]:
    for name in names:
        if name in presets:
            return presets[name]
    try:
        return next(iter(presets.values()))
    except StopIteration:
        raise PresetError("there are no presets at all: install lazytrain again") from None
