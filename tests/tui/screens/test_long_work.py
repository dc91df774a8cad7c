"""What is asked before much is queued: the time that is known, and of how many runs it isn't."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lazytrain.tui.screens.confirm import ConfirmScreen
from lazytrain.tui.screens.long_work import LONG_SECONDS, ask_if_long
from lazytrain.tui.state.host import Host


class App:
    """Keeps the screen that is opened."""

    def __init__(self) -> None:
        self.asked: list[ConfirmScreen] = []

    def push_screen(self, screen: ConfirmScreen, _answered: Any) -> None:
        self.asked.append(screen)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([3600.0], "x: 1 run, about 1 h in all."),
        ([600.0] * 6, "x: 6 runs, about 1 h in all."),
        ([None] * 5, "x: 5 runs, their time isn't known yet."),
        ([1800.0, 1800.0, None], "x: 3 runs, more than 1 h: the time of 1 isn't known yet."),
    ],
)
def test_it_says_what_is_known(times: list[float | None], words: str) -> None:
    app, queued = App(), []
    ask_if_long(cast(Host, app), times, "x", lambda: queued.append(True))
    assert ([screen.text for screen in app.asked], queued) == ([words], [])


@pytest.mark.parametrize("times", [[None], [LONG_SECONDS - 1], [60.0] * 4])
def test_little_is_queued_at_once(times: list[float | None]) -> None:
    app, queued = App(), []
    ask_if_long(cast(Host, app), times, "x", lambda: queued.append(True))
    assert (app.asked, queued) == ([], [True])
