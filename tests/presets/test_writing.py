"""Hyperparameters written as a preset: read again, they are the same."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.presets import DEFAULT, Augmentation, Hyperparameters, PresetError, load_catalogue
from lazytrain.presets.writing import preset_text, write_preset

OWN_DEFAULT = 'title = "default"\nepochs = 7\naugmentation = { flip = 0.5, rotation = 0.1 }\nchannels_last = true\n'


def folder_of(home: Path, default: str | None = None) -> Path:
    folder = home / "hyperparameters"
    folder.mkdir(parents=True)
    if default is not None:
        (folder / f"{DEFAULT}.toml").write_text(default, encoding="utf-8")
    return folder


def read_again(home: Path, title: str, values: Hyperparameters, default: str | None = None) -> Any:
    folder = folder_of(home, default)
    base = load_catalogue(home).hyperparameter_preset(DEFAULT).values
    write_preset(folder, "mine", preset_text(title, values, base))
    return load_catalogue(home).hyperparameter_preset("mine")


@pytest.mark.parametrize("default", [None, OWN_DEFAULT])
@pytest.mark.parametrize(
    "values",
    [
        Hyperparameters(),
        Hyperparameters(learning_rate=1e-5, weight_decay=1e-16, seed=2**63 - 1, nesterov=True, momentum=0.9),
        Hyperparameters(epochs=7, augmentation=Augmentation(flip=0.5, shift_pixels=9)),
        Hyperparameters(dataset='folder:C:\\new "ones"/ä', time_budget_minutes=0.5, threads="auto", compile=True),
    ],
)
def test_what_was_written_is_read_again(tmp_path: Path, values: Hyperparameters, default: str | None) -> None:
    preset = read_again(tmp_path, 'mine "1" \\ ü', values, default)
    assert preset.values == values
    assert preset.title == 'mine "1" \\ ü'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_as_toml_reads_it(text: str) -> None:
    values = Hyperparameters(dataset="digits").model_copy(update={"dataset": text})
    assert tomllib.loads(preset_text("mine", values, Hyperparameters())).get("dataset", "cifar10") == text


def test_only_what_differs_from_the_default_is_written() -> None:
    values = Hyperparameters(epochs=3, augmentation=Augmentation(flip=0.5))
    assert preset_text("mine", values, Hyperparameters()) == (
        'title = "mine"\nepochs = 3\naugmentation = { flip = 0.5 }\n'
    )


def test_no_value_is_refused_where_the_default_has_one() -> None:
    with pytest.raises(PresetError, match="the preset default sets time_budget_minutes"):
        preset_text("mine", Hyperparameters(), Hyperparameters(time_budget_minutes=5))


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    with pytest.raises(PresetError, match="there is such a file already"):
        write_preset(tmp_path, "mine", "another")
    assert (tmp_path / "mine.toml").read_text() == "mine"
