"""What is said of a study before it is launched, on Launch and on the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from lazytrain.engine.queue.studies import Standing
from lazytrain.engine.records import Run, State
from lazytrain.tui.state.study_plan import StudyRow
from lazytrain.tui.words.text import NOTHING, format_clock, format_duration, rough, state_look

MEASURING = "…"
ROUND_SECONDS = 60.0


def describe_row(row: StudyRow) -> str:
    """`7 min`, `finished already`, `again, 7 min`, `goes on after epoch 12, 5 min`, `can't be trained`."""
    if row.refusal is not None:
        return "can't be trained"
    time = describe_seconds(row)
    if row.again:
        return f"again, {time}"
    match row.standing:
        case Standing.DONE if row.twin is not None and row.twin.state is State.FAILED:
            return "NaN already"
        case Standing.DONE:
            return "finished already"
        case Standing.UNDERWAY if row.twin is not None:
            return state_look(row.twin).word
        case Standing.KEPT if row.twin is not None and row.chosen:
            return f"goes on after epoch {row.twin.epoch}, {time}" if row.twin.epoch else f"goes on, {time}"
        case _:
            return time if row.chosen else f"off, {time}"


def describe_seconds(row: StudyRow) -> str:
    """The expected time, `…` while it is measured, `–` where it can't be."""
    if row.seconds_to_go is not None:
        return format_duration(rough(row.seconds_to_go))
    return NOTHING if row.estimate is not None and row.estimate.error else MEASURING


def describe_total(rows: Sequence[StudyRow], waiting: str) -> str:
    """`6 of 8 runs · about 1 h 5 min`, or what of it is known; `waiting` says why nothing is."""
    chosen = [row for row in rows if row.chosen]
    count = f"{len(chosen)} of {len(rows)} runs"
    if not chosen:
        return count
    known = [row.seconds_to_go for row in chosen if row.seconds_to_go is not None]
    if not known:
        return f"{count} · {waiting}"
    about = f"about {format_duration(rough(sum(known)))}"
    missing = len(chosen) - len(known)
    if not missing:
        return f"{count} · {about}"
    pending = any(row.estimate is None or row.estimate.pending for row in chosen if row.seconds_to_go is None)
    return f"{count} · {about} for {len(known)}, {missing} {'still measured' if pending else 'unknown'}"


def describe_end(
    rows: Sequence[StudyRow], runs: Sequence[Run], expected: Callable[[Run], float | None], now: float
) -> str:
    """`done about 06:40`, after everything that is queued already; empty while any of it isn't known."""
    chosen = [row.seconds_to_go for row in rows if row.chosen]
    if not chosen or any(run.state is State.PAUSED for run in runs):
        return ""
    before = [run.eta_seconds if run.state.active else expected(run) for run in runs if not run.state.over]
    total = 0.0
    for seconds in (*before, *chosen):
        if seconds is None:
            return ""
        total += seconds
    # Up to the next full minute, so that it doesn't flicker between two.
    done = (now + total) // ROUND_SECONDS * ROUND_SECONDS + ROUND_SECONDS
    return f"done {format_clock(done, now)}"


def describe_reuse(rows: Sequence[StudyRow]) -> str:
    """`2 finished already, 1 queued: left as they are`, or empty."""
    left = Counter(
        describe_row(row)
        for row in rows
        if row.refusal is None and not row.chosen and row.standing in (Standing.DONE, Standing.UNDERWAY)
    )
    words = ", ".join(f"{count} {what}" for what, count in left.items())
    return f"{words}: left as {'it is' if left.total() == 1 else 'they are'}" if words else ""
