"""The form of hyperparameters: what it says beside a field, applies, puts back and saves as a preset."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from lazytrain.presets import Hyperparameters
from lazytrain.tui.screens.edit import EditScreen, FieldRow
from lazytrain.tui.screens.label import LabelScreen
from tests.helpers.launch_app import launch, listed, make_app, settle, started, text_of, toasts, until, write_preset

SIZES = [(120, 40), (80, 24)]


def row(app: Any, name: str) -> FieldRow:
    return next(each for each in app.screen.query(FieldRow) if each.field.name == name)


async def type_into(pilot: Pilot[Any], name: str, text: str) -> None:
    control = row(pilot.app, name).query_one(".control", Input)
    control.focus()
    control.value = text
    await pilot.pause()


def note(app: Any, name: str) -> str:
    return str(row(app, name).query_one(".note").render())


async def test_the_form_has_every_hyperparameter(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("e")
        names = {each.field.name for each in app.screen.query(FieldRow)}
        fields = set(Hyperparameters.model_fields) - {"augmentation"}
        assert fields | {"augmentation.flip", "augmentation.colour_strength", "name", "device"} <= names


async def test_what_does_not_fit_is_said_beside_its_field_and_not_applied(home: Path) -> None:
    async with started(home, size=(80, 24)) as (app, pilot):
        await pilot.press("e")
        await type_into(pilot, "epochs", "0")
        assert note(app, "epochs") == "epochs = 0: must be greater than or equal to 1"
        await type_into(pilot, "epochs", "soon")
        assert note(app, "epochs").startswith("epochs = 'soon': must be a whole number")
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, EditScreen)
        await type_into(pilot, "epochs", "7")
        assert note(app, "epochs") == "preset: 50"
        await type_into(pilot, "warmup_epochs", "9")
        assert note(app, "warmup_epochs") == "warmup_epochs = 9 must be below epochs = 7"
        await type_into(pilot, "device", "gpu 1")
        assert note(app, "device").startswith("device = 'gpu 1': must be auto, cpu")


async def test_edits_are_applied_recorded_and_reset(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("e")
        await type_into(pilot, "epochs", "2")
        await type_into(pilot, "augmentation.flip", "0.5")
        await type_into(pilot, "name", "short one")
        await type_into(pilot, "device", "cpu")
        await pilot.press("enter")
        await settle(pilot)
        assert "edited: epochs 2 (was 50), flip 0.5 (was 0), name short one, device cpu" in text_of(app, "#differences")
        await pilot.press("a")
        await until(pilot, app.store.runs)
        (run,) = app.store.runs()
        configuration = app.store.configuration(run.id)
        assert run.name == "short one"
        assert configuration.edits == ("epochs", "augmentation.flip")
        assert configuration.hyperparameters.epochs == 2
        assert configuration.hyperparameters.augmentation.flip == 0.5
        assert configuration.device == "cpu"
        await pilot.press("down")  # another net keeps the settings, not the name
        await settle(pilot)
        assert "edited: epochs 2" in text_of(app, "#differences")
        assert "short one" not in text_of(app, "#differences")
        await pilot.press("r")
        await settle(pilot)
        assert "edited" not in text_of(app, "#differences")


async def test_a_set_of_torchvisions_is_suggested_and_described(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("e")
        await type_into(pilot, "dataset", "torchvision:")
        await pilot.press("end", *"euro")
        control = row(app, "dataset").query_one(".control", Input)
        await until(pilot, lambda: "torchvision:euroSAT" in control.render_line(0).text)
        await pilot.press("right")
        assert control.value == "torchvision:EuroSAT"
        await pilot.press("enter")
        await until(pilot, lambda: "21,600 train" in text_of(app, "#data"))
        assert "every fifth image of each class is for testing" in text_of(app, "#source")
        await pilot.press("e")
        await type_into(pilot, "dataset", "torchvision:Euro")
        await pilot.press("enter")
        await until(pilot, lambda: "did you mean torchvision:EuroSAT" in text_of(app, "#refusal"))


async def test_another_preset_drops_the_edits_and_escape_makes_none(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("e")
        await type_into(pilot, "epochs", "2")
        await pilot.press("escape")
        assert not launch(app).draft.edits
        await pilot.press("e")
        await type_into(pilot, "epochs", "3")
        await pilot.press("ctrl+s")
        assert launch(app).draft.edits.settings == {"epochs": 3}
        await pilot.press("tab", "down")
        await settle(pilot)
        assert not launch(app).draft.edits


async def test_the_arrows_go_through_the_form_and_ctrl_r_puts_the_preset_back(home: Path) -> None:
    async with started(home, size=(80, 24)) as (app, pilot):
        await pilot.press("e")
        order = [each.field.name for each in app.screen.query(FieldRow)]
        await pilot.press("down", "down", "down")
        at = next(each.field.name for each in app.screen.query(FieldRow) if each.has_focus_within)
        assert order.index(at) == order.index("epochs") + 3
        await type_into(pilot, "epochs", "2")
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert row(app, "epochs").value == 50


async def save_as(pilot: Pilot[Any], name: str) -> None:
    """Open the dialog from the form, write a name, and press enter."""
    await pilot.press("ctrl+n")
    await until(pilot, lambda: isinstance(pilot.app.screen, LabelScreen))
    pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")
    await pilot.pause()


def saved(home: Path, name: str) -> dict[str, Any]:
    return tomllib.loads((home / "presets" / "hyperparameters" / f"{name}.toml").read_text())


async def test_the_form_is_saved_as_a_preset_which_is_listed_and_chosen_at_once(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("tab", "down", "e")  # default
        await type_into(pilot, "epochs", "3")
        await type_into(pilot, "augmentation.flip", "0.5")
        await type_into(pilot, "device", "cpu")
        await save_as(pilot, "short one")
        await until(pilot, lambda: app.screen is launch(app))
        await settle(pilot)
        assert saved(home, "short one") == {
            **{"title": "short one", "epochs": 3},
            **{"augmentation": {"flip": 0.5}, "validation_fraction": 0.1},
        }
        assert listed(app, "#hyperparameters")[-1].strip() == "short one"
        draft = launch(app).draft
        assert (draft.hyperparameters.name, draft.hyperparameters.origin) == ("short one", "yours")
        assert (draft.values().epochs, draft.values().validation_fraction) == (3, 0.1)
        assert (draft.edits.settings, draft.edits.device) == ({}, "cpu")
        assert toasts(app)[-1].endswith("short one.toml")
        await pilot.press("a")
        await until(pilot, app.store.runs)
        configuration = app.store.configuration(app.store.runs()[0].id)
        assert (configuration.hyperparameters_name, configuration.edits) == ("short one", ())


@pytest.mark.parametrize(
    ("typed", "kept", "told"),
    [
        ((), 0.1, "It holds out 10 % of the train images"),
        (("0.25",), 0.25, "It holds out 25 % of the train images"),
        (("0.2", "0"), None, "on the test images: validation_fraction = 0, as you wrote it"),
        (("0.0",), None, "on the test images: validation_fraction = 0, as you wrote it"),
    ],
)
async def test_a_saved_preset_holds_out_a_tenth_unless_another_share_was_written(
    home: Path, typed: tuple[str, ...], kept: float | None, told: str
) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("tab", "down", "e")  # default, which holds nothing out
        for text in typed:
            await type_into(pilot, "validation_fraction", text)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, LabelScreen))
        assert told in str(app.screen.query_one("#known").render())
        await pilot.press("escape")
        await save_as(pilot, "mine")
        await until(pilot, lambda: app.screen is launch(app))
        assert saved(home, "mine").get("validation_fraction") == kept
        assert launch(app).draft.values().validation_fraction == (kept or 0.0)


async def test_values_that_were_put_back_hold_out_a_tenth_again(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("tab", "down", "e")
        await type_into(pilot, "validation_fraction", "0.0")
        await pilot.press("ctrl+r")
        await pilot.pause()
        await save_as(pilot, "mine")
        await until(pilot, lambda: app.screen is launch(app))
        assert saved(home, "mine") == {"title": "mine", "validation_fraction": 0.1}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quick", "there is a preset quick already"),
        ("Quick", "there is a preset quick already"),
        ("broken", "there is a preset broken already"),
        (".mine", "such files are hidden or backups"),
        ("mine~", "such files are hidden or backups"),
        ("../mine", "can't hold /"),
        ("-mine", "take it for an option"),
        ("mi\u202ene", "leave out the control character"),
        ("x" * 101, "at most 100 letters"),
        ("", "a preset needs a name"),
    ],
)
async def test_a_name_that_cannot_be_had_is_refused_in_the_dialog(home: Path, name: str, told: str) -> None:
    write_preset(home, "hyperparameters", "broken", "title =")
    async with started(home) as (app, pilot):
        await pilot.press("e")
        await save_as(pilot, name)
        assert isinstance(app.screen, LabelScreen)
        assert told in str(app.screen.query_one("#wrong").render())
        await pilot.press("escape", "escape")
        assert [path.name for path in home.rglob("*.toml")] == ["broken.toml"]


async def test_what_does_not_fit_or_cannot_be_written_is_not_saved(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("e")
        await type_into(pilot, "epochs", "0")
        await pilot.press("ctrl+n")
        assert isinstance(app.screen, EditScreen)
        assert toasts(app)[-1].startswith("epochs = 0")
        await type_into(pilot, "epochs", "3")
        (home / "presets").write_text("in the way")
        await save_as(pilot, "mine")
        await until(pilot, lambda: "can't be made" in toasts(app)[-1])
        assert isinstance(app.screen, EditScreen)  # what was typed is still there
        assert row(app, "epochs").value == 3


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_picture_of_the_edit_form(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    async def edit(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("e")
        await type_into(pilot, "learning_rate", "0.1")
        await type_into(pilot, "epochs", "0")

    assert snap_compare(make_app(home), terminal_size=size, run_before=edit)


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_picture_of_a_refused_name_for_a_preset(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    async def refuse(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("tab", "down", "e")
        await save_as(pilot, "quick")

    assert snap_compare(make_app(home), terminal_size=size, run_before=refuse)
