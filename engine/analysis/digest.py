"""What happened since some moment: which runs ended and how, what they reached, and the time they took."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store

UNITS = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")


class SinceError(ValueError):
    """A moment that can't be read; the message says how to write one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What happened from `since` to `until`, Unix seconds. Runs in the order in which they ended."""

    since: float
    until: float
    finished: tuple[Run, ...] = ()
    failed: tuple[Run, ...] = ()
    stopped: tuple[Run, ...] = ()
    active: tuple[Run, ...] = ()
    """In training now."""
    num_queued: int = 0
    warnings: dict[str, tuple[str, ...]]
    """Run id → the warnings in its log since then, oldest first."""
    validated: frozenset[str] = frozenset()
    """Ids of the runs whose best epoch was chosen on images held out for that, not on the test images."""

    @property
    def ended(self) -> tuple[Run, ...]:
        """All that ended: finished, then failed, then stopped."""
        return self.finished + self.failed + self.stopped

    @property
    def seconds(self) -> float:
        """Training time of the runs that ended, pauses excluded."""
        return sum(run.seconds for run in self.ended)

    @property
    def best(self) -> Run | None:
        """The finished run with the highest accuracy of its best epoch."""
        scored = [run for run in self.finished if run.best_accuracy is not None]
        return max(scored, key=lambda run: run.best_accuracy or 0.0, default=None)


def make_report(store: Store, since: float, now: float) -> Digest:
    """What `store` holds of the time from `since` to `now`."""
    runs = store.runs()
    ended = sorted((run for run in runs if run.state.over and _within(run, since)), key=lambda run: run.ended or 0.0)
    active = tuple(run for run in runs if run.state.active)
    told = {run.id for run in (*ended, *active)}
    warnings: dict[str, tuple[str, ...]] = {}
    for message in store.messages():
        if message.level == "warning" and message.time >= since and message.run_id in told:
            warnings[message.run_id] = (*warnings.get(message.run_id, ()), message.text)
    return Digest(
        since=since,
        until=now,
        finished=tuple(run for run in ended if run.state is State.FINISHED),
        failed=tuple(run for run in ended if run.state is State.FAILED),
        stopped=tuple(run for run in ended if run.state in (State.STOPPED, State.INTERRUPTED)),
        active=active,
        num_queued=sum(run.state is State.QUEUED for run in runs),
        warnings=warnings,
        validated=store.validated(),
    )


def read_since(text: str, now: float, last: float | None) -> float:
    """A moment as people write it → Unix seconds.

    Args:
        text: how long ago (`8h`, `90 min`, `1d 12h`), a local time (`23:00`: the last time it was that late;
            `2026-11-22 23:00`, `2026-11-22`), or `last`.
        last: when a screen was last open; None if there never was one, and then `last` is the beginning.

    Raises:
        SinceError: it is none of these, or still to come.
    """
    text = text.strip()
    if text == "last":
        return last or 0.0
    spans = _SPAN.findall(text)
    if spans and not _SPAN.sub("", text):
        # Longer ago than the clock counts is the beginning.
        return max(0.0, now - sum(float(number) * UNITS[unit] for number, unit in spans))
    moment = _read_moment(text, datetime.fromtimestamp(now))
    if moment is None:
        raise SinceError(f"{text!r}: write how long ago (8h, 90min, 1d 12h), a time (23:00, 2026-11-22 23:00), or last")
    if moment > now:
        raise SinceError(f"{text!r} is still to come")
    return moment


def last_presence(home: Path) -> float | None:
    """When a screen was last open on this home, Unix seconds; None if there never was one."""
    try:
        return _presence(home).stat().st_mtime
    except OSError:
        return None


def note_presence(home: Path, now: float) -> None:
    """A screen is open. Where the home can't be written it isn't noted."""
    path = _presence(home)
    try:
        path.touch()
        os.utime(path, (now, now))
    except OSError:
        return


def _presence(home: Path) -> Path:
    return home / "last-screen"


def _within(run: Run, since: float) -> bool:
    return (run.ended or 0.0) >= since


def _read_moment(text: str, now: datetime) -> float | None:
    if re.fullmatch(r"\d{1,2}:\d{2}", text):
        hour, minute = map(int, text.split(":"))
        if hour > 23 or minute > 59:
            return None
        moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return (moment if moment <= now else moment - timedelta(days=1)).timestamp()
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):  # the last two: a date that the system's clock doesn't reach
        return None
