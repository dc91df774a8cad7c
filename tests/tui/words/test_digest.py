"""The morning's report: moments as people write them, what is in it, and the panel after an absence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App

from lazytrain.engine.analysis.digest import Digest, SinceError, last_presence, make_report, note_presence, read_since
from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.attendance import ABSENCE_SECONDS
from lazytrain.tui.screens.launch import LaunchScreen
from lazytrain.tui.screens.summary import SummaryScreen, compose_lines
from lazytrain.tui.theme import THEMES
from lazytrain.tui.words.digest import describe_counts, describe_span
from tests.helpers import command_line
from tests.helpers.command_line import Command
from tests.helpers.launch_app import settle, toasts, until
from tests.helpers.monitor_data import Clock, Filler

NOW = datetime(2026, 11, 23, 7, 0).timestamp()

command = command_line.run


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown as in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def night(home: Path) -> Iterator[Filler]:
    """A run from before; then a night: two finished, one failed, one stopped, one goes on, one waits."""
    filler = Filler(home, Clock(datetime(2026, 11, 22, 20, 0).timestamp()))
    before = filler.queue("lazynet", name="before")
    filler.start(before)
    filler.end(before, State.FINISHED)
    filler.clock.now = datetime(2026, 11, 22, 23, 0).timestamp()
    for name, epochs, hours in (("coolnet-v10", 20, 2), ("lazynet", 5, 1)):
        finished = filler.queue(name, epochs=epochs, name=f"{name} overnight")
        filler.start(finished)
        filler.train(finished, epochs, windows=5)
        filler.clock.now += hours * 3600
        filler.end(finished, State.FINISHED, outcome="all epochs done")
    failed = filler.queue("coolnet-v7", "lr-10", name="coolnet-v7 with a learning rate that is much too high")
    filler.start(failed)
    filler.journal.say(failed, "3 images skipped: not readable", "warning")
    filler.journal.say(failed, "interrupted after step 12,500: its process ended; queued in front", "warning")
    filler.end(failed, State.FAILED, error="loss became NaN at step 1,551 (epoch 1): try a lower learning rate")
    stopped = filler.queue("coolnet-v2", "batch-20")
    filler.start(stopped, 2500)
    filler.train(stopped, 4.5)
    filler.end(stopped, State.STOPPED)
    running = filler.queue("boringnet-relu")
    filler.start(running)
    filler.train(running, 12)
    filler.queue("boringnet-leaky-relu", "decreasing-lr")
    filler.clock.now = NOW
    yield filler
    filler.journal.close()


# ── moments ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("8h", "2026-11-22 23:00"),
        ("90 min", "2026-11-23 05:30"),
        ("1d 12h", "2026-11-21 19:00"),
        ("1.5h", "2026-11-23 05:30"),
        ("23:00", "2026-11-22 23:00"),
        ("06:30", "2026-11-23 06:30"),
        ("7:00", "2026-11-23 07:00"),
        ("2026-11-20", "2026-11-20 00:00"),
        ("2026-11-22 23:15", "2026-11-22 23:15"),
        ("2026-11-22T23:15", "2026-11-22 23:15"),
        (" last ", "2026-11-22 18:00"),
    ],
)
def test_moments_as_people_write_them(text: str, moment: str) -> None:
    last = datetime.fromisoformat("2026-11-22 18:00").timestamp()
    assert read_since(text, NOW, last) == datetime.fromisoformat(moment).timestamp()


def test_last_without_a_screen_before_is_the_beginning() -> None:
    assert read_since("last", NOW, None) == 0.0


@pytest.mark.parametrize("text", ["", "soon", "8", "8 weeks", "25:00", "-8h", "2026-13-01"])
def test_other_moments_are_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(SinceError, match="8h, 90min"):
        read_since(text, NOW, None)


def test_a_moment_to_come_is_refused() -> None:
    with pytest.raises(SinceError, match="still to come"):
        read_since("2026-11-24", NOW, None)


# ── what is in it ──────────────────────────────────────────────────────────────────────────────────────────


def report(filler: Filler, since: str = "8h") -> Digest:
    return make_report(filler.journal, read_since(since, NOW, None), NOW)


def test_a_report_holds_what_ended_since_then(night: Filler) -> None:
    found = report(night)
    assert [run.name for run in found.finished] == ["coolnet-v10 overnight", "lazynet overnight"]
    assert [run.name for run in found.stopped] == ["coolnet-v2 batch-20"]
    assert [run.error for run in found.failed] == ["loss became NaN at step 1,551 (epoch 1): try a lower learning rate"]
    assert [run.name for run in found.active] == ["boringnet-relu default"]
    assert found.num_queued == 1
    assert found.best is not None
    assert found.best.name == "coolnet-v10 overnight"
    assert found.seconds == pytest.approx(20 * 12.5 + 5 * 12.5 + 4.5 * 12.5)
    assert len(found.warnings[found.failed[0].id]) == 2
    assert describe_span(found) == "the last 8 h, since 23:00 yesterday"
    assert describe_counts(found) == "2 finished, 1 failed, 1 stopped; 1 in training, 1 queued"
    assert report(night, "1d").finished[0].name == "before"
    assert describe_counts(report(night, "1min")) == "no run ended; 1 in training, 1 queued"


def test_the_command_prints_it(command: Command, home: Path, night: Filler) -> None:
    with Store(home) as store:
        ago = f"{store.clock() - datetime(2026, 11, 22, 23, 0).timestamp():.0f}s"
    shown = command("report", "--since", ago)
    assert shown.status == 0, shown.err
    for words in (
        "2 finished, 1 failed, 1 stopped; 1 in training, 1 queued",
        "loss became NaN at step 1,551 (epoch 1): try a lower learning rate",
        "queued in front (and 1 more in its log)",
        "best: coolnet-v10 overnight, ",
        "6 min 9 s of training",
    ):
        assert words in shown.out
    assert "before" not in shown.out
    record = json.loads(command("report", "--since", ago, "--json").out)
    assert [each["name"] for each in record["finished"]] == ["coolnet-v10 overnight", "lazynet overnight"]
    assert record["failed"][0]["warnings"][0] == "3 images skipped: not readable"
    assert record["best"] == record["finished"][0]["id"]
    refused = command("report", "--since", "soon")
    assert (refused.status, refused.out) == (2, "")
    assert "--since: 'soon': write how long ago" in refused.err


@pytest.mark.parametrize("width", [40, 68, 100])
def test_lines_of_the_panel_fit_its_width(night: Filler, width: int) -> None:
    lines = [line.plain for line in compose_lines(report(night), width)]
    assert max(map(len, lines)) <= width
    assert any("loss became NaN" in line for line in lines)


def test_lines_tell_runs_apart_and_count_cells(night: Filler) -> None:
    for rate in (0.1, 0.01):
        run_id = night.queue("lazynet", name=f"coolnet-v10 augmentation batch-5 lr={rate}")
        night.start(run_id)
        night.end(run_id, State.FAILED, error="画像が読めません " * 8)
    lines = [line.plain for line in compose_lines(report(night), 50)]
    assert max(map(cell_len, lines)) <= 50, "wide letters have two"
    assert any("…lr=0.1 " in line for line in lines)
    assert any("…lr=0.01 " in line for line in lines)


# ── the first screen after an absence ──────────────────────────────────────────────────────────────────────


def app(filler: Filler) -> LazytrainApp:
    return LazytrainApp(filler.home, filler.home / "data", clock=filler.clock)


async def test_the_first_screen_after_an_absence_shows_it_once(night: Filler) -> None:
    note_presence(night.home, NOW - 8 * 3600)
    first = app(night)
    async with first.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(first.screen, SummaryScreen)
        await pilot.press("enter")
        assert isinstance(first.screen, LaunchScreen)
    assert last_presence(night.home) == NOW
    second = app(night)
    async with second.run_test() as pilot:
        await settle(pilot)
        assert isinstance(second.screen, LaunchScreen)


@pytest.mark.parametrize(
    ("absence", "why"),
    [
        (None, "a first start is no absence"),
        (ABSENCE_SECONDS - 1, "too short"),
    ],
)
async def test_otherwise_there_is_no_panel(night: Filler, absence: float | None, why: str) -> None:
    if absence is not None:
        note_presence(night.home, NOW - absence)
    started = app(night)
    async with started.run_test() as pilot:
        await settle(pilot)
        assert isinstance(started.screen, LaunchScreen), why


async def test_an_absence_in_which_nothing_ended_is_none(home: Path) -> None:
    filler = Filler(home, Clock(NOW))
    filler.queue("lazynet")
    note_presence(home, NOW - 2 * ABSENCE_SECONDS)
    started = app(filler)
    async with started.run_test() as pilot:
        await settle(pilot)
        assert isinstance(started.screen, LaunchScreen)
    filler.journal.close()


async def test_the_bell_rings_when_it_is_wanted(night: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    (night.home / "settings.toml").write_text("notify_bell = true")
    written: list[str] = []
    started = app(night)
    async with started.run_test() as pilot:
        await settle(pilot)
        monkeypatch.setattr(started._driver, "write", written.append)
        # Textual's own does nothing where there is no terminal.
        monkeypatch.setattr(started, "bell", lambda: written.append("bell"))
        running = next(run for run in started.runs if run.state.active)
        night.end(running.id, State.FAILED, error="out of memory")
        started.refresh_runs()
        started.refresh_runs()
    assert written == ["bell", "\x1b]9;boringnet-relu default failed: out of memory\x07"]


async def test_broken_settings_are_told_and_stop_no_screen(night: Filler) -> None:
    (night.home / "settings.toml").write_text("nice = 500")
    started = app(night)
    async with started.run_test() as pilot:
        await settle(pilot)
        await until(pilot, lambda: toasts(started) != [])
        (text,) = toasts(started)
        assert "nice = 500: must be less than or equal to 19" in text


class SummaryApp(App[None]):
    """The panel alone: what lies under it has pictures of its own."""

    def __init__(self, report: Digest) -> None:
        super().__init__()
        self.report = report
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name

    def on_mount(self) -> None:
        self.push_screen(SummaryScreen(self.report))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_summary(night: Filler, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(SummaryApp(report(night)), terminal_size=size)
