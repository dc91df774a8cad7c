"""The question before much is queued at once: one key mustn't start hours of work that nobody meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lazytrain.tui.screens.confirm import Answer, ConfirmScreen
from lazytrain.tui.state.host import Host
from lazytrain.tui.words.text import format_duration, rough

LONG_SECONDS = 30 * 60.0
"""Expected of all that is to be queued: from here on it is asked."""
MOST_RUNS = 4
"""More than so many at once are asked for whatever their time, which may not be known yet."""


def ask_if_long(app: Host, times: Sequence[float | None], title: str, then: Callable[[], None]) -> None:
    """Call `then`, after a question where it is much.

    Args:
        times: seconds expected of each run; None where that isn't known.
    """
    num_runs = len(times)
    if num_runs <= MOST_RUNS and sum(time or 0.0 for time in times) < LONG_SECONDS:
        then()
        return

    def answered(answer: str | None) -> None:
        if answer == "queue":
            then()

    what = "this run" if num_runs == 1 else f"{num_runs} runs"
    app.push_screen(
        ConfirmScreen(
            f"queue {what}?",
            f"{title}: {num_runs} run{'s' * (num_runs != 1)}, {_describe(times)}.",
            (Answer("queue", f"queue {what}"), Answer("cancel", "cancel", "nothing is queued")),
        ),
        answered,
    )


def _describe(times: Sequence[float | None]) -> str:
    known = [time for time in times if time is not None]
    num_unknown = len(times) - len(known)
    if not known:
        return "their time isn't known yet"
    time = format_duration(rough(sum(known)))
    if not num_unknown:
        return f"about {time} in all"
    return f"more than {time}: the time of {num_unknown} isn't known yet"
