"""What can be trained, as data: architectures, hyperparameters and studies in TOML, and their types.

Each name is imported when it is first asked for: a screen lists presets before it needs their types, and those take
pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lazytrain.presets.catalogue import DEFAULT, Catalogue, Preset, override, parse_setting
    from lazytrain.presets.errors import PresetError, explain, explain_field
    from lazytrain.presets.expansion import StudyRun, expand_study
    from lazytrain.presets.layers import LayerError, SizedLayer, count_parameters, format_shape, size_layers
    from lazytrain.presets.listing import list_titles
    from lazytrain.presets.loading import load_catalogue
    from lazytrain.presets.schema import (
        Architecture,
        Augmentation,
        HyperparameterPreset,
        Hyperparameters,
        Layer,
        Report,
        Study,
    )

__all__ = [
    "DEFAULT",
    "Architecture",
    "Augmentation",
    "Catalogue",
    "HyperparameterPreset",
    "Hyperparameters",
    "Layer",
    "LayerError",
    "Preset",
    "PresetError",
    "Report",
    "SizedLayer",
    "Study",
    "StudyRun",
    "count_parameters",
    "expand_study",
    "explain",
    "explain_field",
    "format_shape",
    "list_titles",
    "load_catalogue",
    "override",
    "parse_setting",
    "size_layers",
]

_NAMES = {
    "catalogue": ("DEFAULT", "Catalogue", "Preset", "override", "parse_setting"),
    "errors": ("PresetError", "explain", "explain_field"),
    "expansion": ("StudyRun", "expand_study"),
    "layers": ("LayerError", "SizedLayer", "count_parameters", "format_shape", "size_layers"),
    "listing": ("list_titles",),
    "loading": ("load_catalogue",),
    "schema": ("Architecture", "Augmentation", "HyperparameterPreset", "Hyperparameters", "Layer", "Report", "Study"),
}
"""Module → what comes from it."""
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
