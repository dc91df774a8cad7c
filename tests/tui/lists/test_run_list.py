"""The run list on Monitor: filtering while typing, sorting, and what a person calls a run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from lazytrain.engine.analysis.queries import fields
from lazytrain.engine.records import Kind, State, Wanted
from lazytrain.engine.store.store import Store
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.run_lines import describe_briefly, fitting_tags
from lazytrain.tui.lists.run_list import ALL_ARCHIVED, NOTHING_FITS, RunList
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.label import LabelScreen, read_tags
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.words.text import format_done
from tests.helpers.launch_app import make_app, toasts, until
from tests.helpers.monitor_data import Filler, fill


@pytest.fixture
def filler(home: Path) -> Filler:
    return fill(home)


@asynccontextmanager
async def monitor(
    home: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[LazytrainApp, Pilot[Any], RunList]]:
    app = make_app(home)
    async with app.run_test(size=size) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and app.screen.query_one(RunList).runs)
        yield app, pilot, app.screen.query_one(RunList)


def names(run_list: RunList) -> list[str]:
    return [run.name for run in run_list.runs]


async def type_text(pilot: Pilot[Any], text: str) -> None:
    keys = {" ": "space", ">": "greater_than_sign", ":": "colon", "=": "equals_sign", ".": "full_stop", "-": "minus"}
    await pilot.press(*(keys.get(character, character) for character in text))


async def test_names_are_whole_where_there_is_room_beside_their_states(home: Path) -> None:
    filler = Filler(home)
    long = "lazynet quick epochs=20 lr"
    filler.queue("lazynet", name=long)
    async with monitor(home) as (_, pilot, runs):
        assert runs.render_line(0).text.split() == ["▌◌", *long.split(), "queued"]
        other = filler.queue("lazynet", name="other")
        filler.end(other, State.INTERRUPTED)
        await until(pilot, lambda: len(runs.runs) == 2)
        await pilot.pause()
        ended, queued = (runs.render_line(line).text for line in (runs.line_of(other), 1 - runs.line_of(other)))
        assert ended.endswith(" interrupted ")
        assert "… " in queued, "names have the same room in all lines"


async def test_typing_narrows_the_list_and_escape_shows_all(home: Path, filler: Filler) -> None:
    async with monitor(home) as (_, pilot, runs):
        await pilot.press("slash")
        await type_text(pilot, "coolnet lr>0.05")
        assert names(runs) == ["coolnet-v7 lr-0.1", "coolnet-v7 lr-10"]
        assert "2 of 7" in str(runs.border_title)
        assert "/coolnet lr>0.05▏" in str(runs.border_subtitle)
        assert runs.selected is not None
        assert runs.selected.name in names(runs)
        await pilot.press("enter", "down")
        assert not runs.filtering
        assert len(names(runs)) == 2
        await pilot.press("escape")
        assert len(names(runs)) == 7
        assert runs.border_subtitle is None
        assert isinstance(pilot.app.screen, MonitorScreen)


async def test_the_selection_comes_back_when_what_is_typed_lets_it(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        failed = app.store.find("coolnet-v7 lr-10")
        runs.select(failed.id)
        await pilot.press("slash")
        await type_text(pilot, "state")
        assert runs.selected is None
        await type_text(pilot, ":f")
        assert runs.selected_id == failed.id


async def test_keys_are_text_while_typing(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        await pilot.press("slash", "x", "q", "1", "backspace")
        assert runs.view.text == "xq"
        assert app.screen_stack[-1] is app.monitor_screen
        assert names(runs) == []
        assert runs.render_line(0).text.strip() == NOTHING_FITS
        await pilot.press("escape")
        assert len(names(runs)) == 7


async def test_a_filter_that_cannot_be_understood_changes_nothing_and_says_why(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        await pilot.press("slash")
        await type_text(pilot, "coolnet")
        runs.post_message(events.Paste(" lrr>1\n"))
        await until(pilot, lambda: runs.view.text == "coolnet lrr>1")
        assert len(names(runs)) == 4, "the last that could be understood counts"
        assert runs.has_class("wrong")
        assert str(runs.border_subtitle).endswith("▏ ?")
        await pilot.press("enter")
        assert runs.filtering
        assert "lrr>1: there is no field lrr; did you mean lr?" in toasts(app)[-1]
        await pilot.press(*["backspace"] * 6, "enter")
        assert not runs.filtering
        assert not runs.has_class("wrong")


async def test_keys_that_arrive_together_are_text_until_enter(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        for key, character in (("slash", "/"), ("l", "l"), ("a", "a"), ("z", "z"), ("enter", None), ("M", "M")):
            if key == "l":
                await until(pilot, lambda: runs.filtering)
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: len(app.marks) == 1)
        assert runs.view.text == "laz"


async def test_one_key_sorts_and_the_frame_says_how(home: Path, filler: Filler) -> None:
    async with monitor(home) as (_, pilot, runs):
        as_now, selected = names(runs), runs.selected_id
        await pilot.press("o")
        assert names(runs) == sorted(as_now)
        assert "by name" in str(runs.border_title)
        assert runs.selected_id == selected
        await pilot.press("o")
        bests = [run.best_accuracy or -1 for run in runs.runs]
        assert bests == sorted(bests, reverse=True)
        await pilot.press("o", "o")
        created = [run.created for run in runs.runs]
        assert created == sorted(created, reverse=True)
        await pilot.press("o")
        assert names(runs) == as_now


async def test_a_run_that_is_asked_for_is_shown_though_the_filter_hides_it(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        await pilot.press("slash", "l", "a", "z", "y", "enter")
        assert len(names(runs)) == 1
        wanted = app.store.find("coolnet-v7 lr-10")
        app.open_monitor(wanted.id)
        await until(pilot, lambda: runs.selected_id == wanted.id)
        assert len(names(runs)) == 7


async def test_tags_notes_and_names_are_asked_for_and_shown(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        run = app.store.find("lazynet default epochs=10")
        runs.select(run.id)
        await pilot.press("t")
        assert isinstance(app.screen, LabelScreen)
        await type_text(pilot, "night")
        await pilot.press("enter")
        await until(pilot, lambda: app.store.run(run.id).tags == ("night",))
        await pilot.press("N")
        await type_text(pilot, "too long")
        await pilot.press("enter")
        await until(pilot, lambda: app.store.run(run.id).note == "too long")
        await pilot.press("n")
        assert app.screen.query_one(Input).value == run.name
        await type_text(pilot, "lazy")
        await pilot.press("enter")
        await until(pilot, lambda: app.store.run(run.id).name == "lazy")
        line = next(text for y in range(9) if "lazy" in (text := runs.render_line(y).text))
        assert "lazy #night" in line
        await pilot.press("i")
        assert isinstance(app.screen, DetailsScreen)
        said = str(app.screen.query_one("#text", Static).content)
        assert "#night" in said
        assert "too long" in said


async def test_archiving_takes_a_run_out_of_the_list_and_back(home: Path, filler: Filler) -> None:
    async with monitor(home) as (app, pilot, runs):
        run = app.store.find("lazynet default epochs=10")
        runs.select(run.id)
        await pilot.press("A")
        assert run.name not in names(runs)
        await pilot.press("slash")
        await type_text(pilot, "archived")
        await pilot.press("enter")
        assert names(runs) == [run.name]
        await pilot.press("A", "escape")
        assert run.name in names(runs)
        runs.select(app.store.find("coolnet-v10 default").id)
        await pilot.press("A")
        assert "only a run that is over can be archived" in toasts(app)[-1]


async def test_says_that_all_are_archived(home: Path) -> None:
    filler = Filler(home)
    only = filler.queue("lazynet")
    filler.journal.stop(only)
    async with monitor(home) as (_, pilot, runs):
        await pilot.press("A")
        assert runs.render_line(0).text.strip() == ALL_ARCHIVED


async def test_two_thousand_runs_are_filtered_reading_each_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filler = Filler(home)
    for number in range(40):
        filler.queue("lazynet", learning_rate=0.001 * (number + 1))
    row = "SELECT * FROM runs"
    columns = [each[1] for each in filler.journal.connection.execute("PRAGMA table_info(runs)")]
    copied = ", ".join(f"id || '-' || :n AS {c}" if c in ("id", "name") else c for c in columns)
    for number in range(49):
        filler.journal.connection.execute(
            f"INSERT INTO runs ({', '.join(columns)}) SELECT {copied} FROM ({row} WHERE length(id) = 8)", {"n": number}
        )
    async with monitor(home) as (app, pilot, runs):
        assert len(runs.runs) == 2000
        read: list[int] = []
        settings = type(app.store).settings
        monkeypatch.setattr(type(app.store), "settings", lambda self, ids: read.append(len(ids)) or settings(self, ids))
        await pilot.press("slash")
        await type_text(pilot, "lr>0.0395")
        assert len(runs.runs) == 50
        assert "50 of 2,000" in str(runs.border_title)
        assert read == [2000]


def test_tags_are_read_as_people_write_them() -> None:
    assert read_tags("night, first  #last") == ("night", "first", "last")
    assert read_tags("  ") == ()


def test_only_tags_that_fit_are_shown_beside_a_name(home: Path) -> None:
    filler = Filler(home)
    run = filler.journal.tag(filler.queue("lazynet"), ["night", "first"])
    assert [fitting_tags(run, room) for room in (14, 13, 7, 6, 0)] == [" #first #night", " #first", " #first", "", ""]


def test_the_readme_names_only_fields_that_there_are() -> None:
    for name in ("state", "tag", "note", "epoch", "time", "preset", "device", "error"):
        assert name in fields()


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_no_two_runs_look_alike(home: Path, size: tuple[int, int]) -> None:
    filler = Filler(home)
    for rate in ("0.003", "0.005", "0.01", "0.03"):
        filler.queue("coolnet-v7", name=f"coolnet-v7 quick epochs=8 lr={rate}")
    async with monitor(home, size) as (_, _pilot, runs):
        width = runs.scrollable_content_region.width
        shown = [runs.render_line(y).text for y in range(min(4, runs.scrollable_content_region.height))]
        assert len(set(shown)) == len(shown)
        assert all(len(line) == width for line in shown)
        whole = [run.name in line for run, line in zip(runs.runs, shown, strict=False)]
        assert all(whole) or size != (200, 60), "where there is room, nothing is cut"


@pytest.mark.parametrize(
    ("state", "step", "wide", "narrow"),
    [
        (State.RUNNING, 407, "407", "407"),
        (State.PAUSED, 407, "407", "407"),
        (State.STOPPED, 407, "stopped", "407"),
        (State.INTERRUPTED, 12_345, "interrupted", "12.3 k"),
        (State.INTERRUPTED, 0, "interrupted", "–"),
    ],
)
def test_a_program_that_never_says_its_length_has_no_share_done(
    home: Path, state: State, step: int, wide: str, narrow: str
) -> None:
    queued = Filler(home).queue("lazynet", epochs=1)
    with Store(home) as store:
        own = store.run(queued)
    wanted = Wanted.PAUSE if state is State.PAUSED else Wanted.RUN
    run = replace(own, kind=Kind.SCRIPT, state=state, step=step, num_steps=None, wanted=wanted)
    assert (describe_briefly(run, wide=True), describe_briefly(run, wide=False)) == (wide, narrow)
    assert format_done(run) == f"step {narrow if step else 0}"
    assert format_done(replace(run, num_steps=2 * step or 1)) == ("50 %" if step else "0 %")
