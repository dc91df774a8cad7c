"""Commands on the screens: chosen and queued on Launch, watched on Monitor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.commands.preparing import prepare_command
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.lists.preset_list import PresetList
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.export import ExportScreen
from lazytrain.tui.screens.log import LogScreen
from lazytrain.tui.widgets.log_lines import LogLines
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers.launch_app import launch, settle, started, text_of, toasts, until, write_preset
from tests.helpers.monitor_app import MonitorApp
from tests.helpers.monitor_data import Clock

MINE = f"""
title = "My script"
about = "A script of mine."
command = "{sys.executable} train.py --lr {{lr}} --net {{net}}"
cwd = "/"
env = {{ SEED = "{{seed}}" }}
project = "mine"
[parameters]
lr = 0.1
net = "small"
seed = 0
"""
RATES = """
title = "Rates of mine"
command = "sh -c 'echo {lr}'"
cwd = "/"
grid = { lr = [0.1, 0.01] }
"""


@pytest.fixture
def presets(home: Path) -> Path:
    write_preset(home, "commands", "mine", MINE)
    write_preset(home, "commands", "wrong", 'title = "Wrong"\ncommand = "sh -c {x}"\n')
    write_preset(home, "studies", "rates", RATES)
    return home


async def test_a_command_is_chosen_changed_and_queued(presets: Path) -> None:
    async with started(presets) as (app, pilot):
        await pilot.press("s", "s")
        await settle(pilot)
        assert launch(app).focused is launch(app).query_one("#commands")
        assert text_of(app, "#command-lines") == f"· {sys.executable} train.py --lr 0.1 --net small"
        assert "A script of mine." in text_of(app, "#command-about")
        facts = text_of(app, "#command-facts")
        assert all(each in facts for each in ("in       /", "SEED=0", "project  mine", "lr       0.1"))
        await pilot.press("e")
        await pilot.press("end", *(["backspace"] * 60), *"lr=x net='a b")
        await pilot.press("enter")
        await pilot.pause()
        assert "close the quotes" in str(app.screen.query_one("#wrong").render())
        await pilot.press(*"' lr=0.5", "enter")
        await settle(pilot)
        assert "--lr 0.5 --net 'a b'" in text_of(app, "#command-lines")
        await pilot.press("a")
        await until(pilot, app.store.runs)
        (run,) = app.store.runs()
        assert (run.kind, run.state, run.project) == (Kind.COMMAND, State.QUEUED, "mine")
        assert app.store.command(run.id).arguments[1:] == ("train.py", "--lr", "0.5", "--net", "a b")
        assert app.store.details(run.id)["config"] == {"lr": 0.5, "net": "a b", "seed": 0}
        await pilot.press("r")
        await settle(pilot)
        assert "--lr 0.1 --net small" in text_of(app, "#command-lines")


async def test_a_broken_command_says_why(presets: Path) -> None:
    async with started(presets) as (app, pilot):
        await pilot.press("s", "s", "down")
        await settle(pilot)
        refusal = text_of(app, "#command-refusal")
        assert "wrong.toml: {x} has no value: give it one in parameters" in refusal
        await pilot.press("enter")
        await settle(pilot)
        assert app.store.runs() == []
        assert any("{x} has no value" in toast for toast in toasts(app))


async def test_a_study_of_a_command_is_queued_once(presets: Path) -> None:
    async with started(presets) as (app, pilot):
        launch(app).query_one("#studies", PresetList).chosen = "rates"
        await pilot.press("s")
        await settle(pilot)
        assert text_of(app, "#command-lines") == "· lr=0.1  sh -c 'echo 0.1'\n· lr=0.01  sh -c 'echo 0.01'"
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 2)
        assert [run.name for run in app.store.runs()] == ["lr=0.1 (rates)", "lr=0.01 (rates)"]
        await pilot.press("a")
        await settle(pilot)
        assert len(app.store.runs()) == 2
        assert "every run of it is there already" in toasts(app)


async def test_a_study_of_a_command_is_compared_and_reported(presets: Path) -> None:
    async with started(presets) as (app, pilot):
        launch(app).query_one("#studies", PresetList).chosen = "rates"
        await pilot.press("s")
        await settle(pilot)
        await pilot.press("C")
        await until(pilot, lambda: toasts(app))
        assert toasts(app) == ["rates has no runs yet: launch it (1, s)"]
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 2)
        app.refresh_runs()
        ids = {run.id for run in app.store.runs()}
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert set(app.marks) == ids
        await pilot.press("1", "E")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))


def make_run(home: Path, clock: Clock) -> Run:
    """A command that runs: it has printed, and figures were read off that."""
    with CommandJournal(home, clock=clock) as journal:
        command = prepare_command(["sh", "train.sh", "--lr", "0.1"], folder="/", environment={"SEED": "3"})
        run = journal.add_command(command, "night-1", project="mine", config={"lr": 0.1})
        assert journal.claim(run.id, "lazytrain work (process 7)")
        journal.prepare_command(run.id, "cpu", "what its runner holds")
        journal.command_started(run.id, "started: sh train.sh --lr 0.1 (process 12 in /)", 12, "here")
        series = {
            name: [Sample(step, step / 10, 3 / (step + 1)) for step in range(60)] for name in ("loss", "val_loss")
        }
        lines = [(clock(), "stdout", "hello"), (clock(), "stderr", "warning: careful")]
        progress = '{"phase": "Epoch 1", "done": 20, "total": 40, "step": 60, "seconds": 6.0}'
        columns = {"step": 60, "num_steps": 80, "seconds": 6.0, "progress": progress}
        journal.write_output(run.id, lines, series, columns)
        journal.set_details(run.id, {"from_output": ["loss", "val_loss"]})
        return journal.run(run.id)


async def test_monitor_watches_a_command(home: Path) -> None:
    clock = Clock()
    run = make_run(home, clock)
    app = MonitorApp(home, clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, app)
        status = app.monitor.query_one(RunStatus)
        assert "step 60/80" in status.text
        assert "Epoch 1 on cpu · 20/40" in status.text
        said = app.monitor.query_one("#pages")
        await until(pilot, lambda: app.tell() or "1 chart · read off its output" in str(said.render()))
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(app.screen, DetailsScreen)
        told = str(app.screen.query_one("#text").render())
        assert all(each in told for each in ("sh train.sh --lr 0.1", "env SEED", "read off what it printed"))
        await pilot.press("escape", "l")
        await pilot.pause()
        assert isinstance(app.screen, LogScreen)
        assert "│ hello" in app.screen.query_one(LogLines).text
        await pilot.press("escape", "space")
        assert app.asked[-1] == ("pause", run.id)
    app.store.close()


async def until_shown(pilot: Any, app: MonitorApp) -> None:
    def is_shown() -> bool:
        app.tell()  # as the real app does again and again
        return bool(app.monitor.query("#pages")) and "chart" in str(app.monitor.query_one("#pages").render())

    await until(pilot, is_shown)


@pytest.mark.parametrize(
    ("state", "columns", "told"),
    [
        (State.FAILED, {"error": "exit status 1: ValueError: x"}, "exit status 1: ValueError: x · r starts it again"),
        (
            State.STOPPED,
            {"outcome": "by a person (SIGTERM, terminated)"},
            "r starts it again from its beginning",
        ),
        (State.FINISHED, {"outcome": "exit status 0"}, "exit status 0"),
    ],
)
async def test_how_it_ended_is_said(home: Path, state: State, columns: dict[str, str], told: str) -> None:
    clock = Clock()
    run = make_run(home, clock)
    with CommandJournal(home, clock=clock) as journal:
        journal.end(run.id, state, **columns)
    app = MonitorApp(home, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, app)
        assert told in app.monitor.query_one(RunStatus).text
    app.store.close()
