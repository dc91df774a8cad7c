"""What a training prints, in the log of its run: whole while it is little, and its growth bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.trouble import StoreError

MOST_LINES = 200
"""So many lines are kept however fast they come …"""
LINES_PER_MINUTE = 6
"""… and then so many."""


class Allowance:
    """`MOST_LINES` at once, filled up again by `LINES_PER_MINUTE`: at most some hundred lines an hour for ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._seen = float(MOST_LINES), clock()
        self._lost = 0

    def take(self, lines: Sequence[str], further: int = 0) -> list[str]:
        """What of these may be kept, and a line that says how many before them were not."""
        now = self._clock()
        self._left = min(MOST_LINES, self._left + (now - self._seen) * LINES_PER_MINUTE / 60)
        self._seen = now
        kept: list[str] = []
        for line in lines:
            if self._left < 1:
                self._lost += 1
                continue
            self._left -= 1
            kept += [*self.lost(), f"printed: {line}"]
        self._lost += further
        return kept

    def lost(self) -> list[str]:
        """The line that says how many were not kept, if there are any that it wasn't said of."""
        lost, self._lost = self._lost, 0
        if not lost:
            return []
        bound = f"at most {MOST_LINES} at once and {LINES_PER_MINUTE} a minute are"
        return [f"… {lost:,} printed line{'s' if lost > 1 else ''} not kept: {bound}"]


class PrintedLog:
    """Printed lines go to the log of the run at work.

    Args:
        at_work: the run that is trained in this process, if there is one.
        otherwise: takes a line where there is none, or its log can't be written.
    """

    def __init__(
        self,
        home: Path,
        at_work: Callable[[], str | None],
        otherwise: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home, self._at_work, self._otherwise, self._clock = home, at_work, otherwise, clock
        self._before: str | None = None
        self._run: str | None = None
        self._allowance = Allowance(clock)

    def take(self, lines: Sequence[str], further: int = 0) -> None:
        """Write these, and count `further` ones. Call it often, with nothing too: so it knows whose they are."""
        now = self._at_work()
        # What a run says as it ends is found a moment later.
        run_id, self._before = now or self._before, now
        if not lines and not further:
            return
        if run_id != self._run:
            self._write(self._run, self._allowance.lost())
            self._run, self._allowance = run_id, Allowance(self._clock)
        self._write(run_id, self._allowance.take(lines, further))

    def close(self) -> None:
        """Nothing more is printed."""
        self._write(self._run, self._allowance.lost())

    def _write(self, run_id: str | None, lines: Sequence[str]) -> None:
        if not lines:
            return
        if run_id is not None:
            try:
                with Journal(self._home) as journal:
                    journal.say_all(run_id, lines)
            except (StoreError, RunNotFound, OSError):
                pass  # discarded meanwhile, or the disk's trouble, which the runner tells of
            else:
                return
        for line in lines:
            self._otherwise(line)
