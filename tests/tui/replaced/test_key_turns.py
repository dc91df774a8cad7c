"""Keys that come in one burst, as over a slow line: each finds the focus where the one before it put it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList

from lazytrain.tui.lists.preset_list import PresetList
from lazytrain.tui.replaced import key_turns
from lazytrain.tui.replaced.cell_diff_app import CellDiffApp
from lazytrain.tui.screens.launch import LaunchScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from tests.helpers.app_runs import queue
from tests.helpers.launch_app import FakeRunner, launch, listed, started, until
from tests.helpers.leaving import House
from tests.helpers.terminals import see, wait_for_exit, wait_until

NAMED = {"\t": "tab", "\r": "enter", "\x1b": "escape", " ": "space", "/": "slash"}


def type_at_once(pilot: Pilot[Any], text: str) -> None:
    """All of these keys are there before the first is looked at."""
    for character in text:
        key = events.Key(NAMED.get(character, character), character)
        key.set_sender(pilot.app)
        pilot.app.post_message(key)


class Six(CellDiffApp[None]):
    """Six inputs, as in the edit form."""

    def compose(self) -> ComposeResult:
        for number in range(6):
            yield Input(id=f"i{number}")

    def values(self) -> list[str]:
        return [each.value for each in self.query(Input)]


async def test_tab_and_text_fill_one_field_after_the_other() -> None:
    app = Six()
    async with app.run_test() as pilot:
        type_at_once(pilot, "50\t16\t0.1\t\tfour\tfive")
        await until(pilot, lambda: app.values()[-1] == "five")
        assert app.values() == ["50", "16", "0.1", "", "four", "five"]


async def test_a_paste_waits_its_turn_too() -> None:
    app = Six()
    async with app.run_test() as pilot:
        type_at_once(pilot, "a\t")
        app.post_message(events.Paste("pasted"))
        type_at_once(pilot, "\tb")
        await until(pilot, lambda: app.values()[2] == "b")
        assert app.values()[:3] == ["a", "pasted", "b"]


async def test_keys_for_a_dialog_reach_it_and_the_ones_after_it_what_was_beneath() -> None:
    class Dialog(ModalScreen[str]):
        def compose(self) -> ComposeResult:
            yield Input()

        def on_input_submitted(self, event: Input.Submitted) -> None:
            self.dismiss(event.value)

    class WithDialog(Six):
        BINDINGS = [("ctrl+o", "ask", "ask")]  # noqa: RUF012  Textual declares it so
        said: str | None = None

        def action_ask(self) -> None:
            self.push_screen(Dialog(), self.take)

        def take(self, said: str | None) -> None:
            self.said = said
            self.query_one("#i3", Input).focus()

    app = WithDialog()
    async with app.run_test() as pilot:
        type_at_once(pilot, "before")
        app.post_message(events.Key("ctrl+o", None).set_sender(app))
        type_at_once(pilot, "inside\rafter")
        await until(pilot, lambda: app.query_one("#i3", Input).value == "after")
        assert app.said == "inside"
        assert app.query_one("#i0", Input).value == "before"


async def test_a_widget_that_takes_no_message_holds_the_keys_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(key_turns, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(key_turns, "_pass", never)
    app = Six()
    async with app.run_test() as pilot:
        type_at_once(pilot, "a\tb\tc")
        await until(pilot, lambda: app.values()[:3] == ["a", "b", "c"])


# ── the app ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_form_is_filled_in_one_burst(home: Path) -> None:
    async with started(home, runner=FakeRunner()) as (app, pilot):
        type_at_once(pilot, "e\t16\r")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen) and launch(app).draft.edits.settings)
        assert launch(app).draft.edits.settings == {"batch_size": 16}


async def test_a_filter_s_text_is_the_filter_s(home: Path) -> None:
    async with started(home, runner=FakeRunner()) as (app, pilot):
        type_at_once(pilot, "s/rate\r")
        await until(pilot, lambda: app.launch_screen.query_one("#studies", PresetList).filter == "rate")
        assert listed(app, "#studies")[0].startswith("learning rate")


async def test_going_to_monitor_and_acting_there(home: Path) -> None:
    runner = FakeRunner()
    async with started(home, runner=runner) as (app, pilot):
        (run,) = queue(app)
        type_at_once(pilot, "2nrenamed\r")
        await until(pilot, lambda: app.store.run(run.id).name.endswith("renamed"))
        assert isinstance(app.screen, MonitorScreen)


async def test_a_question_is_answered_in_the_burst_that_asks_it(home: Path) -> None:
    async with started(home, runner=FakeRunner()) as (app, pilot):
        (run,) = queue(app)
        type_at_once(pilot, "2xj\r")
        await until(pilot, lambda: run.id not in [each.id for each in app.store.runs()])
        assert not app.screen.query(OptionList)


@pytest.mark.slow
def test_tab_and_a_number_in_one_write_to_the_real_program(home: Path, tmp_path: Path) -> None:
    with House(home, tmp_path) as house, house.open() as terminal:
        see(terminal, "1 Launch", "CoolNet v10 × quick", "measured")
        terminal.press("e")
        see(terminal, "edit ·", "batch_size")
        # As one read from the terminal.
        terminal.press("\t16\r")
        wait_until(terminal, lambda: "edit ·" not in terminal.text(), "the form to close")
        see(terminal, "epochs 50", "batch 16")
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
