"""From what was typed on the command line to a run's configuration, refused here if it can't be trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lazytrain.engine.analysis.identity import freeze
from lazytrain.engine.configuration import RunConfiguration, edited_fields
from lazytrain.engine.data.datasets import describe_dataset
from lazytrain.engine.places import PlaceError, expand
from lazytrain.engine.queue.estimate import Misfit, check_configuration
from lazytrain.presets import PresetError, load_catalogue, override, parse_setting
from lazytrain.tui.state.environment import Places

FOLDER = "folder:"
"""How a dataset that is a folder of images is written."""


def configure(
    places: Places, architecture: str, hyperparameters: str, settings: Sequence[str], device: str
) -> RunConfiguration:
    """The configuration of two presets with `settings` (`field=value`) laid over them, checked with its data.

    Raises:
        PresetError: an unknown or broken preset, a bad setting, a net that doesn't fit the data.
        DatasetError: the data isn't there.
        DeviceError: this machine has no such device.
    """
    catalogue = load_catalogue(places.presets)
    net = catalogue.architecture(architecture)
    preset = catalogue.hyperparameter_preset(hyperparameters)
    changes = dict(parse_setting(text) for text in settings)
    values = override(preset, anchor(changes), "--set") if changes else preset.values
    configuration = RunConfiguration(
        architecture_name=architecture,
        architecture=net,
        hyperparameters_name=hyperparameters,
        hyperparameters=values,
        edits=edited_fields(preset.values, values),
        device=device,
    )
    facts = describe_dataset(values.dataset, places.data, places.cache, values.image_size)
    try:
        check_configuration(configuration, facts, module_folder=places.presets)
    except Misfit:
        raise
    except PresetError as error:
        # The configuration knows its preset by name; a person mends a file.
        file = catalogue.architectures[architecture].path
        raise PresetError(f"{file}: {str(error).removeprefix(f'{architecture}: ')}") from None
    check_device(device)
    return freeze(configuration, facts, places.presets)


def anchor(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with a `folder:` that is there, seen from here, made absolute: a shell completes such paths.

    Any other relative path is one in the data folder, as in presets.

    Raises:
        PresetError: it begins with the home folder of a user that there isn't.
    """
    dataset = settings.get("dataset")
    if not isinstance(dataset, str) or not dataset.startswith(FOLDER):
        return dict(settings)
    try:
        folder = expand(dataset.removeprefix(FOLDER)).absolute()
    except PlaceError as error:
        raise PresetError(f"dataset = '{dataset}': {error}") from None
    return {**settings, "dataset": f"{FOLDER}{folder}"} if folder.is_dir() else dict(settings)


def check_device(asked: str) -> None:
    """Refuse a device that isn't there, with DeviceError. `auto` always finds one, so torch is not loaded for it."""
    if asked != "auto":
        from lazytrain.engine.compute.device import choose_device  # imports torch

        choose_device(asked)
