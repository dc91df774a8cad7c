"""The chart: axes that stay, figures that fit, nothing drawn twice, and series told apart without colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.app import App, ComposeResult

from lazytrain.engine.analysis.series import thin
from lazytrain.tui.charts.axis import (
    LogRange,
    StickyRange,
    log_labels,
    log_ticks,
    nice_step,
    planned_end,
    round_end,
    short_counts,
    tick_labels,
    ticks,
    time_unit,
)
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.charts.data import ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.layout import Plot
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.charts.sheet import COLUMN_BEFORE, LABEL_WIDTH
from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES, TONES, faint

# ── axes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(span=st.floats(1e-6, 1e9), num_steps=st.integers(1, 12))
def test_nice_step_covers_the_span(span: float, num_steps: int) -> None:
    step = nice_step(span, num_steps)
    assert step * num_steps >= span * (1 - 1e-6)
    assert step <= 2.5 * span / num_steps


@given(low=st.floats(-1e4, 1e4), span=st.floats(1e-3, 1e4), num_steps=st.integers(1, 10))
def test_ticks_lie_inside_and_are_few(low: float, span: float, num_steps: int) -> None:
    values = ticks(low, low + span, num_steps)
    slack = 1e-6 * (abs(low) + span)
    assert len(values) <= num_steps + 1
    assert all(low - slack <= value <= low + span + slack for value in values)
    assert len({label.strip() for label in tick_labels(values)}) == len(values)


@pytest.mark.parametrize(("low", "high"), [(-1.7e308, 1.7e308), (0.0, 5e-324), (1e308, 1.7e308), (-1e308, 1.25)])
def test_no_figure_is_too_large_or_small_for_ticks(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert len(found) <= 7
    assert all(low <= value <= high for value in found)
    tick_labels(found)


def test_ticks_and_labels_read_well() -> None:
    assert tick_labels(ticks(0, 2.5, 5)) == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert tick_labels(ticks(0, 100, 5)) == ["0", "20", "40", "60", "80", "100"]
    assert tick_labels(ticks(0, 12.5, 8, whole=True)) == ["0", "2", "4", "6", "8", "10", "12"]
    assert tick_labels(ticks(0, 3.125, 9, whole=True)) == ["0", "1", "2", "3"]
    assert tick_labels(ticks(0, 200_000, 4)) == ["0", "5e4", "1e5", "1.5e5", "2e5"]
    assert tick_labels(ticks(0, 0.0004, 4)) == ["0", "1e-4", "2e-4", "3e-4", "4e-4"]


@given(total=st.integers(1, 1000), positions=st.lists(st.floats(0, 1), max_size=50))
def test_x_axis_ends_at_the_plan_or_a_half_of_a_half_of_it(total: int, positions: list[float]) -> None:
    ends = [planned_end(total * position, total) for position in sorted(positions)]
    assert ends == sorted(ends)
    for end, position in zip(ends, sorted(positions), strict=True):
        assert end >= total * position
        assert np.log2(total / end) == pytest.approx(round(np.log2(total / end)))
    # At most a doubling a factor of two: a whole training changes the axis ten times.
    assert len(set(ends)) <= 11


@given(values=st.lists(st.floats(0, 1e4), min_size=1, max_size=60))
def test_sticky_range_holds_the_data_and_rarely_changes(values: list[float]) -> None:
    sticky, seen = StickyRange(), set[tuple[float, float]]()
    for count in range(1, len(values) + 1):
        low, high = min(values[:count]), max(values[:count])
        bottom, top = sticky.fit(low, high)
        slack = 1e-6 * max(1.0, high)
        assert bottom <= low + slack
        assert high <= top + slack
        assert sticky.fit(low, high) == (bottom, top)
        seen.add((bottom, top))


def test_falling_loss_changes_the_range_a_few_times_only() -> None:
    sticky = StickyRange()
    losses = 0.3 + 2 * np.exp(-np.arange(2000) / 400)
    ranges = {sticky.fit(losses[: count + 1].min(), losses.max()) for count in range(2000)}
    assert len(ranges) <= 4
    assert sticky.fit(0.3, 2.3) == (0.0, 2.5)


def test_percentage_never_goes_beyond_a_hundred() -> None:
    assert StickyRange(100.0).fit(12.0, 99.2) == (0.0, 100.0)


# ── widget ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChartApp(App[None]):
    CSS = "MetricChart { height: 1fr; }"

    def __init__(self, *, percent: bool = False) -> None:
        super().__init__()
        self.chart = MetricChart("accuracy" if percent else "loss", percent=percent)

    def compose(self) -> ComposeResult:
        yield self.chart


def data(num_epochs_done: int = 30, *, percent: bool = False) -> ChartData:
    """A run of 50 epochs with 100 steps each."""
    steps = np.arange(1, num_epochs_done * 10 + 1) * 10
    train = 0.3 + 2 * np.exp(-steps / 1000)
    test_steps = np.arange(1, num_epochs_done + 1) * 100.0
    test = 0.7 + 1.6 * np.exp(-test_steps / 800)
    if percent:
        train, test = np.exp(-train), np.exp(-test)
    figures = (
        Reading("train", "0.412", "train"),
        Reading("test", "1.204", "test"),
        Reading("● best test", "0.981 @ 14", "best"),
    )
    return ChartData(
        key="run",
        curves=(
            Curve(label="train", x=steps, y=train, x_scale=0.01, tone="train", smooth=True),
            Curve(label="test", x=test_steps, y=test, x_scale=0.01, tone="test", stroke="dots"),
        ),
        x_end=50,
        newest=float(num_epochs_done),
        figures=figures,
    )


def lines(chart: MetricChart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def test_chart_shows_axes_figures_and_both_series() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(data())
        shown = lines(app.chart)
        assert shown[0].startswith("╭ loss ───")
        assert shown[0].endswith("train 0.412  test 1.204  ● best test 0.981 @ 14 ─╮")
        assert shown[1].startswith("│   2.5┤")
        assert shown[-2].startswith("│ epoch 0")
        assert " 50 " in shown[-2] or "50│" in shown[-2].replace(" ", "")
        body = "\n".join(shown[1:-2])
        assert "•" in body, "test is told apart by its dots"
        assert any(0x2800 <= ord(character) <= 0x28FF for character in body), "train is a braille line"
        assert {len(line) for line in shown} == {80}


async def test_words_about_the_curves_make_way_for_figures() -> None:
    smoothed = replace(data(), view=ChartView(smoothing=0.85))
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        app.chart.show(smoothed)
        assert lines(app.chart)[0].startswith("╭ loss, smoothed 0.85 ─")
        assert lines(app.chart)[0].endswith("train 0.412  test 1.204  ● best test 0.981 @ 14 ─╮")
        await pilot.resize_terminal(64, 16)
        await pilot.pause()
        assert lines(app.chart)[0].startswith("╭ loss ─")
        assert lines(app.chart)[0].endswith("train 0.412  test 1.204  ● best test 0.981 @ 14 ─╮")
    plain = Plot("loss", colours=False)
    for width in range(63, 90):
        head = "".join(plain.compose(width, 16, smoothed)[0].characters)
        assert "train 0.412  • test 1.204  ● best test 0.981 @ 14" in head, "the dots in front of them have room too"


async def test_accuracy_is_in_percent() -> None:
    app = ChartApp(percent=True)
    async with app.run_test(size=(80, 16)):
        app.chart.show(data(percent=True))
        assert any("80 %┤" in line for line in lines(app.chart))


async def test_same_picture_is_not_drawn_again() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        app.chart.show(data())
        await pilot.pause()
        drawn = app.chart.num_drawn
        refreshed: list[object] = []
        app.chart.refresh = lambda *regions, **_: refreshed.extend(regions) or app.chart  # type: ignore[method-assign]
        app.chart.show(data())
        assert (app.chart.num_drawn, refreshed) == (drawn, [])
        app.chart.show(replace(data(), figures=(Reading("train", "0.413", "train"), *data().figures[1:])))
        assert app.chart.num_drawn == drawn
        assert [(region.y, region.height) for region in refreshed] == [(0, 1)]  # type: ignore[attr-defined]


async def test_a_curve_without_anything_new_is_not_thinned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    thinned: list[int] = []
    monkeypatch.setattr(
        "lazytrain.engine.analysis.series.thin", lambda x, *rest, **how: thinned.append(len(x)) or thin(x, *rest, **how)
    )
    plot, shown = Plot("loss"), data()
    train, test = shown.curves
    first = plot.compose(80, 16, shown)
    assert thinned == [len(train.x), len(test.x)]
    thinned.clear()
    longer = replace(train, x=np.append(train.x, train.x[-1] + 1), y=np.append(train.y, 0.5))
    plot.compose(80, 16, replace(shown, curves=(longer, test)))
    assert thinned == [len(longer.x)], "the test curve is as it was"
    thinned.clear()
    assert plot.compose(80, 16, shown) == first
    plot.compose(90, 16, shown)
    assert thinned == [len(train.x), len(train.x), len(test.x)], "a canvas of another size is another one"


async def test_spike_of_one_point_is_visible() -> None:
    train = np.full(100_000, 1.0)
    train[50_000] = 3.0
    spiked = Curve(label="train", x=np.arange(1, 100_001), y=train, x_scale=1 / 2000, tone="train")
    shown = replace(data(), curves=(spiked,), newest=50.0)
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(shown)
        top = next(
            line for line in lines(app.chart)[1:] if any(0x2800 < ord(character) <= 0x28FF for character in line)
        )
        middle = COLUMN_BEFORE + app.chart.canvas_width // 2
        assert any(0x2800 < ord(character) <= 0x28FF for character in top[middle - 1 : middle + 2])


async def test_small_chart_is_a_line_of_figures() -> None:
    for size in ((39, 16), (80, 5), (80, 2)):
        app = ChartApp()
        async with app.run_test(size=size):
            app.chart.show(data())
            assert app.chart.canvas_width == 0
            assert any("train 0.412  test 1.204" in line for line in lines(app.chart))


async def test_cursor_shows_the_values_at_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(data())
        app.chart.point(app.chart.column_of(20))
        title = lines(app.chart)[0]
        epoch = app.chart.x_at(app.chart.column_of(20))
        assert f"epoch {epoch:.1f}" in title
        step = int(epoch * 10) * 10
        assert f"train {0.3 + 2 * np.exp(-step / 1000):.3f}" in title
        assert all("│" in line[COLUMN_BEFORE:-1] for line in lines(app.chart)[1:4])
        app.chart.point(None)
        assert "● best" in lines(app.chart)[0]


async def test_nan_best_and_resume_are_marked() -> None:
    broken = data()
    broken.curves[0].y[200:] = np.nan
    marks = (Mark(kind="bad", x=20.1), Mark(kind="best", x=14.0, y=1.2), Mark(kind="resumed", x=10.0))
    marked = replace(broken, marks=marks)
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(marked)
        body = "\n".join(lines(app.chart)[1:-2])
        assert "✗ NaN" in body
        assert "●" in body
        assert "┊" in body


async def test_a_curve_of_one_point_has_its_marker_there() -> None:
    point = Curve(label="a", x=np.array([100]), y=np.array([1.0]), tone="run-0", x_scale=0.01, marker="▲")
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(ChartData(key="one", curves=(point,), x_end=1.0, newest=1.0))
        assert sum(line.count("▲") for line in lines(app.chart)) == 1


async def test_nothing_to_show_says_so() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(None, empty_text="no figures yet")
        assert any("no figures yet" in line for line in lines(app.chart))
        nothing = Curve(label="train", x=np.array([1]), y=np.array([np.nan]), tone="train")
        app.chart.show(replace(data(), curves=(nothing,)), empty_text="no figures")
        assert any("no figures" in line for line in lines(app.chart))


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_every_segment_has_a_style(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        app.theme = theme
        app.chart.show(data())
        await pilot.pause()
        for y in range(16):
            assert all(isinstance(segment.style, Style) for segment in app.chart.render_line(y))


async def test_without_colours_train_and_test_differ_in_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(data())
        shapes: dict[str, set[str]] = {"train": set(), "test": set()}
        for line in app.chart._lines[1:]:
            for character, tone in zip(line.characters, line.tones, strict=True):
                if tone in shapes and character != " ":
                    shapes[tone].add(character)
        assert shapes["test"] == {"•"}
        assert all(0x2800 <= ord(character) < 0x2900 for character in shapes["train"])
        assert "• test" in lines(app.chart)[0], "it says which is which"


# ── many curves ────────────────────────────────────────────────────────────────────────────────────────────────────


def runs(count: int, view: ChartView | None = None) -> ChartData:
    """Curves of so many runs over 50 epochs, each 0.2 above the one before."""
    epochs = np.arange(1, 51.0)
    curves = tuple(
        Curve(
            label=f"net {number}",
            x=epochs,
            y=1 + 0.2 * number + np.exp(-epochs / 5),
            tone=RUN_TONES[number],
            marker=RUN_MARKERS[number],
            tag=f"net {number}",
        )
        for number in range(count)
    )
    return ChartData(key="runs", curves=curves, x_end=50, newest=50, view=view or ChartView())


async def test_eight_runs_are_told_apart_without_colour() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        app.chart.show(runs(8))
        shown = lines(app.chart)
        body = [line[COLUMN_BEFORE : COLUMN_BEFORE + app.chart.canvas_width] for line in shown[1:-2]]
        for marker in RUN_MARKERS:
            assert sum(line.count(marker) for line in body) >= 3, marker
        tags = [line[COLUMN_BEFORE + app.chart.canvas_width :].strip(" │") for line in shown]
        assert [tag for tag in tags if tag.endswith(tuple("01234567"))] == [
            f"{RUN_MARKERS[number]} net {number}" for number in range(7, -1, -1)
        ]


async def test_markers_stay_in_their_columns_as_a_curve_grows() -> None:
    def markers(chart: MetricChart) -> set[tuple[int, int]]:
        return {(x, y) for y, line in enumerate(lines(chart)[1:-2]) for x, each in enumerate(line) if each == "●"}

    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        whole = runs(1)
        curve = whole.curves[0]
        app.chart.show(replace(whole, curves=(replace(curve, x=curve.x[:40], y=curve.y[:40], tag="net"),)))
        before = markers(app.chart)
        app.chart.show(replace(whole, curves=(replace(curve, tag="net"),)))
        assert len(before) >= 3
        assert before < markers(app.chart)


async def test_cursor_names_each_run() -> None:
    app = ChartApp()
    async with app.run_test(size=(120, 24)):
        app.chart.show(runs(3))
        app.chart.point(app.chart.column_of(50))
        assert "● net 0 1.000  ▲ net 1 1.200  ■ net 2 1.400" in lines(app.chart)[0]


async def test_a_band_lies_around_its_curve() -> None:
    mean = runs(1).curves[0]
    banded = replace(mean, low=mean.y - 0.3, high=mean.y + 0.3)
    app = ChartApp()
    async with app.run_test(size=(80, 24)):
        app.chart.show(replace(runs(1), curves=(banded,)))
        column = COLUMN_BEFORE + app.chart.column_of(40)
        rows = [y for y, line in enumerate(lines(app.chart)) if line[column] == "░"]
        assert len(rows) >= 4
        assert rows[-1] - rows[0] <= len(rows), "the curve alone lies between them"


async def test_faint_and_plain_tones_have_styles_of_their_own() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 24)):
        styles = {tone: app.chart.get_component_rich_style(f"metric-chart--{tone}") for tone in TONES}
        seen = [styles[tone].color for tone in RUN_TONES]
        assert len(set(seen)) == len(RUN_TONES)
        assert all(styles[tone].color != styles[faint(tone)].color for tone in (*RUN_TONES, "train", "test"))


# ── windows, logarithms and averages ───────────────────────────────────────────────────────────────────────────────


async def test_zoomed_in_it_thins_what_is_in_the_window_alone() -> None:
    train = np.full(1_000_000, 1.0)
    train[500_000], train[900_000] = 3.0, 50.0
    curve = Curve(label="train", x=np.arange(1, 1_000_001), y=train, x_scale=1 / 20_000, tone="train")
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        window = ChartView(window=(24.9995, 25.0025))
        app.chart.show(ChartData(key="run", curves=(curve,), x_end=50, newest=50, view=window))
        shown = lines(app.chart)
        top = next(number for number, line in enumerate(shown) if any("⠀" < each <= "⣿" for each in line))
        assert any("⠀" < each <= "⣿" for each in shown[top][COLUMN_BEFORE : COLUMN_BEFORE + 16])
        assert shown[1].startswith("│   3.0┤") or shown[1].startswith("│     3┤"), "its own y axis"


async def test_a_window_between_two_points_shows_the_line_between_them() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(replace(data(), view=ChartView(window=(10.2, 10.8))))
        columns = {x for line in lines(app.chart)[1:-2] for x, each in enumerate(line) if "⠀" < each <= "⣿"}
        assert columns == set(range(COLUMN_BEFORE, COLUMN_BEFORE + app.chart.canvas_width))


async def test_log_axis_says_so_and_leaves_out_what_is_not_positive() -> None:
    losses = 10.0 ** -np.arange(0, 5, 0.1)
    losses[10] = 0.0
    losses[20] = -1.0
    curve = Curve(label="train", x=np.arange(1, 51), y=losses, tone="train")
    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        app.chart.show(ChartData(key="run", curves=(curve,), x_end=50, newest=50, view=ChartView(log=True)))
        shown = lines(app.chart)
        assert shown[0].startswith("╭ loss, log ──")
        labels = [label for line in shown[1:-2] if (label := line[1:7].strip())]
        assert labels == ["1", "0.1", "0.01", "0.001", "1e-4", "1e-5"]


async def test_accuracy_is_never_logarithmic() -> None:
    app = ChartApp(percent=True)
    async with app.run_test(size=(80, 16)):
        app.chart.show(replace(data(percent=True), view=ChartView(log=True)))
        assert "log" not in lines(app.chart)[0]
        assert any("80 %┤" in line for line in lines(app.chart))


@given(low=st.floats(1e-9, 1e6), factor=st.floats(1, 1e9), num_ticks=st.integers(2, 6))
def test_log_ticks_lie_inside_and_are_few(low: float, factor: float, num_ticks: int) -> None:
    limits = LogRange().fit(np.log10(low), np.log10(low * factor))
    assert limits[0] <= np.log10(low) + 1e-6
    assert limits[1] >= np.log10(low * factor) - 1e-6
    values = log_ticks(10 ** limits[0], 10 ** limits[1], num_ticks)
    assert 1 <= len(values) <= num_ticks + 1
    labels = log_labels(values)
    assert len(set(labels)) == len(labels)
    assert all(len(label) <= LABEL_WIDTH for label in labels)


async def test_zooming_does_not_change_the_moving_average() -> None:
    def middle(chart: MetricChart) -> float:
        assert chart.data is not None
        assert chart.plot.sheet is not None
        drawn = chart.plot._draw(chart.plot.sheet, chart.data.curves[0], chart.data)
        return float(np.interp(20.0, *drawn.shown))

    app = ChartApp()
    async with app.run_test(size=(80, 16)):
        seen: list[float] = []
        for window in (None, (15.0, 25.0), (19.5, 20.5)):
            app.chart.show(replace(data(), view=ChartView(smoothing=0.85, window=window)))
            seen.append(middle(app.chart))
        assert seen == pytest.approx([seen[0]] * 3, rel=0.01)


def test_axes_of_steps_images_and_time_read_well() -> None:
    assert short_counts([0, 50_000, 100_000]) == ["0", "50k", "100k"]
    assert short_counts([0, 500_000, 1_000_000, 1_500_000]) == ["0", "0.5M", "1.0M", "1.5M"]
    assert short_counts([0, 5_000_000, 10_000_000]) == ["0", "5M", "10M"]
    assert short_counts([0, 500, 1000]) == ["0", "500", "1000"]
    assert [time_unit(seconds)[0] for seconds in (90, 1200, 20_000)] == ["s", "min", "h"]
    assert [round_end(seconds) for seconds in (0.5, 61, 170, 1500, 8000)] == [1.0, 100.0, 180.0, 1800.0, 10800.0]
