"""The app around its screens: keys, help, the palette, the top bar, going about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._footer import FooterKey

from lazytrain.engine.queue.duty import RunnerStatus
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.preset_list import PresetList
from lazytrain.tui.lists.run_list import RunList
from lazytrain.tui.palette import LazytrainCommands, possible_verbs, run_commands
from lazytrain.tui.screens.confirm import ConfirmScreen, TooSmallScreen
from lazytrain.tui.screens.edit import EditScreen
from lazytrain.tui.screens.help import HelpScreen
from lazytrain.tui.screens.label import LabelScreen
from lazytrain.tui.screens.launch import LaunchScreen
from lazytrain.tui.state.headline import describe_queue
from tests.helpers.app_runs import configuration, queue, train
from tests.helpers.launch_app import FakeRunner, launch, make_app, settle, started, toasts, until

OURS = (LazytrainApp, LaunchScreen, PresetList, EditScreen, HelpScreen, ConfirmScreen, LabelScreen, RunList)


def bindings(owners: Iterable[type]) -> list[Binding]:
    found = [binding for owner in owners for binding in owner.__dict__.get("BINDINGS", ())]
    assert all(isinstance(binding, Binding) for binding in found)
    return found


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_has_an_id_of_its_own_a_description_and_a_tooltip() -> None:
    ours = bindings(OURS)
    assert len({binding.id for binding in ours}) == len(ours)
    assert [binding for binding in ours if not (binding.id and binding.description and binding.tooltip)] == []


async def test_the_footer_is_made_anew_only_for_other_keys(home: Path) -> None:
    async with started(home) as (app, pilot):
        run_list = await monitor_list(app, pilot)
        before = footer_keys(app)
        assert "space" in [key.key for key in before]
        app.screen.refresh_bindings()
        await pilot.pause()
        assert footer_keys(app) == before
        await pilot.press("slash")
        await until(pilot, lambda: footer_keys(app) != before)
        assert run_list.filtering
        assert "keep filter" in [key.description for key in footer_keys(app)]
        assert all(key.has_class("-compact") for key in footer_keys(app))


async def test_a_component_s_style_is_found_when_it_is_asked_for_and_follows_the_theme(home: Path) -> None:
    async with started(home) as (app, pilot):
        run_list = await monitor_list(app, pilot)
        assert "run-list--run-7" in run_list._component_styles
        assert "run-list--run-7" not in list(run_list._component_styles)
        dark = run_list.get_component_rich_style("run-list--run-7")
        assert "run-list--run-7" in list(run_list._component_styles)
        app.theme = "lazytrain-light"
        await until(pilot, lambda: run_list.get_component_rich_style("run-list--run-7") != dark)
        with pytest.raises(KeyError, match="run-list--nothing"):
            run_list.get_component_rich_style("run-list--nothing")


async def monitor_list(app: LazytrainApp, pilot: Pilot[int]) -> RunList:
    queue(app)
    await pilot.press("2")
    await settle(pilot)
    return app.screen.query_one(RunList)


def footer_keys(app: LazytrainApp) -> list[FooterKey]:
    return list(app.screen.query(FooterKey))


async def test_help_lists_every_key_of_launch_with_its_tooltip(home: Path) -> None:
    async with started(home, size=(80, 24)) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = "\n".join(str(each.render()) for each in app.screen.query(Static))
        for binding in bindings((LazytrainApp, LaunchScreen, PresetList)):
            assert binding.tooltip in shown
        await pilot.press("question_mark")
        assert app.screen is launch(app)


async def test_the_palette_offers_keys_and_runs_and_only_what_applies(home: Path) -> None:
    async with started(home) as (app, _):
        (run,) = queue(app)
        titles = [command.title for command in LazytrainCommands(app.screen)._commands()]
        assert {"launch: Train", "launch: Edit", "go to: Monitor", "app: Quit", "view: Theme…"} <= set(titles)
        assert "launch: Reset edits" not in titles
        assert f"run: Stop {run.name}" in titles
        assert f"run: Pause {run.name}" not in titles
        train(home, run)
        app.refresh_runs()
        commands = {command.title: command.run for command in run_commands(app)}
        commands[f"run: Pause {run.name}"]()
        assert app.store.run(run.id).pending == "pause"


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        (State.PAUSED, ("resume", "stop", "discard")),
        (State.RUNNING, ("pause", "stop", "discard")),
        (State.QUEUED, ("up", "down", "stop", "discard")),
        (State.FAILED, ("resume", "discard")),
        (State.FINISHED, ("discard",)),
    ],
)
def test_verbs_follow_from_the_state(home: Path, state: State, verbs: tuple[str, ...]) -> None:
    with Journal(home) as journal:
        run = journal.add_run(configuration())
        journal.confirm(run.id, state)
        assert possible_verbs(journal.run(run.id)) == verbs


# ── going about ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_keys_and_the_top_bar_switch_the_screens(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("2")
        assert app.current_mode == "monitor"
        await pilot.click("TopBar", offset=(15, 0))
        assert app.current_mode == "launch"


async def test_what_other_processes_write_is_shown(home: Path) -> None:
    async with started(home) as (app, pilot):
        with Journal(home) as journal:
            journal.add_run(configuration())
        await until(pilot, lambda: app.headline.startswith("1 queued"))


async def test_nothing_is_looked_at_while_the_app_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(home) as (app, _):
        queue(app)
        app.refresh_runs()
    monkeypatch.setattr(app, "refresh_runs", lambda: pytest.fail("its widgets are going"))
    app.store_watch._stale = True
    app._poll()


async def test_a_terminal_too_small_is_said_and_left_when_it_grows(home: Path) -> None:
    async with started(home, size=(50, 14)) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
        assert "60×16" in str(app.screen.query_one("#needed", Static).render())
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen is launch(app))


@pytest.mark.parametrize("theme", ["lazytrain-light", "textual-dark", "solarized-light", "ansi-dark"])
async def test_themes_work_and_are_remembered(home: Path, theme: str) -> None:
    async with started(home) as (app, pilot):
        app.theme = theme
        await pilot.press("e")
        await pilot.press("escape", "question_mark")
    assert make_app(home).theme == theme


@pytest.mark.parametrize("theme", ["lazytrain", "ansi-dark", "ansi-light"])
async def test_what_is_chosen_looks_otherwise_in_every_theme(home: Path, theme: str) -> None:
    async with started(home, size=(120, 40)) as (app, pilot):
        app.theme = theme
        await pilot.pause()

        def look(words: str) -> set[tuple[object, object, object]]:
            """How these words look, where they stand on the screen."""
            strips = app.screen._compositor.render_strips(app.size)
            return {
                (each.style.color, each.style.bgcolor, each.style.reverse)
                for strip in strips
                for each in strip
                if each.style is not None and words in each.text
            }

        assert look(" 1 Launch ") != look(" 2 Monitor ")
        for _, background, reverse in look(" 1 Launch "):
            assert reverse or background not in {each[0] for each in look(" 1 Launch ")}
        assert look("CoolNet v10 ") != look("CoolNet v7 ")


async def test_in_little_room_panels_go(home: Path) -> None:
    async with started(home, size=(60, 16)) as (app, pilot):
        await pilot.pause()
        shown = [each for each in app.screen.query("#columns, #columns *") if each.region.width and each.display]
        assert not app.screen.query_one("#right").display
        assert all(each.region.width >= 20 for each in shown if each.id in ("left", "hyperparameters"))
        await pilot.press("e")
        await pilot.pause()
        epochs = app.screen.focused
        assert epochs is not None
        assert app.screen.region.contains_region(epochs.region), "the form begins where its cursor is"
        await pilot.press("escape")
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert app.screen.query_one("#right").display


# ── the top bar ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_runner_is_started_once_and_its_words_and_errors_are_shown(home: Path) -> None:
    runner = FakeRunner("loading", "loading torch…")
    async with started(home, runner=runner) as (app, pilot):
        await until(pilot, lambda: "start" in runner.asked)
        assert app.headline == "loading torch…"
        runner.status = RunnerStatus(phase="ended", text="no cuda here", error="no cuda here")
        await until(pilot, lambda: app.headline == "⚠ no cuda here")
        await until(pilot, lambda: toasts(app) == ["no cuda here"])
        assert runner.asked.count("start") == 1


def test_the_queue_is_done_when_every_part_of_it_is() -> None:
    now = datetime(2026, 5, 3, 6, 30).timestamp()

    def run(state: State, step: int = 0) -> Run:
        return Run(
            **dict.fromkeys(("id", "name", "architecture", "hyperparameters", "dataset"), "x"),
            **{"seed": 0, "state": state, "wanted": "run", "position": 0.0, "created": 0.0, "num_epochs": 1},
            **{"step": step, "num_steps": 100, "seconds": 60.0},
        )

    running, queued = run(State.RUNNING, 50), run(State.QUEUED)
    assert describe_queue([running], lambda _: 1.0, now) == ""
    assert describe_queue([running, queued, queued], lambda _: 240.0, now) == "2 queued · done about 06:40"
    assert describe_queue([running, queued], lambda _: None, now) == "1 queued"
    assert describe_queue([run(State.PAUSED, 50), queued], lambda _: 1.0, now) == "1 queued"


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_picture_of_help(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    async def ask(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("question_mark")

    assert snap_compare(make_app(home), terminal_size=size, run_before=ask)
