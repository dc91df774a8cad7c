"""Writing about a command that goes on whatever becomes of the store: now, later, or in another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.reading import RunNotFound
from lazytrain.engine.store.trouble import StoreDamaged, StoreError, trouble_kind

T = TypeVar("T")

RETRY_SECONDS = 3.0
"""Where the store can't be written."""
LAST_TRIES = 5
"""So often it is tried once the command has ended; then the next runner finds the run without a process."""


class Ledger:
    """What is written about one run."""

    def __init__(self, journal: CommandJournal, run_id: str, clock: Callable[[], float]) -> None:
        self.journal, self.run_id, self._clock = journal, run_id, clock
        self.is_gone = False
        """The run was discarded."""
        self._troubled = float("-inf")

    def attempt(self, act: Callable[[], object]) -> bool:
        """Do it if the store can be used now; whether it was done. The command goes on all the same."""
        now = self._clock()
        if now - self._troubled < RETRY_SECONDS:
            return False
        try:
            act()
        except RunNotFound:
            self.is_gone = True
        except StoreDamaged:
            self._reopen()
            return False
        except (StoreError, OSError) as error:
            if isinstance(error, OSError) and trouble_kind(error) is None:
                raise
            self._troubled = now
            return False
        return True

    def insist(self, act: Callable[[], T]) -> T | None:
        """Do it, again and again where the store can't be used, a few times; None if it can't be done."""
        found: list[T] = []
        for _ in range(LAST_TRIES):
            self._troubled = float("-inf")
            if self.attempt(lambda: found.append(act())):
                return found[0] if found else None
            time.sleep(RETRY_SECONDS)  # this process has nothing else to do any more
        return None

    def _reopen(self) -> None:
        """Another store stands in the place of the one that knew the run, or is put there now."""
        try:
            self.journal.reopen()
            self.journal.adopt(self.run_id)
        except (StoreError, OSError):
            self._troubled = self._clock()
