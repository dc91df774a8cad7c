"""What clients want of the run at work, handed from the control thread to the worker thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.store.trouble import StoreReplaced

KEPT = "kept: the program ended"
"""How a run ended that was stopped with its process."""


class Left(Exception):
    """A run is left before its end; `state` None when it is discarded."""

    def __init__(self, state: State | None, reason: str = "") -> None:
        self.state, self.reason = state, reason
        super().__init__(reason)


class Wakeable(Protocol):
    """A training: `wake` has its next event come after the step at work."""

    @property
    def wake(self) -> bool: ...
    @wake.setter
    def wake(self, wake: bool, /) -> None: ...


class Wishes:
    """Written by the control thread (and `Runner.stop`), read by the worker between two events."""

    def __init__(self) -> None:
        self.wanted = Wanted.RUN
        """Of the run at work, as the store last said."""
        self.leaving = False
        """The runner is to stop and keep what it trains."""
        self.nudged = False
        """A client in this process wrote something: the worker asks the store itself, without waiting to be told."""
        self.asked = False
        """The store may hold a question that waits, or an answer is there to be written."""
        self.held = False
        """The run at work waits for room on the disk: any change of the store is a reason to try again."""
        self.replaced: Callable[[], bool] = lambda: False
        """Whether another file stands in the place of the store that the worker writes to."""
        self.taken = False
        """The run's lock was deleted, and another process has it now: it is that one's to train."""
        self.screenless = False
        """No screen of this process shows the run: with no other either, a pause doesn't hold the device for ever."""
        self.run_id: str | None = None
        """The run at work, which the control thread looks after."""
        self.training: Wakeable | None = None
        self._learning = threading.Lock()
        self._something = threading.Event()
        self._moving, self._halted = threading.Event(), threading.Event()
        self._moving.set()

    def begin(self, run_id: str) -> None:
        """The worker takes up a run."""
        self.wanted, self.taken = Wanted.RUN, False
        self.run_id = run_id

    def learn(self, run_id: str, read: Callable[[], Wanted]) -> bool:
        """Take over what the store says is wanted of that run; whether it is new.

        One thread at a time: else the older of two answers could be taken over last.
        """
        with self._learning:
            wanted = read()
            if wanted is self.wanted or run_id != self.run_id:
                return False
            self.wanted = wanted
            return True

    def check_store(self) -> None:
        """Raises StoreReplaced when another store stands in its place, or another process has what is trained here."""
        self._halt_if_asked()
        if self.replaced():
            raise StoreReplaced("another file stands in the run store's place", "damaged")
        if self.taken:
            raise StoreReplaced("a lock file was deleted, and another process has taken the lock", "damaged")

    def check(self) -> None:
        """Raises Left when the run is to be left, StoreReplaced as `check_store` does."""
        self.check_store()
        if self.leaving:
            raise Left(State.STOPPED, KEPT)
        if self.wanted is Wanted.STOP:
            raise Left(State.STOPPED, "stopped and kept")
        if self.wanted is Wanted.DISCARD:
            raise Left(None)

    def end(self) -> None:
        """The worker has left its run."""
        self.run_id = self.training = None
        self.taken = False

    def tell(self) -> None:
        """Have the worker look: at its next step if it trains, at once if it waits."""
        training = self.training
        if training is not None:
            training.wake = True
        self._something.set()

    def tell_of_answer(self) -> None:
        """As `tell`: something was found out."""
        self.asked = True
        self.tell()

    def nudge(self) -> None:
        """As `tell`, and have the worker ask the store what is wanted."""
        self.nudged = True
        self.tell()

    def wait(self, seconds: float) -> None:
        """Wait until something is told, at most `seconds`."""
        self._something.wait(seconds)
        self._something.clear()
        self._halt_if_asked()

    def halt(self, seconds: float) -> bool:
        """Hold the worker where it is between two events, or waits; whether it got there in `seconds`."""
        self._halted.clear()
        self._moving.clear()
        self.tell()
        return self._halted.wait(seconds)

    def go_on(self) -> None:
        """Let it go on."""
        self._moving.set()

    def _halt_if_asked(self) -> None:
        if not self._moving.is_set():
            self._halted.set()
            self._moving.wait()
