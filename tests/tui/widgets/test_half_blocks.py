"""Images in half blocks: two pixels a cell, in sizes that fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.analysis.findings import Raster
from lazytrain.tui.widgets.half_blocks import UPPER_HALF, fit_size, half_block_lines, resize


def test_a_cell_holds_two_pixels() -> None:
    image = Raster(2, 3, bytes(range(18)))
    lines = half_block_lines(image)
    assert [[segment.text for segment in line] for line in lines] == [[UPPER_HALF] * 2] * 2
    first, last = lines[0][1].style, lines[1][0].style
    assert first is not None
    assert last is not None
    assert first.color is not None
    assert first.bgcolor is not None
    assert first.color.triplet == (3, 4, 5)
    assert first.bgcolor.triplet == (9, 10, 11)
    assert last.bgcolor is None, "an odd number of rows has nothing beneath the last"


@pytest.mark.parametrize(
    ("size", "pixels", "fitted"),
    [
        ((32, 32), 32, (32, 32)),
        ((32, 32), 16, (16, 16)),
        ((5, 5), 16, (15, 15)),
        ((64, 32), 16, (16, 8)),
        ((3, 1), 16, (15, 5)),
        ((100, 1), 16, (16, 1)),
    ],
)
def test_images_fit(size: tuple[int, int], pixels: int, fitted: tuple[int, int]) -> None:
    assert fit_size(Raster(*size, b""), pixels) == fitted


@given(width=st.integers(1, 9), height=st.integers(1, 9), factor=st.integers(1, 4), seed=st.randoms())
def test_enlarged_and_made_smaller_again_it_is_the_same(width: int, height: int, factor: int, seed: Any) -> None:
    image = Raster(width, height, bytes(seed.randrange(256) for _ in range(3 * width * height)))
    large = resize(image, factor * width, factor * height)
    assert len(large.rgb) == 3 * factor * factor * width * height
    assert resize(large, width, height) == image


def test_made_smaller_it_is_the_mean() -> None:
    image = Raster(2, 2, bytes([0, 0, 0, 100, 0, 0, 100, 0, 0, 200, 0, 9]))
    assert resize(image, 1, 1) == Raster(1, 1, bytes([100, 0, 2]))
