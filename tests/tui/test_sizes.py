"""No size of the terminal ends a screen: every screen and dialog in a storm of sizes, down to a single cell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lazytrain.engine.analysis.digest import make_report
from lazytrain.engine.records import State
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.screens.confirm import Answer, ConfirmScreen, SavingScreen, TooSmallScreen
from lazytrain.tui.screens.learned import PAGES, LearnedScreen, Page
from lazytrain.tui.screens.summary import SummaryScreen
from tests.helpers.launch_app import FakeRunner, started, until
from tests.helpers.learned_app import FakeInspector, filters, inspection
from tests.helpers.leaving import House
from tests.helpers.monitor_data import NOON, fill
from tests.helpers.terminals import HEIGHT, WIDTH, see, wait_for_exit

SIZES = ((120, 40), (2, 40), (61, 17), (3, 3), (120, 1), (1, 1), (300, 90))

Open = Callable[[LazytrainApp, Pilot[int]], Awaitable[object]]


def keys(*pressed: str) -> Open:
    async def press(_: LazytrainApp, pilot: Pilot[int]) -> None:
        await pilot.press(*pressed)

    return press


def show(make: Callable[[LazytrainApp], Any]) -> Open:
    async def push(app: LazytrainApp, _: Pilot[int]) -> None:
        await app.push_screen(make(app))

    return push


def learned(page: Page) -> Open:
    async def push(app: LazytrainApp, pilot: Pilot[int]) -> None:
        screen = LearnedScreen(app.store, app.runs[0], lambda _: FakeInspector(inspection(40, filters(16))))
        await app.push_screen(screen)
        screen.action_page(page)

    return push


SCREENS: dict[str, Open] = {
    "launch": keys(),
    "a study": keys("s"),
    "edit": keys("e"),
    "a filter": keys("slash", "c"),
    "monitor": keys("2"),
    "one chart": keys("2", "f"),
    "a zoomed chart": keys("2", "plus", "plus", "left"),
    "compare": keys("2", "c", "j", "c", "3"),
    "log": keys("2", "l"),
    "details": keys("2", "i"),
    "rename": keys("2", "n"),
    "export": keys("2", "E"),
    "help": keys("question_mark"),
    "palette": keys("ctrl+p"),
    "a question": show(lambda _: ConfirmScreen("sure?", "of this " * 30, (Answer("y", "yes", "go on"),))),
    "what came of it": show(lambda app: SummaryScreen(make_report(app.store, NOON - 3_600, NOON))),
    **{page: learned(page) for page in PAGES},
    "saving": show(lambda _: SavingScreen("a checkpoint")),
}


BY_DAY = ("launch", "edit", "one chart", "compare")


@pytest.mark.parametrize(
    "name", [*BY_DAY, *(pytest.param(n, marks=pytest.mark.slow) for n in SCREENS if n not in BY_DAY)]
)
async def test_a_storm_of_sizes_ends_no_screen(home: Path, name: str) -> None:
    fill(home)
    async with started(home, runner=FakeRunner()) as (app, pilot):
        await SCREENS[name](app, pilot)
        await pilot.pause()
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            app.refresh_runs()
            app.simulate_key("down")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: not isinstance(app.screen, TooSmallScreen))
        assert app.is_running
        assert app.return_code in (None, 0)


@pytest.mark.slow
def test_the_real_program_in_a_storm_of_sizes(home: Path, tmp_path: Path) -> None:
    with House(home, tmp_path) as house:
        house.queue()
        with house.open() as terminal:
            see(terminal, "1 Launch")
            house.wait(State.RUNNING, 0, terminal)
            terminal.press("2")
            see(terminal, "loss", "accuracy")
            for width, height in SIZES:
                terminal.resize(width, height)
                step = house.store.find("last").step
                house.wait(State.RUNNING, step, terminal)
            terminal.resize(WIDTH, HEIGHT)
            see(terminal, "loss", "accuracy", "images/s")
            terminal.press("q")
            see(terminal, "leave lazytrain?")
            terminal.press("down", "enter")
            assert wait_for_exit(terminal) == 0
