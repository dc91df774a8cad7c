"""Compare over a filled store: marking, curves over each other, the table, and what is remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.run_list import NOTHING_FITS, RunList
from lazytrain.tui.palette import LazytrainCommands
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.state.last_session import recall
from lazytrain.tui.state.marks import Marks
from lazytrain.tui.words.compare_rows import NAME
from tests.helpers import compare_screen
from tests.helpers.compare_screen import SIZES, column, compare, drawn, said, table
from tests.helpers.launch_app import make_app, until
from tests.helpers.monitor_data import Filler

ids = compare_screen.ids


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
