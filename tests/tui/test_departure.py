"""Leaving the screen: what becomes of the runs that are trained here."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.tui.departure import describe_work
from lazytrain.tui.leave import work_here
from lazytrain.tui.screens.confirm import ConfirmScreen, SavingScreen
from tests.helpers.app_runs import configuration, queue, train
from tests.helpers.launch_app import FakeRunner, started, until


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


async def test_a_program_that_logs_from_elsewhere_is_not_asked_about(home: Path) -> None:
    with ScriptJournal(home) as journal:
        journal.add_script("mine", details={})
    runner = FakeRunner("training", "trains lazynet quick")
    async with started(home, runner=runner) as (app, pilot):
        train(home, queue(app)[0])
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmScreen)
        here = work_here(app.runner, app.store.runs())
        assert len([run for run in app.store.runs() if run.state.active]) == 2
        assert describe_work(here) == "lazynet quick: running in this process."


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
