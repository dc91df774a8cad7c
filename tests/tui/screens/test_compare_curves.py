"""Compare's curves: over each other, folded, marked, and as they grow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from lazytrain.engine.events import Point
from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.lists.run_list import RunList
from lazytrain.tui.words.compare_rows import NAME
from tests.helpers import compare_screen
from tests.helpers.compare_data import train
from tests.helpers.compare_screen import SIZES, chart, column, compare, drawn, heads, said, table
from tests.helpers.launch_app import until
from tests.helpers.monitor_data import Filler

ids = compare_screen.ids


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
