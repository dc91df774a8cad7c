"""How often figures are redrawn: less often by itself where a frame costs more than it should."""

from __future__ import annotations

import time
from collections.abc import Callable

DEAR_SECONDS = 0.010
"""Processor time of a frame from which on frames become rarer; twice what one costs here."""
CHEAP_SECONDS = 0.008
"""Where one would cost no more than this at twice the rate, they come more often again."""
DEAR_FRAMES, CHEAP_FRAMES = 3, 5
"""So many frames in a row say so: a screen that opens has two that are dear, with its imports and its layout."""
MOST_HALVINGS = 4


class Pace:
    """Says when the next frame is due, from what the last ones cost.

    Args:
        per_second: frames a second, as long as they are cheap.
        clock: seconds that pass.
        cpu: seconds of this thread's processor time.
    """

    def __init__(
        self,
        per_second: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._base = 1 / per_second
        self._clock, self._cpu = clock, cpu
        self._halvings = 0
        self._shown_at = float("-inf")
        self._cpu_before: float | None = None
        self._dear = self._cheap = 0

    @property
    def seconds(self) -> float:
        """From one frame to the next."""
        return self._base * 2**self._halvings

    @property
    def due(self) -> bool:
        """Whether it is time for the next frame."""
        # Looked at on a timer: one that comes a little early isn't sent away for a whole period.
        return self._clock() - self._shown_at >= 0.95 * self.seconds

    def begin(self) -> None:
        """A frame begins."""
        self._shown_at, self._cpu_before = self._clock(), self._cpu()

    def forget(self) -> None:
        """The frame that began, if it isn't painted yet, had nothing to paint: what is painted next is another's."""
        self._cpu_before = None

    def end(self) -> None:
        """The frame that began is painted."""
        if self._cpu_before is None:
            return
        cost, self._cpu_before = self._cpu() - self._cpu_before, None
        share = cost / 2**self._halvings
        self._dear = self._dear + 1 if share > DEAR_SECONDS else 0
        self._cheap = self._cheap + 1 if self._halvings and 2 * share < CHEAP_SECONDS else 0
        if self._dear >= DEAR_FRAMES and self._halvings < MOST_HALVINGS:
            self._halvings, self._dear = self._halvings + 1, 0
        elif self._cheap >= CHEAP_FRAMES:
            self._halvings, self._cheap = self._halvings - 1, 0
