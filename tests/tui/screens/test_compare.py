"""Compare over a filled store: marking, curves over each other, the table, and what is remembered."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lazytrain.engine.events import Point
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.lists.run_list import NOTHING_FITS, RunList
from lazytrain.tui.palette import LazytrainCommands
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.screens.export import ExportScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.screens.pick import PickScreen
from lazytrain.tui.state.arrangement import recall_columns
from lazytrain.tui.state.last_session import recall
from lazytrain.tui.state.marks import Marks
from lazytrain.tui.widgets.compare_table import ComparisonTable
from lazytrain.tui.words.compare_rows import NAME
from tests.helpers.compare_data import fill_study, train
from tests.helpers.launch_app import make_app, until
from tests.helpers.monitor_data import Filler

SIZES = [(120, 40), (80, 24)]


@pytest.fixture
def ids(home: Path) -> list[str]:
    return fill_study(home)


@asynccontextmanager
async def compare(
    home: Path, marked: list[str], size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[CompareScreen, Pilot[Any]]]:
    app = make_app(home)
    async with app.run_test(size=size) as pilot:
        app.marks.add(marked)
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen._ready)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        yield screen, pilot


def chart(screen: CompareScreen, name: str) -> MetricChart:
    return screen.query_one(f"#{name}", MetricChart)


def drawn(screen: CompareScreen, name: str) -> str:
    shown = chart(screen, name)
    return "\n".join(shown.render_line(y).text for y in range(shown.size.height))


def said(screen: CompareScreen) -> str:
    text = screen.query_one("#said", Static)
    return str(text.content) if text.display else ""


def table(screen: CompareScreen) -> ComparisonTable:
    return screen.query_one(ComparisonTable)


def column(screen: CompareScreen, key: str) -> list[str]:
    found = table(screen)
    return [str(found.get_cell(row.value, key)).strip() for row in found.rows if row.value is not None]


def heads(screen: CompareScreen) -> list[str]:
    return [str(each.label).strip() for each in table(screen).columns.values()]


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_and_an_order_hold_on_both_screens(home: Path, ids: list[str], size: tuple[int, int]) -> None:
    async with compare(home, [], size) as (screen, pilot):
        here = screen.query_one(RunList)
        await pilot.press("o", "slash", *"time", "greater_than_sign", "1", "enter", "2")
        app = screen.lazytrain
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and app.screen.query_one(RunList).runs)
        there = app.screen.query_one(RunList)
        assert there.runs == here.runs
        assert (there.border_title, there.border_subtitle) == (here.border_title, here.border_subtitle)
        assert "by name" in str(there.border_title)
        assert there.border_subtitle == "/time>1"
        await pilot.press("o", "escape", "3")
        await until(pilot, lambda: app.screen is screen and not here.border_subtitle)
        assert len(here.runs) == len(ids)
        assert "by best" in str(here.border_title)
        await pilot.press("slash", *"nothing", "enter", "2")
        await until(pilot, lambda: app.screen is not screen and not there.runs)
        assert NOTHING_FITS in there.render_line(0).text


# ── marking ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_says_what_to_do_where_nothing_is_marked(home: Path, ids: list[str]) -> None:
    async with compare(home, []) as (screen, pilot):
        assert "space marks a run" in said(screen)
        assert "no run is marked" in drawn(screen, "accuracy")
        assert not table(screen).display
        await pilot.press("space")
        assert "space marks" not in said(screen)
        assert table(screen).display
        assert len(column(screen, NAME)) == 1


async def test_runs_are_marked_in_monitor_and_keep_their_colours(home: Path, ids: list[str]) -> None:
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and app.screen.query_one(RunList).runs)
        runs = app.screen.query_one(RunList)
        for run_id in ids[:3]:
            runs.select(run_id)
            await pilot.press("c")
        assert list(app.marks) == ids[:3]
        assert "3 marked" in str(runs.border_title)
        assert "✓ ● co…v10" in "\n".join(runs.render_line(y).text for y in range(6))
        before = app.marks.tone(ids[2]), app.marks.marker(ids[2])
        runs.select(ids[0])
        await pilot.press("c", "C")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert (app.marks.tone(ids[2]), app.marks.marker(ids[2])) == before
        assert str(table(app.screen).get_cell(ids[2], "mark")) == before[1]  # type: ignore[arg-type]


async def test_what_a_filter_finds_is_marked_at_once(home: Path, ids: list[str]) -> None:
    async with compare(home, []) as (screen, pilot):
        await pilot.press("slash", "l", "r", "equals_sign", "0", "full_stop", "1", "enter", "M")
        assert set(screen.lazytrain.marks) == set(ids[:2])
        await pilot.press("M")
        assert len(screen.lazytrain.marks) == 0
        await pilot.press("M", "u")
        assert len(screen.lazytrain.marks) == 0
        assert not table(screen).display


async def test_a_studys_runs_are_marked_from_the_palette(home: Path) -> None:
    filler = Filler(home)
    run_ids = [filler.queue("coolnet-v10"), filler.queue("coolnet-v10", "batch-20"), filler.queue("lazynet")]
    named = filler.queue("lazynet", epochs=3, name="lazynet default (batch-size)")
    filler.journal.close()
    async with compare(home, [run_ids[2]]) as (screen, pilot):
        commands = {each.title: each.run for each in LazytrainCommands(screen)._commands()}
        commands["compare: Study batch-size"]()
        await until(pilot, lambda: set(screen.lazytrain.marks) == {*run_ids[:2], named})


def test_marks_give_each_run_a_look_of_its_own() -> None:
    marks = Marks()
    marks.add(str(number) for number in range(64))
    assert len({(marks.tone(each), marks.marker(each)) for each in marks}) == 64
    looks = marks.tone("5"), marks.marker("5")
    marks.remove(["0", "9"])
    marks.add(["new"])
    assert marks.places["new"] == 0
    assert (marks.tone("5"), marks.marker("5")) == looks
    marks.keep({"5", "new"})
    assert list(marks) == ["5", "new"]


async def test_marks_are_remembered_and_those_of_runs_that_are_gone_forgotten(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:3]) as (screen, _):
        screen.lazytrain.marks.toggle(ids[0])
    assert recall(home / "screen.json").marked == {ids[1]: 1, ids[2]: 2}
    with Journal(home) as journal:
        journal.discard(ids[1])
    async with compare(home, []) as (screen, _):
        assert screen.lazytrain.marks.places == {ids[2]: 2}
    (home / "screen.json").write_text(json.dumps({"theme": "lazytrain-light", "marked": {"a": "b", "c": -1, "d": 3}}))
    assert recall(home / "screen.json").marked == {"d": 3}


# ── curves ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_curves_lie_over_each_other_with_marker_and_name(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:5:2]) as (screen, _):
        data = chart(screen, "accuracy").data
        assert data is not None
        assert [curve.tone for curve in data.curves] == ["run-0", "run-1", "run-2"]
        picture = drawn(screen, "accuracy")
        for name in ("● v10 lr 0.1", "▲ v10 lr 0.01", "■ v7"):
            assert name in picture
        assert chart(screen, "loss").display


async def test_keys_choose_metric_split_and_axis(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:3]) as (screen, pilot):
        shown = screen.charts
        assert [each.display for each in shown] == [True, True]
        await pilot.press("a")
        assert [(each.id, each.display) for each in shown] == [("accuracy", True), ("loss", False)]
        await pilot.press("a")
        assert [each.display for each in shown] == [False, True]
        await pilot.press("a", "d")
        data = chart(screen, "accuracy").data
        assert data is not None
        assert len(data.curves) == 3
        assert len(data.curves[0].x) == 100, "training windows"
        await pilot.press("d")
        data = chart(screen, "accuracy").data
        assert data is not None
        assert [curve.tone for curve in data.curves[:2]] == ["faint-0", "run-0"]
        ends: list[float] = []
        for _ in range(4):
            data = chart(screen, "accuracy").data
            assert data is not None
            ends.append(data.x_end)
            await pilot.press("b")
        assert ends[:3] == [10, 5000, 20_000]
        assert ends[3] == pytest.approx(10 * 13.5, rel=0.05)


async def test_what_happened_to_a_run_is_marked_on_its_curve(home: Path) -> None:
    filler = Filler(home)
    ids = [
        filler.queue("lazynet", epochs=40),
        filler.queue("coolnet-v7", "lr-10"),
        filler.queue("coolnet-v10", "lr-10"),
    ]
    train(filler, ids[0], final=0.2, speed=3, epochs=40)
    filler.journal.say(ids[0], "resumed: goes on after step 5,000")
    filler.end(ids[0], State.FINISHED)
    for run in ids[1:]:
        filler.start(run, 500)
        filler.end(run, State.FAILED, error="loss became NaN at step 10 (epoch 1): try a lower learning rate")
    # Of the other the window never ended that would show it.
    filler.journal.write(ids[1], points=[Point(10, float("nan"), 0.1, 10.0, 5400.0, 0.1)])
    filler.journal.close()
    async with compare(home, ids) as (screen, pilot):
        data = chart(screen, "loss").data
        assert data is not None
        kinds = [mark.kind for mark in data.marks]
        assert kinds == ["resumed", "overfit", "best", "bad", "bad"]
        resumed, overfit, best, *bad = data.marks
        assert resumed.x == 10
        assert overfit.x == pytest.approx(best.x, abs=3)
        assert best.y == min(data.curves[0].y)
        assert {mark.tone for mark in data.marks} == {"run-0", "run-1", "run-2"}
        assert [mark.y for mark in bad] == [None, None], "they have no test figure to stand on"
        picture = drawn(screen, "loss")
        for glyph in ("★", "!", "↻", "✗▲", "✗■", "★ best", "! overfits", "↻ resumed", "✗ NaN"):
            assert glyph in picture
        await pilot.press("d")
        data = chart(screen, "loss").data
        assert data is not None
        assert "best" not in {mark.kind for mark in data.marks}, "it is a test figure"


async def test_marks_of_a_run_that_goes_on_are_read_again(home: Path, ids: list[str]) -> None:
    async with compare(home, [ids[0]]) as (screen, pilot):
        with Journal(home) as journal:
            journal.say(ids[0], "resumed: goes on after step 1,000")
            journal.confirm(ids[0], State.STOPPED)
        await until(pilot, lambda: "↻" in drawn(screen, "accuracy"))
        await pilot.press("s")
        assert "★ best" in drawn(screen, "accuracy")


async def test_values_at_the_cursor_have_markers_for_names_where_room_is_short(home: Path, ids: list[str]) -> None:
    for size, names in (((120, 40), ("● lr 0.1", "▲ lr 0.01")), ((80, 24), ("●", "▲"))):
        async with compare(home, ids[:3:2], size) as (screen, pilot):
            await pilot.press("left", "left")
            title = drawn(screen, "accuracy").splitlines()[0]
            for name in names:
                assert re.search(rf"{name} \d\d\.\d %", title)
            await pilot.press("u")


@pytest.mark.parametrize("size", SIZES)
async def test_one_chart_fills_the_screen_then_the_other(home: Path, ids: list[str], size: tuple[int, int]) -> None:
    async with compare(home, ids[:3], size) as (screen, pilot):
        accuracy, loss = screen.charts
        await pilot.press("f")
        await pilot.pause()
        assert not screen.query_one(RunList).display
        assert not table(screen).display
        assert (accuracy.display, loss.display) == (True, False)
        assert accuracy.size == (size[0], size[1] - 2), "all but the bars above and below"
        assert "●" in drawn(screen, "accuracy")
        await pilot.press("f")
        await pilot.pause()
        assert (accuracy.display, loss.display) == (False, True)
        assert "●" in drawn(screen, "loss")
        screen.query_one(RunList).select(ids[5])
        await pilot.press("space")  # its loss is of another kind
        await pilot.pause()
        assert table(screen).display
        assert (accuracy.display, loss.display) == (True, False)
        await pilot.press("f", "f")
        await pilot.pause()
        assert table(screen).display, "the accuracy is all there is"


async def test_seeds_fold_into_a_mean_with_a_band(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:5]) as (screen, pilot):
        assert len(column(screen, NAME)) == 5
        assert "seed" in heads(screen)
        await pilot.press("s")
        data = chart(screen, "accuracy").data
        assert data is not None
        assert [mark.tone for mark in data.marks] == ["run-4"], "a mean has no best epoch"
        assert [curve.low is not None for curve in data.curves] == [True, True, False]
        assert column(screen, "seeds") == ["2", "2", "1"]
        assert "seed" not in heads(screen)
        assert "seeds as mean, band lowest to highest" in said(screen)
        assert "░" in drawn(screen, "accuracy")
        await pilot.press("s")
        assert len(column(screen, NAME)) == 5


async def test_losses_of_different_kinds_are_not_laid_over_each_other(home: Path, ids: list[str]) -> None:
    async with compare(home, [ids[0], ids[5]]) as (screen, pilot):
        assert "losses of different kinds (cross-entropy, MSE) don't compare: accuracy only" in said(screen)
        await pilot.press("a", "a")
        assert [(each.id, each.display) for each in screen.charts] == [("accuracy", True), ("loss", False)]
        screen.query_one(RunList).select(ids[5])
        await pilot.press("space")
        assert said(screen) == ""
        assert chart(screen, "loss").display


async def test_live_runs_grow_and_what_is_the_same_is_not_drawn_again(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:5]) as (screen, pilot):
        app = cast(LazytrainApp, pilot.app)
        before = chart(screen, "accuracy").num_drawn
        app.refresh_runs()
        await pilot.pause()
        assert chart(screen, "accuracy").num_drawn == before
        last = dict(zip(table(screen).rows, column(screen, "epoch"), strict=True))
        grower = Filler(home)
        grower.train(ids[4], 9, windows=10, loss=lambda epoch: 0.2)
        grower.journal.close()
        await until(pilot, lambda: chart(screen, "accuracy").num_drawn > before)
        assert dict(zip(table(screen).rows, column(screen, "epoch"), strict=True)) != last


async def test_a_marked_run_that_is_discarded_is_left_out(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:3]) as (screen, pilot):
        with Journal(home) as journal:
            journal.discard(ids[1])
        await until(pilot, lambda: len(column(screen, NAME)) == 2)
        assert len(screen.lazytrain.marks) == 2


async def test_a_run_without_figures_has_a_row_and_no_curve(home: Path) -> None:
    filler = Filler(home)
    queued = filler.queue("lazynet")
    filler.journal.close()
    async with compare(home, [queued]) as (screen, pilot):
        assert "no figures yet" in drawn(screen, "accuracy")
        assert column(screen, "best") == ["–"]
        await pilot.press("left", "plus", "f", "escape", "s", "d")
        assert screen.lazytrain.current_mode == "compare"


# ── the table ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_what_differs_is_told_and_the_best_is_marked(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:3:2]) as (screen, _):
        titles = heads(screen)
        assert "lr" in titles
        assert not {"architecture", "batch", "epochs", "seed"} & set(titles)
        assert column(screen, "learning_rate") == ["0.1", "0.01"]
        assert [text.startswith("★") for text in column(screen, "best")] == [False, True]
        assert "★ best" in str(table(screen).border_title)
        assert all(text.startswith(("+", "−")) for text in column(screen, "gap"))


async def test_the_table_is_sorted_by_any_column_with_key_and_mouse(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:5]) as (screen, pilot):
        found = table(screen)
        found.focus()
        as_marked = [row.value for row in found.rows]
        await pilot.press("o", "o")
        assert found.sort_key == "best"
        bests = [float(text.strip("★ %")) for text in column(screen, "best")]
        assert bests == sorted(bests, reverse=True)
        assert "by best test" in str(found.border_title)
        assert "best test ↓" in heads(screen)
        await pilot.press("R")
        assert [float(text.strip("★ %")) for text in column(screen, "best")] == sorted(bests)
        await pilot.press("O", "O")
        assert [row.value for row in found.rows] == as_marked
        head = "".join(segment.text for segment in found.render_line(0))
        await pilot.click(ComparisonTable, offset=(1 + head.index("best test") + 2, 1))
        assert found.sort_key == "best"


async def test_enter_on_a_row_shows_the_run_on_monitor(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:3]) as (screen, pilot):
        app = cast(LazytrainApp, pilot.app)
        table(screen).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.current_mode == "monitor" and app.monitor_screen is not None)
        assert app.monitor_screen is not None
        monitor = app.monitor_screen
        await until(pilot, lambda: monitor.selected is not None and monitor.selected.id == ids[1])


async def test_what_is_marked_is_exported_together(home: Path, ids: list[str]) -> None:
    async with compare(home, []) as (screen, pilot):
        await pilot.press("E")
        assert pilot.app.screen is screen
        screen.lazytrain.marks.add(ids[:2])
        cast(LazytrainApp, pilot.app).refresh_runs()
        await pilot.press("E")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen))


async def test_escape_goes_back_and_details_open(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:2]) as (screen, pilot):
        await pilot.press("left")
        assert chart(screen, "accuracy").cursor is not None
        await pilot.press("i", "escape", "escape")
        assert chart(screen, "accuracy").cursor is None
        await pilot.press("escape")
        assert screen.lazytrain.current_mode == "monitor"


# ── sizes and looks ────────────────────────────────────────────────────────────────────────────────────────


def shown_app(home: Path, marked: list[str]) -> LazytrainApp:
    app = make_app(home)
    app.marks.add(marked)
    return app


async def go(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen) and pilot.app.screen.families)
    await pilot.press(*keys)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_compare(home: Path, ids: list[str], snap_compare: Any, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[Any]) -> None:
        await go(pilot)

    assert snap_compare(shown_app(home, ids[:5]), terminal_size=size, run_before=run_before)


def test_picture_of_folded_seeds(home: Path, ids: list[str], snap_compare: Any) -> None:
    async def run_before(pilot: Pilot[Any]) -> None:
        await go(pilot, "s", "a")

    assert snap_compare(shown_app(home, ids), terminal_size=(120, 40), run_before=run_before)


def test_states_of_the_filled_store(home: Path, ids: list[str]) -> None:
    with Journal(home) as journal:
        runs: dict[str, Run] = {run.id: run for run in journal.runs()}
    assert [runs[each].state for each in ids] == [State.FINISHED] * 4 + [State.RUNNING, State.FINISHED]


async def test_the_y_axis_fits_what_the_curves_settle_at_and_says_so(home: Path) -> None:
    filler = Filler(home)
    ids = [filler.queue("coolnet-v10", epochs=10, learning_rate=rate) for rate in (0.1, 0.01)]
    for number, run_id in enumerate(ids):
        train(filler, run_id, final=0.02 + number / 100, speed=0.5)
    async with compare(home, ids) as (screen, pilot):
        chart = screen.query_one("#accuracy", MetricChart)
        assert "y fitted" in chart.render_line(0).text
        assert chart.plot.sheet is not None
        assert chart.plot.sheet.y_limits[0] > 80, "what settles at 95 % has the whole height"
        await pilot.press("y")
        assert "full y" in chart.render_line(0).text
        assert chart.plot.sheet.y_limits == (0.0, 100.0)
        assert " range" in pilot.app.export_screenshot().replace("&#160;", " ")


@pytest.mark.parametrize("size", [(80, 40), (100, 40), (120, 40), (200, 60)])
async def test_no_column_of_the_table_is_cut_and_each_can_be_reached(
    home: Path, ids: list[str], size: tuple[int, int]
) -> None:
    async with compare(home, ids[:5], size) as (screen, pilot):
        found = table(screen)
        found.focus()
        seen: set[str] = set()
        for _ in range(12):
            assert found.virtual_size.width <= found.scrollable_content_region.width
            seen.update(heads(screen))
            await pilot.press("right")
        assert {column.title for column in found.table.columns} <= seen
        assert ("columns" in str(found.border_title)) == (len(heads(screen)) < len(found.table.columns) + 1)


# ── runs that somebody else trains ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def script_ids(home: Path) -> list[str]:
    """Two programs' runs: one with accuracies in %, both with a loss and a figure of their own."""
    ids: list[str] = []
    with ScriptJournal(home) as journal:
        for name, rate, scale, bleu in (("small", 0.1, 1.0, 20.0), ("large", 0.001, 100.0, 35.0)):
            details = {"config": {"lr": rate, "seed": 1}, "metrics": {"gap": {"goal": "minimize"}}}
            run = journal.add_script(name, project="wmt", details=details)
            steps = range(0, 100, 10)
            series = {
                "train/loss": [Sample(step, float(step), 3 - step / 50) for step in steps],
                "val/loss": [Sample(step, float(step), 3 - step / 60) for step in steps],
                "val/acc": [Sample(step, float(step), scale * step / 200) for step in steps],
                "val/bleu": [Sample(step, float(step), bleu - (step - 50) ** 2 / 1000) for step in steps],
                "gap": [Sample(step, float(step), rate * step) for step in steps],
            }
            journal.write_series(run.id, series, {"step": 90, "seconds": 90.0})
            journal.end(run.id, State.FINISHED)
            ids.append(run.id)
    return ids


async def test_programs_runs_lie_over_those_of_lazytrain(home: Path, ids: list[str], script_ids: list[str]) -> None:
    async with compare(home, [ids[0], *script_ids]) as (screen, pilot):
        accuracy, loss = (chart(screen, name).data for name in ("accuracy", "loss"))
        assert accuracy is not None
        assert loss is not None
        assert len(accuracy.curves) == len(loss.curves) == 3
        assert accuracy.view.by == "step", "nobody knows a program's epochs"
        assert [float(curve.y[-1]) for curve in accuracy.curves[1:]] == pytest.approx([0.45, 0.45])
        assert [text.strip("★ ") for text in column(screen, "best")][1:] == ["45.0 %", "45.0 %"]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(screen.app.screen, PickScreen))
        await pilot.press(*"bleu", "enter")
        await until(pilot, lambda: chart(screen, "metric").data is not None)
        bleu = chart(screen, "metric").data
        assert bleu is not None
        assert [mark.x for mark in bleu.marks if mark.kind == "best"] == [50, 50]
        assert "has no bleu" in said(screen)
        await until(pilot, lambda: "best bleu" in heads(screen))
        assert column(screen, "best bleu") == ["–", "20.00", "★ 35.00"]
        await pilot.press("a")
        await until(pilot, lambda: chart(screen, "accuracy").data is not None and "best test" in heads(screen))


async def test_the_table_takes_any_setting_and_any_metrics_figure(home: Path, script_ids: list[str]) -> None:
    async with compare(home, script_ids) as (screen, pilot):
        assert column(screen, "config.lr") == ["0.1", "0.001"]
        await pilot.press("e")
        await until(pilot, lambda: isinstance(screen.app.screen, PickScreen))
        await pilot.press(*"best gap", "enter", *9 * ["backspace"], *"config.seed", "enter", "escape")
        await until(pilot, lambda: "best gap" in heads(screen))
        assert screen.columns == ["best gap", "config.seed"]
        assert column(screen, "best gap") == ["★ 0.000", "★ 0.000"]
        await pilot.press("s")
        await until(pilot, lambda: "no two of these" in said(screen))
    assert recall_columns(home / "columns.json") == ["best gap", "config.seed"]


async def test_a_theme_reaches_the_table_at_once(home: Path, ids: list[str]) -> None:
    async with compare(home, ids[:5]) as (screen, pilot):

        def colours() -> set[str]:
            found = table(screen)
            return {str(found.get_cell(row.key, "mark").style) for row in found.table.rows}

        before = colours()
        pilot.app.theme = "lazytrain-light"
        await pilot.pause()
        light = colours()
        assert light != before
        pilot.app.theme = "lazytrain"
        await pilot.press("2")
        pilot.app.theme = "lazytrain-light"
        await pilot.press("3")
        await pilot.pause()
        assert colours() == light
