"""What can be trained, as data: architectures, hyperparameters and studies in TOML, and their types."""

from presets.catalogue import DEFAULT, Catalogue, Preset, load_catalogue, override, parse_setting
from presets.errors import PresetError, explain, explain_field
from presets.expansion import StudyRun, expand_study
from presets.layers import LayerError, SizedLayer, count_parameters, format_shape, size_layers
from presets.schema import Architecture, Augmentation, HyperparameterPreset, Hyperparameters, Layer, Report, Study

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
    "load_catalogue",
    "override",
    "parse_setting",
    "size_layers",
]
