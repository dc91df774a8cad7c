"""What clients want of the run at work, handed from the control thread to the worker thread."""

from __future__ import annotations

import threading
from typing import Protocol

from engine.records import Wanted


class Wakeable(Protocol):
    """A training: `wake` has its next event come after the step at work."""

    wake: bool


class Wishes:
    """Written by the control thread (and `Runner.stop`), read by the worker between two events."""

    def __init__(self) -> None:
        self.wanted = Wanted.RUN
        """Of the run at work, as the store last said."""
        self.leaving = False
        """The runner is to stop and keep what it trains."""
        self.asked = False
        """The store may hold a question that waits."""
        self.run_id: str | None = None
        """The run at work, which the control thread looks after."""
        self.training: Wakeable | None = None
        self._something = threading.Event()

    def begin(self, run_id: str) -> None:
        """The worker takes up a run."""
        self.wanted = Wanted.RUN
        self.run_id = run_id

    def end(self) -> None:
        """The worker has left its run."""
        self.run_id = self.training = None

    def tell(self) -> None:
        """Have the worker look: at its next step if it trains, at once if it waits."""
        training = self.training
        if training is not None:
            training.wake = True
        self._something.set()

    def wait(self, seconds: float) -> None:
        """Wait until something is told, at most `seconds`."""
        self._something.wait(seconds)
        self._something.clear()
