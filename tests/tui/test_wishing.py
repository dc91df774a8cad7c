"""What is asked of runs from the screen: followed until it holds, with a question where there is no way back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from textual.widgets import Input

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.screens.confirm import ConfirmScreen
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers.app_runs import abandon, queue, start, train
from tests.helpers.launch_app import FakeRunner, started, toasts, until

# ── wishes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


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
