"""The app around its screens: the top bar, help, the palette, questions, and leaving."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input, Static
from textual.widgets._footer import FooterKey

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.queue.runner import RunnerStatus
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
from lazytrain.presets import load_catalogue
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.departure import describe_work
from lazytrain.tui.palette import LazytrainCommands, possible_verbs, run_commands
from lazytrain.tui.screens.confirm import ConfirmScreen, SavingScreen, TooSmallScreen
from lazytrain.tui.screens.edit import EditScreen
from lazytrain.tui.screens.help import HelpScreen
from lazytrain.tui.screens.label import LabelScreen
from lazytrain.tui.screens.launch import LaunchScreen
from lazytrain.tui.state.headline import describe_queue
from lazytrain.tui.widgets.preset_list import PresetList
from lazytrain.tui.widgets.run_list import RunList
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers.launch_app import FakeRunner, launch, make_app, settle, started, toasts, until

OURS = (LazytrainApp, LaunchScreen, PresetList, EditScreen, HelpScreen, ConfirmScreen, LabelScreen, RunList)


def configuration() -> RunConfiguration:
    catalogue = load_catalogue()
    return RunConfiguration(
        architecture_name="lazynet",
        architecture=catalogue.architecture("lazynet"),
        hyperparameters_name="quick",
        hyperparameters=catalogue.hyperparameter_preset("quick").values,
    )


def queue(app: LazytrainApp, count: int = 1) -> list[Run]:
    runs = [app.store.add_run(configuration()) for _ in range(count)]
    app.refresh_runs()
    return runs


def start(app: LazytrainApp, journal: Journal) -> Run:
    """A run that trains, as the app knows."""
    (run,) = queue(app)
    journal.claim(run.id)
    journal.confirm(run.id, State.RUNNING)
    app.refresh_runs()
    return run


def abandon(home: Path, run: Run) -> None:
    """Its trainer was last seen long ago, and its lock is free."""
    lock = home / "runs" / run.id / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (1.0, 1.0))


def train(home: Path, run: Run, state: State = State.RUNNING) -> None:
    """Another process has claimed the run."""
    with Journal(home) as journal:
        journal.claim(run.id)
        journal.confirm(run.id, state)


def bindings(owners: Iterable[type]) -> list[Binding]:
    found = [binding for owner in owners for binding in owner.__dict__.get("BINDINGS", ())]
    assert all(isinstance(binding, Binding) for binding in found)
    return found


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── going about ────────────────────────────────────────────────────────────────────────────────────────────


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


# ── the top bar ────────────────────────────────────────────────────────────────────────────────────────────


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


# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────


class Obedient(FakeRunner):
    """A runner that has done what was asked when it was nudged, as if training came between two steps at once."""

    def __init__(self, home: Path) -> None:
        super().__init__("training", "trains a run")
        self.home = home

    def nudge(self) -> None:
        super().nudge()
        with Journal(self.home) as journal:
            for run in journal.runs():
                if run.pending is Wanted.PAUSE:
                    journal.confirm(run.id, State.PAUSED)


def seen_states(app: LazytrainApp, monkeypatch: pytest.MonkeyPatch) -> list[tuple[State, Wanted | None]]:
    """The first run's state and open wish in every frame from now on."""
    seen: list[tuple[State, Wanted | None]] = []
    refresh = app.store_watch.refresh

    def refresh_runs() -> None:
        refresh()
        seen.append((app.runs[0].state, app.runs[0].pending))

    monkeypatch.setattr(app.store_watch, "refresh", refresh_runs)
    return seen


async def test_what_training_here_does_at_once_is_never_shown_as_a_wish(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytrain.tui.app.POLL_SECONDS", 3600.0)
    async with started(home, runner=Obedient(home)) as (app, pilot):
        with Journal(home) as journal:
            run = start(app, journal)
        seen = seen_states(app, monkeypatch)
        app.command("pause", run)
        assert seen == [], "training has the turn now"
        await until(pilot, lambda: seen)
        assert seen[0] == (State.PAUSED, None)


async def test_what_training_here_does_later_is_shown_as_a_wish_and_then_as_done(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytrain.tui.app.POLL_SECONDS", 3600.0)
    async with started(home, runner=FakeRunner("training", "trains a run")) as (app, pilot):
        with Journal(home) as journal:
            run = start(app, journal)
            seen = seen_states(app, monkeypatch)
            app.command("pause", run)
            await until(pilot, lambda: seen)
            journal.confirm(run.id, State.PAUSED)
            await until(pilot, lambda: len(seen) > 1)
        assert seen == [(State.RUNNING, Wanted.PAUSE), (State.PAUSED, None)], "no frame more than there is to see"


# ── questions ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_discarding_asks_and_keeps_by_default(home: Path) -> None:
    async with started(home) as (app, pilot):
        (run,) = queue(app)
        app.command("discard", run)
        await pilot.pause()
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("enter")
        assert app.store.runs()
        app.command("discard", run)
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: not app.store.runs())


async def test_renaming_asks_for_the_name(home: Path) -> None:
    async with started(home) as (app, pilot):
        (run,) = queue(app)
        app.command("rename", run)
        await pilot.pause()
        app.screen.query_one(Input).value = "my run"
        await pilot.press("enter")
        await until(pilot, lambda: app.store.run(run.id).name == "my run")


async def test_what_is_not_possible_is_said(home: Path) -> None:
    async with started(home) as (app, pilot):
        (run,) = queue(app)
        app.command("pause", run)
        await until(pilot, lambda: toasts(app))
        assert toasts(app) == [f"{run.name} is queued: only a run that is being trained can be paused"]


async def test_a_dead_or_frozen_trainer_is_shown_though_it_writes_nothing(home: Path) -> None:
    async with started(home) as (app, pilot):
        (run,) = queue(app)
        train(home, run)
        await pilot.press("2")
        assert app.monitor_screen is not None
        status = app.monitor_screen.query_one(RunStatus)
        await until(pilot, lambda: "▶ running" in status.text)
        abandon(home, run)
        await until(pilot, lambda: "⚠ interrupted  its process ended without a word" in status.text)
        with FileLock(home / "runs" / run.id / "lock"):
            await until(pilot, lambda: "◇ suspended  its process is frozen: `fg`" in status.text)


async def test_a_store_damaged_under_an_open_screen_is_rebuilt_and_told(home: Path) -> None:
    async with started(home) as (app, pilot):
        queue(app, 2)
        await pilot.press("2")
        connection = sqlite3.connect(app.store.path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        app.store.path.write_bytes(b"this is no database any more".ljust(8192, b"!"))
        await until(pilot, lambda: any("2 runs were rebuilt from their folders" in text for text in toasts(app)))
        assert len(app.runs) == 2
        assert app.is_running


# ── leaving ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_with_nothing_training_here_it_leaves_at_once(home: Path, key: str) -> None:
    runner = FakeRunner()
    async with started(home, runner=runner) as (app, pilot):
        train(home, queue(app)[0])  # by another process
        await pilot.press(key)
        await until(pilot, lambda: app.return_code == 0)
    assert runner.asked[-1] == "stop"


async def test_with_a_run_training_here_it_asks_and_saves_if_that_is_wanted(home: Path) -> None:
    runner = FakeRunner("training", "trains lazynet quick")
    async with started(home, runner=runner) as (app, pilot):
        train(home, queue(app)[0])
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("escape")
        assert "stop" not in runner.asked
        await pilot.press("e", "ctrl+c")  # from anywhere
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, SavingScreen))
        assert runner.asked[-1] == "stop"
        await pilot.press("ctrl+c")
        assert isinstance(app.screen, SavingScreen)
        assert app.is_running
        runner.ended.set()
        await until(pilot, lambda: app.return_code == 0)
    assert app.departure.chosen == "stop"


@pytest.mark.parametrize("phase", ["training", "loading"])
async def test_by_default_what_is_trained_here_goes_on(home: Path, phase: str) -> None:
    runner = FakeRunner(phase, "trains lazynet quick")
    async with started(home, runner=runner) as (app, pilot):
        queue(app)  # that is enough: it is trained as soon as torch is there
        await pilot.press("q", "enter")
        await until(pilot, lambda: app.return_code == 0)
    assert app.departure.chosen == "keep"
    assert "stop" not in runner.asked


async def test_while_another_process_holds_the_device_it_leaves_at_once(home: Path) -> None:
    runner = FakeRunner("waiting", "waits for cpu: held by lazytrain (process 1)")
    async with started(home, runner=runner) as (app, pilot):
        train(home, queue(app, 2)[0])
        await pilot.press("q")
        await until(pilot, lambda: app.return_code == 0)
    assert app.departure.chosen == "quit"


def test_the_question_says_what_is_trained_and_what_waits(home: Path) -> None:
    with Journal(home) as journal:
        first, _, _ = (journal.add_run(configuration()) for _ in range(3))
        waiting = "3 runs wait in the queue."
        assert describe_work(journal.runs()) == waiting
        journal.claim(first.id)
        journal.confirm(first.id, State.PAUSED)
        assert describe_work(journal.runs()) == (
            "lazynet quick: paused in this process. 2 more wait in the queue. "
            "Paused without a screen, it is saved and let go after 10 minutes."
        )


# ── lightness and pictures ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "module",
    [
        "lazytrain.tui.app",
        "lazytrain.__main__",
        "lazytrain.tui.start",
        "lazytrain.tui.leave",
        "lazytrain.tui.terminal.signals",
        "lazytrain.tui.terminal.parent",
    ],
)
def test_importing_the_screen_imports_nothing_heavy(module: str) -> None:
    heavy = ("torch", "torchvision", "numpy", "plotext", "typer", "sklearn", "PIL", "matplotlib")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_first_frame_lists_the_presets_without_what_checks_them(home: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.widgets.preset_list import PresetList
app = LazytrainApp(Path({str(home)!r}), Path({str(home)!r}))
app._prepare = lambda: None  # what comes after the first frame
async def look():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("down")
        presets = app.launch_screen.query_one("#architectures", PresetList)
        named = ("pydantic", "lazytrain.presets.catalogue", "lazytrain.tui.commands.cli")
        heavy = [name for name in named if name in sys.modules]
        print(len(presets.rows), presets.render_line(1).text.split()[:3], heavy)
asyncio.run(look())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("16 ['▌CoolNet', 'v7'] []", "")


async def test_the_garbage_collector_works_again_after_the_first_frame(home: Path) -> None:
    gc.disable()
    try:
        async with started(home) as (_, pilot):
            await until(pilot, gc.isenabled)
    finally:
        gc.enable()
        gc.unfreeze()


async def test_a_key_that_comes_before_the_presets_are_read_is_obeyed(home: Path) -> None:
    app = make_app(home)
    app._prepare = lambda: None  # type: ignore[method-assign, assignment]
    async with app.run_test() as pilot:
        await pilot.press("down", "a")
        assert [run.architecture for run in app.store.runs()] == ["coolnet-v7"]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_picture_of_help(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    async def ask(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("question_mark")

    assert snap_compare(make_app(home), terminal_size=size, run_before=ask)
