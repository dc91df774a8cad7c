"""Compare on a filled store, and what is on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.widgets.compare_table import ComparisonTable
from tests.helpers.compare_data import fill_study
from tests.helpers.launch_app import make_app, until

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
