"""No size of the terminal ends a screen, whatever is open on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.launch_app import settle, started
from tests.helpers.monitor_data import fill

SIZES = ((60, 16), (20, 6), (41, 8), (2, 40), (2, 2), (1, 1), (200, 1))
OPENED = {
    "launch": ("1",),
    "a study": ("1", "s"),
    "edit": ("1", "e"),
    "help": ("2", "question_mark"),
    "monitor": ("2",),
    "a chart alone": ("2", "f"),
    "log": ("2", "l"),
    "details": ("2", "i"),
    "learned": ("2", "w"),
    "discard": ("2", "x"),
    "tags": ("2", "t"),
    "export": ("2", "E"),
    "filter": ("2", "slash"),
    "compare": ("2", "space", "down", "space", "down", "space", "3"),
    "compare by seeds": ("2", "space", "down", "space", "down", "space", "3", "s", "d"),
}


@pytest.mark.parametrize("keys", OPENED.values(), ids=list(OPENED))
async def test_no_size_ends_a_screen(home: Path, keys: tuple[str, ...]) -> None:
    fill(home).journal.close()
    async with started(home) as (app, pilot):
        await pilot.press(*keys)
        await settle(pilot)
        opened = type(app.screen)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        # A key that moves the cursor or the lists in next to no room, then back.
        await pilot.resize_terminal(2, 2)
        await pilot.press("down", "up", "tab")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert app.is_running
        assert type(app.screen) is opened
        assert app.return_code in (None, 0)
