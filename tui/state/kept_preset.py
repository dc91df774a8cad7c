"""Hyperparameters that stand in Launch's form, kept as a preset of one's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.places import make_folder, presets_folder
from lazytrain.presets import DEFAULT, Catalogue, Hyperparameters, PresetError
from lazytrain.presets.writing import check_name, preset_text, write_preset
from lazytrain.tui.state.draft import HELD_OUT, Edits


@dataclass(frozen=True, slots=True)
class Kept:
    """A preset that was written, and what else stood in the form: a run's name and device are in no preset."""

    name: str
    edits: Edits


def hold_out(values: Hyperparameters, *, chosen: bool) -> Hyperparameters:
    """The values to keep: they hold out `HELD_OUT`, unless they hold images out anyway or a person has `chosen`."""
    if chosen or values.validation_fraction:
        return values
    return values.model_copy(update={"validation_fraction": HELD_OUT})


def describe_hold_out(values: Hyperparameters, *, chosen: bool) -> str:
    """What the preset makes of the train images, before it is written."""
    fraction = hold_out(values, chosen=chosen).validation_fraction
    if not fraction:
        return "Its best epoch is chosen on the test images: validation_fraction = 0, as you wrote it."
    said = (
        f"It holds out {100 * fraction:g} % of the train images, to choose the best epoch on "
        f"(validation_fraction = {fraction:g})."
    )
    if values.validation_fraction:
        return said
    return f"{said} To keep another share, or 0, type it into the form yourself."


def name_error(name: str, taken: Collection[str]) -> str | None:
    """Why a preset can't be called so, in a sentence; None if it can."""
    try:
        check_name(name, taken)
    except PresetError as error:
        return str(error)
    return None


def keep_preset(home: Path, catalogue: Catalogue, name: str, values: Hyperparameters) -> Path:
    """Write `values` as the hyperparameter preset `name` of `home`; its file.

    Raises:
        PresetError: the name can't be had, a value can't be written, or the file can't.
    """
    check_name(name, catalogue.hyperparameters)
    # As presets are read: laid over what the default changes, if that can be read.
    default = catalogue.hyperparameters[DEFAULT].value
    text = preset_text(name, values, default.values if default else Hyperparameters())
    folder = presets_folder(home) / "hyperparameters"
    try:
        make_folder(folder, 2)
    except OSError as error:
        raise PresetError(f"{folder}: can't be made: {error.strerror}") from error
    return write_preset(folder, name, text)
