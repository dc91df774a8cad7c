"""How often something long says where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT_SECONDS = 0.1
"""Between two reports of progress: ten a second, as often as an eye can use."""


class Beat:
    """Says when the next report is due."""

    def __init__(self, seconds: float = BEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last = clock()

    def due(self) -> bool:
        """Whether the last report, or the beginning, is `seconds` ago; if so, the next one counts from now."""
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
