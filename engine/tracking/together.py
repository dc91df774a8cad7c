"""Processes that train together by torch.distributed leave at the same step.

One that left alone would leave the others waiting for it in the next exchange of gradients, for ever. So the first,
which somebody can pause and stop, says at every few steps whether all go on, and the others wait for that word: in the
store by which they found each other, which costs no exchange between devices.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

EVERY = {"steps": 10, "asks": 1}
"""How many batches of `steps`, or questions for `should_stop`, there are to a word."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.0002, 0.05
LOOK_SECONDS = 2.0
"""How often one that waits looks whether the first is still there."""
_ENDED = "lazytrain/ended"


class Together:
    """This process among those.

    Args:
        leads: it is the first, whose run it is.
    """

    def __init__(self, *, leads: bool) -> None:
        self._leads = leads
        self._store: Any = None
        self._counts = dict.fromkeys(EVERY, 0)
        self._alone = False
        """The first is gone, or there never was one that gave its word."""
        self.leaving = False
        """All have agreed to leave."""

    @property
    def used(self) -> bool:
        """Whether the others wait for a word now and then."""
        return any(self._counts.values())

    def active(self) -> bool:
        """Whether there are others. Costs next to nothing where there are none."""
        if self._store is not None or self._alone:
            return not self._alone
        torch = sys.modules.get("torch.distributed")  # it is there wherever processes train together by it
        if torch is None or not torch.is_available() or not torch.is_initialized() or torch.get_world_size() < 2:
            return False
        self._store = torch.distributed_c10d._get_default_store()
        return True

    def agree(self, what: Literal["steps", "asks"], decide: Callable[[], bool]) -> bool:
        """Whether all leave now; every process asks this at the same places.

        Args:
            decide: what the first says; it may take its time, and all wait.
        """
        count = self._counts[what]
        self._counts[what] += 1
        if self.leaving or self._alone or count % EVERY[what]:
            return self.leaving
        word = f"lazytrain/{what}/{count}"
        try:
            if self._leads:
                self.leaving = decide()
                self._store.set(word, "leave" if self.leaving else "stay")
            else:
                self.leaving = self._wait_for(word)
        except RuntimeError:
            # What torch raises where the store is gone: with the process that held it, so with all of the training.
            self._alone = True
        return self.leaving

    def end(self) -> None:
        """Nobody needs to wait for this process any more."""
        if self._leads and self._store is not None and not self._alone:
            with contextlib.suppress(RuntimeError):
                self._store.set(_ENDED, "")

    def _wait_for(self, word: str) -> bool:
        wait, looked = FIRST_WAIT_SECONDS, time.monotonic()
        while not self._store.check([word]):
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if self._store.check([_ENDED]) and not self._store.check([word]):
                    self._alone = True
                    return False
        return self._store.get(word) == b"leave"
