"""The question before much is queued at once: one key mustn't start hours of work that nobody meant."""

from __future__ import annotations

from collections.abc import Callable

from lazytrain.tui.screens.confirm import Answer, ConfirmScreen
from lazytrain.tui.state.host import Host
from lazytrain.tui.words.text import format_duration, rough

LONG_SECONDS = 30 * 60.0
"""Expected of all that is to be queued: from here on it is asked."""
MOST_RUNS = 4
"""More than so many at once are asked for whatever their time, which may not be known yet."""


def ask_if_long(app: Host, num_runs: int, seconds: float | None, title: str, then: Callable[[], None]) -> None:
    """Call `then`, after a question where it is much.

    Args:
        seconds: expected of all runs together; None where it isn't known.
    """
    if num_runs <= MOST_RUNS and (seconds is None or seconds < LONG_SECONDS):
        then()
        return

    def answered(answer: str | None) -> None:
        if answer == "queue":
            then()

    what = "this run" if num_runs == 1 else f"{num_runs} runs"
    time = f"about {format_duration(rough(seconds))} in all" if seconds is not None else "their time isn't known yet"
    app.push_screen(
        ConfirmScreen(
            f"queue {what}?",
            f"{title}: {num_runs} run{'s' * (num_runs != 1)}, {time}.",
            (Answer("queue", f"queue {what}"), Answer("cancel", "cancel", "nothing is queued")),
        ),
        answered,
    )
