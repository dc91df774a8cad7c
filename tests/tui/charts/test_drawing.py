"""Curves as cells: what plotext draws, what is drawn further from there, and when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.tui.charts.canvas import Stroke, draw
from lazytrain.tui.charts.drawing import Picture, to_dots
from lazytrain.tui.replaced.cell_row import BLANK, CellRow
from lazytrain.tui.replaced.tail import draw_tail

# ── canvas ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_points_land_in_their_cells() -> None:
    rows = draw(10, 4, [Stroke([0, 5, 10], [0, 1, 2], "•", joined=False)], (0, 10), (0, 2))
    assert ["".join(row.characters) for row in rows] == ["         •", "          ", "     •    ", "•         "]
    assert rows[0].owners == [BLANK] * 9 + [0]


def test_the_last_stroke_is_on_top_and_each_cell_has_an_owner() -> None:
    rows = draw(12, 1, [Stroke([0, 12], [1, 1]), Stroke([0, 6], [1, 1])], (0, 12), (0, 2))
    assert rows[0].owners[:6] == [1] * 6
    assert rows[0].owners[7:] == [0] * 5


def test_what_was_drawn_before_leaves_no_trace() -> None:
    def small() -> list[CellRow]:
        return draw(12, 3, [Stroke([0, 12], [1, 0]), Stroke([3, 6], [1, 2], "•", joined=False)], (0, 12), (0, 2))

    first = small()
    draw(40, 9, [Stroke([0, 80], [30, 0]), Stroke([], []), Stroke([10, 20], [5, 5])], (0, 80), (0, 36))
    assert small() == first


def test_canvas_is_not_cut_to_the_terminal() -> None:
    rows = draw(300, 90, [Stroke([0, 300], [0, 1])], (0, 300), (0, 1))
    assert (len(rows), {len(row.characters) for row in rows}) == (90, {300})


# ── pictures ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    y=st.lists(st.floats(0, 1), min_size=2, max_size=60),
    every=st.integers(1, 9),
    steps=st.lists(st.integers(0, 15), min_size=2, max_size=6),
    size=st.tuples(st.integers(8, 60), st.integers(3, 12)),
    spikes=st.sets(st.integers(0, 59), max_size=2),
)
def test_a_picture_drawn_further_is_the_picture_drawn_at_once(
    y: list[float], every: int, steps: list[int], size: tuple[int, int], spikes: set[int]
) -> None:
    growing, x, values = Picture(), np.linspace(0, 1, 60), np.resize(np.array(y), 60)
    count = 0
    for step in steps:
        count = min(60, count + step)
        # A point changes that was there, too: the window that it is the mean of went on.
        for spike in spikes:
            values[spike] = 1 - values[spike]
        curves = [(x[:count], values[:count]), (x[:count:every], values[:count:every] / 2)]
        shown = growing.show(*size, curves, (0.0, 1.0), (0.0, 1.0))
        assert shown == Picture().show(*size, curves, (0.0, 1.0), (0.0, 1.0))


@given(
    curves=st.lists(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30), min_size=1, max_size=3),
    size=st.tuples(st.integers(1, 120), st.integers(1, 30)),
    first=st.floats(0, 1),
)
def test_the_end_of_curves_is_drawn_dot_for_dot_as_plotext_does(
    curves: list[list[tuple[float, float]]], size: tuple[int, int], first: float
) -> None:
    width, height = size
    dots = [[(int(x * (2 * width - 1)), int(y * (4 * height - 1))) for x, y in sorted(curve)] for curve in curves]
    strokes = [Stroke([x + 0.5 for x, _ in each], [y + 0.5 for _, y in each]) for each in dots]
    whole = draw(width, height, strokes, (0, 2 * width), (0, 4 * height))
    column = int(first * (width - 1))
    tails = draw_tail(width, height, dots, column)
    assert [row.followed_by(tail, column) for row, tail in zip(whole, tails, strict=True)] == whole


def test_of_a_curve_that_grows_only_the_end_is_drawn() -> None:
    picture, x = Picture(), np.arange(100.0)
    y = x % 7 / 7
    picture.show(50, 10, [(x[:90], y[:90])], (0.0, 100.0), (0.0, 1.0))
    before = picture.num_dots_drawn
    picture.show(50, 10, [(x[:91], y[:91])], (0.0, 100.0), (0.0, 1.0))
    assert picture.num_drawn == 2
    assert picture.num_dots_drawn - before <= 5


def test_without_the_tail_a_curve_that_grows_is_drawn_whole_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(100.0)
    y = x % 7 / 7
    with_it = Picture()
    monkeypatch.setenv("LAZYTRAIN_PLAIN", "tail")
    without = Picture()
    for picture in (with_it, without):
        picture.show(50, 10, [(x[:90], y[:90])], (0.0, 100.0), (0.0, 1.0))
    before = without.num_dots_drawn
    rows = [each.show(50, 10, [(x[:91], y[:91])], (0.0, 100.0), (0.0, 1.0)) for each in (with_it, without)]
    assert rows[0] == rows[1]
    assert without.num_dots_drawn - before == 91


def test_picture_is_drawn_again_only_when_a_dot_changed() -> None:
    picture, x, y = Picture(), np.array([0.0, 50.0]), np.array([0.2, 0.7])

    def show(x: np.ndarray, y: np.ndarray) -> list[str]:
        return ["".join(row.characters) for row in picture.show(10, 4, [(x, y)], (0.0, 100.0), (0.0, 1.0))]

    first = show(x, y)
    assert show(x + 1e-6, y + 1e-6) == first
    assert picture.num_drawn == 1
    assert show(np.append(x, 90.0), np.append(y, 0.9)) != first
    assert picture.num_drawn == 2


@given(points=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=50))
def test_every_point_has_a_dot_inside(points: list[tuple[float, float]]) -> None:
    x, y = (np.array(values) for values in zip(*sorted(points), strict=True))
    dots = to_dots(x, y, (20, 16), (0.0, 100.0), (0.0, 1.0))
    assert all(0 <= column < 20 and 0 <= row < 16 for column, row in dots)
    assert {column for column, _ in dots} == {min(19, int(value / 5)) for value in x.tolist()}
