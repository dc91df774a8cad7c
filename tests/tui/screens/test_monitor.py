"""Monitor over a store filled with made-up figures: what it shows, and what its keys ask for."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.lists.run_list import RunList
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.log import LogScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.state.arrangement import Arrangements
from lazytrain.tui.state.host import Host
from lazytrain.tui.widgets.metric_grid import CHOSEN, MetricGrid
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers.launch_app import make_app, until
from tests.helpers.monitor_app import MonitorApp
from tests.helpers.monitor_data import Clock, Filler, fill

SIZES = [(120, 40), (80, 24)]


@asynccontextmanager
async def monitor(home: Path, clock: Clock, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    app = MonitorApp(home, clock)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot
    app.store.close()


@pytest.fixture
def filler(home: Path) -> Filler:
    return fill(home)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown as in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def screen_of(pilot: Pilot[Any]) -> MonitorScreen:
    return pilot.app.monitor  # type: ignore[attr-defined]


def listed(pilot: Pilot[Any]) -> list[str]:
    run_list = screen_of(pilot).query_one(RunList)
    height = run_list.scrollable_content_region.height
    return [line for y in range(height) if (line := run_list.render_line(y).text.rstrip())]


def charts(pilot: Pilot[Any]) -> list[MetricChart]:
    return list(screen_of(pilot).query(MetricChart))


def title(chart: MetricChart) -> str:
    return chart.render_line(0).text


def status(pilot: Pilot[Any]) -> str:
    return screen_of(pilot).query_one(RunStatus).text


def selected_name(pilot: Pilot[Any]) -> str:
    run = screen_of(pilot).selected
    return run.name if run else ""


# ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_lists_every_run_with_its_state(home: Path, filler: Filler, size: tuple[int, int]) -> None:
    async with monitor(home, filler.clock, size) as pilot:
        rows = listed(pilot)
        assert [row[1] for row in rows] == ["‖", "▶", "◌", "◌", "■", "✗", "✓"]
        assert rows[1].startswith("▌▶ coolnet-v10")
        assert rows[1].endswith("61 %")
        assert rows[5].endswith("failed")
        assert len({len(row) for row in rows}) == 1, "the column at the right ends in one place"
        assert selected_name(pilot) == "coolnet-v10 default"


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_selected_runs_figures(home: Path, filler: Filler, size: tuple[int, int]) -> None:
    async with monitor(home, filler.clock, size) as pilot:
        loss, accuracy = charts(pilot)
        assert "train 0.320  test 0.764" in title(loss)
        assert "train 79.5 %  test 55.0 %" in title(accuracy)
        if size[0] >= 120:
            assert "● best 0.739 @ 25, chosen on test" in title(loss)
            assert "● best test 56.0 % @ 25  report 62 %" in title(accuracy)
        assert "epoch 31/50" in status(pilot)
        for said in (
            "61 %",
            "5,410 images/s",
            "ETA 3 min 59 s",
            "lr 0.01",
            "▶ running",
            "training on cpu",
            "11,250/12,500",
        ):
            assert said in status(pilot)


async def test_best_says_that_it_looks_at_validation_images(home: Path) -> None:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10", validation_fraction=0.1)
    filler.start(run_id)
    filler.train(run_id, 3, validated=True)
    async with monitor(home, filler.clock) as pilot:
        assert "● best validation" in title(charts(pilot)[0])
        assert "report" not in title(charts(pilot)[1]), "the report's figure is of other settings"


async def test_says_what_to_do_where_there_is_nothing(home: Path) -> None:
    async with monitor(home, Clock()) as pilot:
        assert listed(pilot) == [f" {Host.no_runs}"]
        assert "Press 1" in status(pilot)
        await pilot.press("space", "s", "r", "x", "n", "l", "i", "left", "m", "K", "J", "down", "end")
        assert pilot.app.asked == []  # type: ignore[attr-defined]


async def test_says_what_each_state_means(home: Path, filler: Filler) -> None:
    said: dict[str, str] = {}
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("home")
        for _ in range(7):
            said[selected_name(pilot)] = status(pilot)
            await pilot.press("down")
    assert "‖ paused  stays in memory and holds cpu" in said["coolnet-v7 lr-0.1"]
    assert "◌ queued  next, after" in said["boringnet-relu default"]
    assert "◌ queued  1 queued before it" in said["boringnet-leaky-relu decreasing-lr epochs=20"]
    assert "■ stopped  after step 11,250 of 125,000 · r goes on from there" in said["coolnet-v2 batch-20"]
    assert "✗ failed  loss became nan at step 1,551" in said["coolnet-v7 lr-10"]
    assert "r tries again" in said["coolnet-v7 lr-10"]
    assert "✓ finished  all epochs done" in said["lazynet default epochs=10"]


async def test_nan_is_marked(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("end", "up")
        loss = charts(pilot)[0]
        assert "train   NaN" in title(loss)
        assert any("✗ NaN" in loss.render_line(y).text for y in range(loss.size.height))


# ── going on ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_shows_what_is_new_and_reads_nothing_else(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        screen = screen_of(pilot)
        run = screen.selected
        assert run is not None
        assert screen.own.curves is not None
        before = len(screen.own.curves.steps)
        filler.train(run.id, 32)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert len(screen.own.curves.steps) > before
        assert "epoch 33/50" in status(pilot)
        drawn = [chart.num_drawn for chart in charts(pilot)]
        pilot.app.tell()  # type: ignore[attr-defined]
        assert [chart.num_drawn for chart in charts(pilot)] == drawn


async def test_idle_screen_repaints_nothing(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        painted: list[object] = []
        for widget in (*charts(pilot), screen_of(pilot).query_one(RunList), screen_of(pilot).query_one(RunStatus)):
            widget.refresh = lambda *regions, **_: painted.append(regions)  # type: ignore[method-assign]
        pilot.app.tell()  # type: ignore[attr-defined]
        assert painted == []


async def test_takes_points_back_when_the_run_was_rewound(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        screen = screen_of(pilot)
        run = screen.selected
        assert run is not None
        assert screen.own.curves is not None
        filler.journal.rewind(run.id, 12_500 * 10, 10)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert screen.own.curves.steps[-1] == 125_000
        assert len(screen.own.curves.epochs) == 10


async def test_selection_stays_with_its_run(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("end", "up")
        assert selected_name(pilot) == "coolnet-v7 lr-10"
        filler.journal.end(filler.journal.find("coolnet-v10 default").id, State.FINISHED, outcome="all epochs done")
        pilot.app.tell()  # type: ignore[attr-defined]
        assert selected_name(pilot) == "coolnet-v7 lr-10"
        filler.journal.discard(filler.journal.find("coolnet-v7 lr-10").id)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert selected_name(pilot) == "lazynet default epochs=10"


async def test_a_run_can_be_selected_before_it_is_listed(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        new = filler.queue("coolnet-v4")
        screen_of(pilot).select_run(new)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert selected_name(pilot) == "coolnet-v4 default"
        assert any("no figures yet" in charts(pilot)[0].render_line(y).text for y in range(15))


async def test_mouse_selects_a_run_and_a_column(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.click(RunList, offset=(5, 5))
        assert selected_name(pilot) == "coolnet-v2 batch-20"
        await pilot.click("#loss", offset=(30, 5))
        await pilot.pause()
        assert "epoch " in title(charts(pilot)[0])


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pause_writes_a_wish_and_shows_it_as_one(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        run = screen_of(pilot).selected
        assert run is not None
        await pilot.press("space")
        assert filler.journal.wanted(run.id) is Wanted.PAUSE
        assert filler.journal.run(run.id).state is State.RUNNING
        assert "pausing…" in status(pilot)
        assert any("pausing…" in row for row in listed(pilot))
        await pilot.press("space")
        assert filler.journal.wanted(run.id) is Wanted.RUN
        await pilot.press("space")
        filler.journal.confirm(run.id, State.PAUSED)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert "‖ paused" in status(pilot)
        await pilot.press("space")
        assert filler.journal.wanted(run.id) is Wanted.RUN
        assert "resuming…" in status(pilot)


async def test_keys_ask_for_what_they_say(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("down", "down")
        queued = screen_of(pilot).selected
        assert queued is not None
        await pilot.press("K", "J", "shift+up", "n", "s", "r", "x")
        asked = pilot.app.asked  # type: ignore[attr-defined]
        assert [verb for verb, _ in asked] == ["up", "down", "up", "rename", "stop", "resume", "discard"]
        assert {run_id for _, run_id in asked} == {queued.id}
        assert queued.id not in {run.id for run in filler.journal.runs()}


async def test_log_opens_grows_and_closes(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        run = screen_of(pilot).selected
        assert run is not None
        filler.journal.say(run.id, "checkpoint saved [step 300,000]")
        await pilot.press("l")
        assert isinstance(pilot.app.screen, LogScreen)
        lines = pilot.app.screen.lines
        assert "checkpoint saved [step 300,000]" in lines.text
        filler.journal.say(run.id, "the disk is nearly full", "warning")
        pilot.app.tell()  # type: ignore[attr-defined]
        assert "⚠ the disk is nearly full" in lines.text
        await pilot.pause()
        seen = "\n".join(strip.text for strip in (lines.render_line(y) for y in range(lines.size.height)))
        assert "⚠ the disk is nearly full" in seen
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, MonitorScreen)


async def test_details_say_everything_that_is_set(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("end", "enter")
        assert isinstance(pilot.app.screen, DetailsScreen)
        said = str(pilot.app.screen.query_one("#text", Static).content)
        run = screen_of(pilot).selected
        assert run is not None
        for words in (
            run.id,
            "learning rate",
            "augmentation.flip",
            "● edited before the start",
            "the only device",
            "autograd",
        ):
            assert words in said
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, MonitorScreen)


async def test_cursor_reads_values_and_escape_takes_it_away_then_goes_back(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        await pilot.press("left")
        assert all("epoch 3" in title(chart) for chart in charts(pilot))
        await pilot.press("shift+left", "left", "right")
        assert all("epoch 2" in title(chart) for chart in charts(pilot))
        await pilot.press("escape")
        assert "● best" in title(charts(pilot)[0])
        await pilot.press("escape")
        assert pilot.app.current_mode == "launch"


async def test_smoothing_keeps_the_raw_curve_behind(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock) as pilot:
        drawn = charts(pilot)[0].num_drawn
        await pilot.press("m")
        assert charts(pilot)[0].num_drawn == drawn + 1
        assert "loss, smoothed" in title(charts(pilot)[0])
        await pilot.press("m", "m", "m")
        assert screen_of(pilot).view.smoothing is None


async def test_every_key_says_what_it_does(home: Path) -> None:
    for binding in (*MonitorScreen.BINDINGS, *RunList.BINDINGS, *LogScreen.BINDINGS, *DetailsScreen.BINDINGS):
        assert binding.id  # type: ignore[union-attr]
        assert binding.description  # type: ignore[union-attr]
        assert binding.tooltip, binding  # type: ignore[union-attr]


# ── sizes and looks ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_slim_terminal_has_lines_of_figures(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock, (62, 17)) as pilot:
        assert [chart.canvas_width for chart in charts(pilot)] == [0, 0]
        assert "train 0.320  test 0.764" in charts(pilot)[0].render_line(1).text
        assert len(listed(pilot)) >= 3


async def test_too_small_a_terminal_says_so(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock, (50, 12)) as pilot:
        said = screen_of(pilot).query_one("#too-small", Static)
        assert said.display
        assert "50 × 12" in str(said.content)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert not said.display
        assert charts(pilot)[0].canvas_width > 60


async def test_the_status_is_as_high_as_its_lines_are_at_the_width_that_it_gets(home: Path, filler: Filler) -> None:
    async with monitor(home, filler.clock, (120, 40)) as pilot:
        shown = screen_of(pilot).query_one(RunStatus)
        for width in (118, 78, 62):
            assert shown.get_content_height(shown.size, shown.size, width) == 2


@pytest.mark.parametrize("size", SIZES)
def test_monitor_looks_as_it_did(home: Path, filler: Filler, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(MonitorApp(home, filler.clock), terminal_size=size)


def test_failed_run_looks_as_it_did(home: Path, filler: Filler, snap_compare: Any) -> None:
    assert snap_compare(MonitorApp(home, filler.clock), terminal_size=(120, 40), press=["end", "up"])


def test_details_look_as_they_did(home: Path, filler: Filler, snap_compare: Any, utc: None) -> None:
    assert snap_compare(MonitorApp(home, filler.clock), terminal_size=(80, 24), press=["i"])


# ── runs of programs of one's own ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "charts"), [((120, 40), 6), ((80, 24), 2), ((200, 60), 15)])
async def test_what_a_script_logs_is_a_grid_of_charts_in_pages(home: Path, size: tuple[int, int], charts: int) -> None:
    with ScriptJournal(home) as journal:
        run = journal.add_script("mine", project="mnist", details={})
        values = {name: [Sample(step, float(step), 1 / (step + 1)) for step in range(50)] for name in SCRIPT_METRICS}
        journal.write_series(run.id, values, {"step": 49, "seconds": 49.0})
        journal.end(run.id, State.FINISHED)
    app = make_app(home)
    async with app.run_test(size=size) as pilot:
        await pilot.press("2")
        await until(
            pilot, lambda: bool(app.screen.query(MetricGrid)) and len(app.screen.query_one(MetricGrid).charts) > 1
        )
        grid = app.screen.query_one(MetricGrid)
        await until(pilot, lambda: len(grid.charts) == charts)
        assert [chart.plot.title for chart in grid.charts[:2]] == ["loss", "m0"]
        data = grid.charts[0].data
        assert data is not None
        assert [curve.label for curve in data.curves] == ["train", "val"]
        await pilot.press("left")
        assert all(chart.cursor == chart.column_of(49) for chart in grid.charts)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: grid.charts[0].plot.title == f"m{charts - 1}")
        await pilot.press("left_square_bracket", "f")
        await until(pilot, lambda: len(grid.charts) == 1)
        await pilot.press("escape", "escape")
        app.store.discard(run.id)
        app.refresh_runs()
        await until(pilot, lambda: not grid.display)


async def test_a_grid_is_narrowed_ordered_and_hidden_as_its_project_remembers(home: Path) -> None:
    details = {"metrics": {"f1": {"step_metric": "epoch"}, "loss": {"goal": "maximize"}}}
    with ScriptJournal(home) as journal:
        run = journal.add_script("mine", project="mnist", details=details)
        values = {
            name: [Sample(step, float(step), step / 10) for step in range(0, 50, 7)] for name in ("f1", "m1", "m2")
        }
        values["loss"] = [Sample(1, 0.0, 1.0), Sample(20, 1.0, math.nan), Sample(49, 2.0, -math.inf)]
        values["epoch"] = [Sample(step, 0.0, step // 10) for step in range(50)]
        journal.write_series(run.id, values, {"step": 49, "seconds": 49.0})
        journal.end(run.id, State.FINISHED)
    app = make_app(home)

    def titles() -> list[str]:
        grids = app.screen.query(MetricGrid)
        return [chart.plot.title for chart in grids.first().charts] if grids else []

    def said() -> str:
        return str(app.screen.query_one("#pages", Static).content)

    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: titles() == ["f1", "m1", "m2", "loss", "epoch"])
        grid = app.screen.query_one(MetricGrid)
        shown = {chart.plot.title: chart.data for chart in grid.charts}
        loss, f1 = shown["loss"], shown["f1"]
        assert loss is not None
        assert [(mark.kind, mark.x) for mark in loss.marks] == [("bad", 20), ("bad", 49), ("best", 1)]
        assert f1 is not None
        assert (f1.axis, f1.x_end) == ("epoch", 4.0)
        await pilot.press("left", *12 * ["left"])
        leading, by_epoch = grid.charts[1], grid.charts[0]
        step = leading.x_at(leading.cursor or 0)
        assert abs(by_epoch.x_at(by_epoch.cursor or 0) - step // 10) < 1
        await pilot.press("escape", "tab")
        await until(pilot, lambda: titles()[0] == f"{CHOSEN}f1")
        await pilot.press("slash", "m", "[", "1")
        await until(pilot, lambda: "no regular expression" in said() and not titles())
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: titles() == [f"{CHOSEN}m1", "m2"])
        await pilot.press("escape", "h")
        await until(pilot, lambda: "1 hidden" in said())
        await pilot.press("J")
        await until(pilot, lambda: titles() == ["f1", "loss", f"{CHOSEN}m2", "epoch"])
        await pilot.press("enter")
        await until(pilot, lambda: titles() == ["m2"])
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: titles() == ["epoch"])
        await pilot.press("escape")
        await until(pilot, lambda: len(titles()) == 4)
    again = Arrangements(home / "charts.json").of(run)
    assert again.hidden == {"m1"}
    assert again.arranged(["m1", "m2", "new", "epoch", "loss"]) == ["m1", "loss", "m2", "epoch", "new"]


async def test_metrics_of_a_net_trained_here_come_on_a_further_page(home: Path, filler: Filler) -> None:
    run = filler.journal.find("coolnet-v10 default")
    norms = [Sample(step, step / 1000, 1 / step) for step in range(1000, 380_000, 1000)]
    filler.journal.write(run.id, series={"gradient norm": norms, "test/macro F1": norms[::100]})
    async with monitor(home, filler.clock) as pilot:
        screen = screen_of(pilot)
        await until(pilot, lambda: screen.selected is not None and screen.selected.id == run.id)
        main = screen.charts
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: len(screen.charts) == 4)
        assert [chart.plot.title for chart in screen.charts] == [
            "learning rate",
            "images/s",
            "gradient norm",
            "macro F1",
        ]
        data = screen.charts[2].data
        assert data is not None
        assert (data.view.by, data.x_end) == ("epoch", 50)
        assert round(float(data.curves[0].x[-1]) * data.curves[0].x_scale, 1) == 30.3
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: screen.charts == main)
        assert screen.query_one("#charts").display


SCRIPT_METRICS = ("train/loss", "val/loss", *(f"m{number}" for number in range(30)))
