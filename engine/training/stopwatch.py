"""Training time, which stands still while whoever listens to the events holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

EVENT_SECONDS = 0.1
"""Between two events: ten a second, as often as an eye can use."""


class Stopwatch:
    """Counts the seconds of a run, of its epoch and of its evaluation, and says when an event is due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.run = 0.0
        """Seconds of the whole run, up to the last `stop`."""
        self.epoch = 0.0
        """Of the epoch at work, evaluation included."""
        self.evaluation = 0.0
        """Of the epoch's evaluation."""
        self.due = 0.0
        """The clock's time at which the next event is due."""
        self._started = 0.0

    def start(self) -> None:
        """Go on counting; an event is due in a tenth of a second."""
        self._started = self.clock()
        self.due = self._started + EVENT_SECONDS

    def stop(self, *, evaluating: bool = False) -> float:
        """Stand still, before an event; returns the seconds of the run."""
        spent = self.clock() - self._started
        self.run += spent
        self.epoch += spent
        self.evaluation += spent if evaluating else 0.0
        return self.run

    def at(self, now: float) -> float:
        """Seconds of the run at the clock's time `now`, while counting."""
        return self.run + now - self._started

    def end_epoch(self) -> None:
        """The next epoch counts from 0."""
        self.epoch = self.evaluation = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.run, "epoch_seconds": self.epoch, "evaluation_seconds": self.evaluation}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.run, self.epoch = state["seconds"], state["epoch_seconds"]
        self.evaluation = state["evaluation_seconds"]
