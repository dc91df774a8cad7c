"""Compare's table: what it tells, how it is sorted, and that all of it can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from lazytrain.engine.store.journal import Journal
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.screens.export import ExportScreen
from lazytrain.tui.widgets.compare_table import ComparisonTable
from lazytrain.tui.words.compare_rows import NAME
from tests.helpers import compare_screen
from tests.helpers.compare_screen import chart, column, compare, drawn, heads, table
from tests.helpers.launch_app import until
from tests.helpers.monitor_data import Filler

ids = compare_screen.ids


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
