"""Looking closer at charts, moving along, and changing their axes: by key, by wheel, and on the whole screen."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from lazytrain.engine.records import State
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import ChartView
from lazytrain.tui.charts.sheet import COLUMN_BEFORE
from lazytrain.tui.charts.zoom import CLOSEST, followed, pan, reset, zoom
from lazytrain.tui.screens.charts import ChartScreen
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers.monitor_app import MonitorApp
from tests.helpers.monitor_data import Filler

SIZES = [(120, 40), (80, 24)]


def overfits(epoch: float) -> float:
    return 0.15 + 1.95 * math.exp(-epoch / 5)


@asynccontextmanager
async def monitor(
    home: Path, epochs: float = 30.9, size: tuple[int, int] = (120, 40), loss: Callable[[float], float] = overfits
) -> AsyncIterator[tuple[Pilot[Any], Filler, str]]:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10", name="coolnet-v10 default")
    filler.start(run_id)
    filler.train(run_id, epochs, loss=loss)
    app = MonitorApp(home, filler.clock)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot, filler, run_id
    app.store.close()


def screen(pilot: Pilot[Any]) -> ChartScreen:
    return pilot.app.monitor  # type: ignore[attr-defined]


def text(chart: MetricChart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


# ── windows ────────────────────────────────────────────────────────────────────────────────────────────────────────

moves = st.lists(
    st.one_of(
        st.tuples(st.just("in"), st.floats(0, 1)),
        st.tuples(st.just("out"), st.floats(0, 1)),
        st.tuples(st.just("pan"), st.floats(-1, 1)),
        st.tuples(st.just("newest"), st.just(0.5)),
    ),
    max_size=40,
)


@given(moves=moves, x_end=st.floats(1, 1e7), done=st.floats(0.01, 1))
def test_a_window_stays_inside_the_axis(moves: list[tuple[str, float]], x_end: float, done: float) -> None:
    view, newest = ChartView(), x_end * done
    for kind, share in moves:
        left, right = view.window or (0.0, x_end)
        anchor = left + share * (right - left)
        match kind:
            case "in":
                view = zoom(view, 0.5, x_end, newest, anchor)
            case "out":
                view = zoom(view, 2, x_end, newest, anchor)
            case "pan":
                view = pan(view, share, x_end, newest)
            case _:
                view = zoom(view, share, x_end, newest)
        if view.window is not None:
            left, right = view.window
            assert 0 <= left < right <= x_end * (1 + 1e-9)
            assert x_end * CLOSEST * (1 - 1e-6) <= right - left < x_end
        else:
            assert not view.follow


def test_zooming_keeps_the_anchor_in_its_place() -> None:
    view = zoom(ChartView(), 0.5, 50, 50, 20)
    assert view.window == pytest.approx((10, 35))
    assert zoom(view, 2, 50, 50, 20) == ChartView()
    assert reset(view) == ChartView()


def test_without_a_cursor_it_zooms_at_the_newest_point() -> None:
    view = zoom(ChartView(), 0.5, 50, 30)
    assert view.window == pytest.approx((11.25, 36.25)), "a quarter is left for what comes"
    assert view.follow
    assert zoom(ChartView(), 0.5, 50, 50).window == pytest.approx((25, 50))


def test_a_window_at_the_newest_point_goes_on_with_it_in_jumps() -> None:
    view = zoom(ChartView(), 0.5, 50, 30)
    assert followed(view, 50, 36) is view
    moved = followed(view, 50, 36.5)
    assert moved.window == pytest.approx((17.75, 42.75))
    assert moved.follow


def test_a_window_put_elsewhere_stays() -> None:
    view = zoom(ChartView(), 0.25, 50, 30, 5)
    assert not view.follow
    assert followed(view, 50, 45) is view
    back = pan(view, 100, 50, 30)
    assert back.window is not None
    assert back.window[1] == 50


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_zooms_around_the_cursor_pans_and_resets(home: Path) -> None:
    async with monitor(home) as (pilot, _, _):
        loss, accuracy = screen(pilot).charts
        await pilot.press(*["left"] * 10)
        assert loss.cursor is not None
        before = loss.x_at(loss.cursor)
        await pilot.press("plus", "plus")
        assert loss.x_at(loss.cursor) == pytest.approx(before, abs=0.5)
        assert loss.plot.sheet is not None
        assert accuracy.plot.sheet is not None
        assert loss.plot.sheet.x_limits == accuracy.plot.sheet.x_limits
        left, right = loss.plot.sheet.x_limits
        assert right - left == pytest.approx(12.5)
        await pilot.press("less_than_sign")
        assert loss.plot.sheet.x_limits[0] == pytest.approx(left - 3.125)
        await pilot.press("greater_than_sign", "minus", "0")
        assert loss.plot.sheet.x_limits == (0, 50)


async def test_the_cursor_moves_the_window_at_its_edge(home: Path) -> None:
    async with monitor(home) as (pilot, _, _):
        await pilot.press("left", *["left"] * 5, "plus", "plus", "plus")
        window = screen(pilot).view.window
        assert window is not None
        await pilot.press(*["shift+left"] * 6)
        assert screen(pilot).view.window is not None
        assert screen(pilot).view.window[0] < window[0]  # type: ignore[index]


async def test_the_wheel_zooms_where_the_mouse_is(home: Path) -> None:
    async with monitor(home) as (pilot, _, _):
        loss = screen(pilot).charts[0]
        there = loss.x_at(20)

        def turn(kind: type[MouseScrollUp] | type[MouseScrollDown]) -> None:
            loss.post_message(kind(loss, COLUMN_BEFORE + 20, 5, 0, 0, 0, False, False, False))

        turn(MouseScrollUp)
        await pilot.pause()
        assert screen(pilot).view.window is not None
        assert loss.x_at(20) == pytest.approx(there)
        turn(MouseScrollDown)
        await pilot.pause()
        assert screen(pilot).view.window is None


async def test_a_live_run_goes_on_in_the_window_only_at_its_newest_point(home: Path) -> None:
    async with monitor(home) as (pilot, filler, run_id):
        await pilot.press("plus", "plus", "plus")
        following = screen(pilot).view.window
        assert following is not None
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign", "less_than_sign")
        put = screen(pilot).view.window
        filler.train(run_id, 34, loss=overfits)
        pilot.app.tell()  # type: ignore[attr-defined]
        assert screen(pilot).view.window == put
        await pilot.press("0", "plus", "plus", "plus")
        filler.train(run_id, 40, loss=overfits)
        pilot.app.tell()  # type: ignore[attr-defined]
        window = screen(pilot).view.window
        assert window is not None
        assert window[0] <= 40 <= window[1]


async def test_axes_by_step_images_and_time(home: Path) -> None:
    async with monitor(home) as (pilot, _, _):
        loss = screen(pilot).charts[0]
        for name, last in (("step", "600k"), ("images", "2.4M"), ("min", "10"), ("epoch", "50")):
            await pilot.press("b")
            axis = text(loss)[-2]
            assert axis[1:7].strip() == name
            assert axis.rstrip("│ ").endswith(last)
        await pilot.press("b", "left")
        assert "step 38" in text(loss)[0]


async def test_log_smoothing_and_axis_are_kept_for_the_next_run(home: Path) -> None:
    async with monitor(home) as (pilot, filler, run_id):
        await pilot.press("L", "m", "b", "plus", "left")
        filler.end(run_id, State.FINISHED, outcome="all epochs done")
        other = filler.queue("lazynet")
        filler.start(other)
        filler.train(other, 10)
        pilot.app.tell()  # type: ignore[attr-defined]
        screen(pilot).select_run(other)  # type: ignore[attr-defined]
        await pilot.pause()
        assert screen(pilot).view == ChartView(by="step", log=True, smoothing=0.6)
        assert screen(pilot).cursor is None


@pytest.mark.parametrize("size", SIZES)
async def test_one_chart_fills_the_screen(home: Path, size: tuple[int, int]) -> None:
    async with monitor(home, size=size) as (pilot, _, _):
        loss, accuracy = screen(pilot).charts
        await pilot.press("f")
        await pilot.pause()
        assert (loss.size.width, accuracy.display) == (size[0], False)
        assert loss.size.height >= size[1] - 5
        await pilot.press("left", "plus")
        assert "epoch" in text(loss)[0]
        await pilot.press("f")
        await pilot.pause()
        assert (loss.display, accuracy.size.width) == (False, size[0])
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert loss.display
        assert accuracy.display
        assert screen(pilot).focused is not None
        assert screen(pilot).focused.id == "runs"  # type: ignore[union-attr]
        await pilot.press("f", "f", "f")
        await pilot.pause()
        assert not screen(pilot).has_class("full")


@pytest.mark.parametrize("size", SIZES)
async def test_says_since_when_it_overfits(home: Path, size: tuple[int, int]) -> None:
    async with monitor(home, size=size) as (pilot, _, _):
        status = screen(pilot).query_one(RunStatus).text
        assert ("overfitting since epoch 16" if size[0] >= 120 else "overfits since 16") in status
        body = "\n".join(text(screen(pilot).charts[0]))
        assert "╎ overfitting" in body


async def test_a_run_that_does_not_overfit_is_not_said_to(home: Path) -> None:
    async with monitor(home, 12) as (pilot, _, _):
        assert "overfitting" not in screen(pilot).query_one(RunStatus).text
        assert not any("╎" in line for line in text(screen(pilot).charts[0]))


async def test_every_chart_key_says_what_it_does() -> None:
    ids = [binding.id for binding in ChartScreen.BINDINGS]  # type: ignore[union-attr]
    assert len(set(ids)) == len(ids)
    assert all(binding.tooltip and binding.description for binding in ChartScreen.BINDINGS)  # type: ignore[union-attr]


# ── looks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def overfitting_app(home: Path) -> MonitorApp:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10", name="coolnet-v10 default")
    filler.start(run_id)
    filler.train(run_id, 30.9, loss=overfits)
    return MonitorApp(home, filler.clock)


def test_picture_of_a_smoothed_log_axis_zoomed_in(home: Path, snap_compare: Any) -> None:
    assert snap_compare(
        overfitting_app(home), terminal_size=(120, 40), press=[*["left"] * 12, "plus", "plus", "L", "m", "m"]
    )


def test_picture_of_one_chart_on_a_small_screen(home: Path, snap_compare: Any) -> None:
    assert snap_compare(overfitting_app(home), terminal_size=(80, 24), press=["f"])


async def test_noisy_runs_are_smoothed_by_themselves_and_a_person_has_the_last_word(home: Path) -> None:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10", epochs=10)
    filler.start(run_id, 500)
    filler.train(run_id, 8, windows=20, loss=lambda epoch: 0.4 + 0.3 * (round(epoch * 20) % 2) + (epoch < 0.5))
    filler.end(run_id, State.STOPPED)
    app = MonitorApp(home, filler.clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        loss, _ = app.monitor.charts
        assert "loss, smoothed 0.85" in text(loss)[0]
        assert {"raw", "train", "test"} <= {
            tone for line in loss.plot.compose(80, 16, loss.data) for tone in line.tones
        }
        await pilot.press("m")
        assert "smoothed" not in text(loss)[0]
        assert app.smoothing == 0, "it is the screens' choice from now on"
        await pilot.press("m")
        assert "smoothed 0.6" in text(loss)[0]
        await pilot.press("m", "m", "m")
        assert app.smoothing is None
        assert "smoothed 0.85" in text(loss)[0]
    app.store.close()
