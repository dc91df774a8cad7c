"""The export dialog: formats, place, what it writes, refuses and overwrites."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from lazytrain.engine.records import Kind, State
from lazytrain.engine.store.store import Store
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.palette import report_commands, run_commands
from lazytrain.tui.screens.export import ExportScreen
from lazytrain.tui.state.taking_away import Taken, kinds
from lazytrain.tui.theme import THEMES
from tests.helpers.launch_app import make_app, settle, toasts, until
from tests.helpers.monitor_data import Filler


@pytest.fixture
def trained(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run; files go to `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    filler = Filler(home)
    run = filler.queue("lazynet", epochs=3, name="my run")
    filler.start(run)
    filler.train(run, 3)
    filler.end(run, State.FINISHED)
    return run


async def open_dialog(app: LazytrainApp, pilot: Pilot[Any]) -> ExportScreen:
    """Monitor, and `E` on its first run."""
    await settle(pilot)
    await pilot.press("2")
    await pilot.pause()
    await pilot.press("E")
    await until(pilot, lambda: isinstance(app.screen, ExportScreen))
    dialog = app.screen
    assert isinstance(dialog, ExportScreen)
    await pilot.pause()
    return dialog


def said(dialog: ExportScreen) -> str:
    return str(dialog.query_one("#said", Static).render())


async def test_e_writes_the_run_and_says_where(home: Path, trained: str, tmp_path: Path) -> None:
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        dialog = await open_dialog(app, pilot)
        assert [option.id for option in dialog.query_one(OptionList).options] == [
            *("csv", "json", "tensorboard", "svg", "png", "weights", "weights last", "report")
        ]
        assert dialog.query_one("#place", Input).value == "my-run.csv"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        assert toasts(app)[-1] == "my-run.csv\nmy-run-epochs.csv"
        assert (tmp_path / "my-run.csv").read_text().count(trained) == 150


def test_runs_of_ones_own_programs_have_no_weights_to_choose(home: Path, trained: str) -> None:
    with Store(home) as store:
        own = store.run(trained)
    logged = (replace(own, kind=Kind.SCRIPT), replace(own, kind=Kind.COMMAND))
    assert [kind.key for kind in kinds(Taken(runs=logged))] == ["csv", "json", "tensorboard", "svg", "png", "report"]
    assert "weights last" in [kind.key for kind in kinds(Taken(runs=(own, *logged)))]


async def test_another_format_names_another_place_unless_one_was_written(
    home: Path, trained: str, tmp_path: Path
) -> None:
    del trained
    app = make_app(home)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(app, pilot)
        await pilot.press("j", "down", "down")
        assert dialog.query_one("#place", Input).value == "my-run.svg"
        dialog.query_one("#place", Input).focus()
        await pilot.press("home", *"here", "slash")
        assert dialog.query_one("#place", Input).value == "here/my-run.svg"
        dialog.query_one(OptionList).focus()
        await pilot.press("k")
        assert dialog.query_one("#place", Input).value == "here/my-run.svg"
        await pilot.press("j", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        assert (tmp_path / "here" / "my-run.svg").read_text().startswith("<?xml")


async def test_what_is_there_is_overwritten_by_a_second_enter_only(home: Path, trained: str, tmp_path: Path) -> None:
    del trained
    (tmp_path / "my-run.json").write_text("mine")
    app = make_app(home)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(app, pilot)
        await pilot.press("j")
        await pilot.press("enter")
        await until(pilot, lambda: said(dialog) == "my-run.json is there: enter overwrites it")
        assert (tmp_path / "my-run.json").read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        assert (tmp_path / "my-run.json").read_text().startswith("{")


async def test_what_cannot_be_written_is_said_in_the_dialog_and_escape_leaves(home: Path, trained: str) -> None:
    del trained
    app = make_app(home)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(app, pilot)
        await pilot.press(*("j" for _ in range(6)), "enter")
        await until(pilot, lambda: "no checkpoint to take weights from" in said(dialog))
        await pilot.press("escape")
        assert not isinstance(app.screen, ExportScreen)


async def test_a_format_whose_extra_is_missing_says_in_the_dialog_what_brings_it(
    home: Path, trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del trained
    # An import of a name that is None here is refused as if it weren't installed.
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    before = set(tmp_path.iterdir())
    app = make_app(home)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(app, pilot)
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: "`pip install 'lazytrain[tensorboard]'` brings it" in said(dialog))
        assert app.screen is dialog
    assert set(tmp_path.iterdir()) == before


async def test_the_palette_exports_runs_and_reports_on_studies(home: Path, trained: str, tmp_path: Path) -> None:
    del trained
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "run: Export my run" in [command.title for command in run_commands(app)]
        assert "study: Report on batch size" in [command.title for command in report_commands(app)]
        app.report_study("activations")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
        text = (tmp_path / "activations-report.md").read_text(encoding="utf-8")
        assert "3 runs: 3 not trained yet." in text


class DialogApp(App[None]):
    """The dialog over an empty screen: what lies beneath changes for other reasons."""

    def __init__(self, home: Path, run: str) -> None:
        super().__init__()
        with Store(home) as store:
            self.dialog = ExportScreen(home, home / "data", Taken(runs=(store.run(run),)))
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name

    def on_mount(self) -> None:
        self.push_screen(self.dialog)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_dialog_looks_as_it_did(home: Path, trained: str, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(DialogApp(home, trained), terminal_size=size)
