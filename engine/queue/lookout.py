"""The runner's second, small thread: watches the store, never the steps, and shows that the process isn't frozen."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

from lazytrain.engine.places import make_folder
from lazytrain.engine.records import Wanted
from lazytrain.engine.run.wishes import Wishes
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld, touch
from lazytrain.engine.store.trouble import StoreError

POLL_SECONDS = 0.05
"""How often it asks whether the store changed: that costs microseconds."""
SEEN_SECONDS = 2.0
"""How often it shows itself."""
REOPEN_SECONDS = 1.0
END_SECONDS = 1.0
"""A look at the store takes far less, but for one that another process keeps locked."""


class Lookout:
    """Hands what clients want from the store to the worker thread."""

    def __init__(self, home: Path, wishes: Wishes) -> None:
        self.device_lock: FileLock | None = None
        """The lock that the runner holds."""
        self.run_lock: FileLock | None = None
        """That of the run at work."""
        self.several: dict[Wishes, FileLock] = {}
        """Of runs that this process has beside that one, each with wishes and a lock of its own; swapped whole."""
        self._home = home
        self._wishes = wishes
        self._changes = -1
        self._nudged = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lazytrain-control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        """Look now, not at the next poll."""
        self._nudged.set()

    def end(self) -> None:
        """Watch no longer, and let the store go."""
        self._ended.set()
        self._nudged.set()
        if self._thread.ident is not None:
            self._thread.join(END_SECONDS)

    def _watch(self) -> None:
        make = True
        while not self._ended.is_set():
            try:
                with Journal(self._home, make=make) as journal:
                    # From here on a home that is gone comes back: it isn't made anew.
                    make = False
                    self._look_after(journal)
            except StoreError:
                # The worker meets the same trouble and says so; here it is only looked at again.
                self._ended.wait(REOPEN_SECONDS)

    def _look_after(self, journal: Journal) -> None:
        wishes, seen = self._wishes, 0.0
        while not self._ended.is_set():
            if self._nudged.wait(POLL_SECONDS):
                self._nudged.clear()
            if abs(time.time() - seen) >= SEEN_SECONDS:
                seen = time.time()
                self._be_seen(journal, seen)
            if journal.replaced():
                self._tell_all()
            self._keep_locks(journal)
            if not journal.changed():
                continue
            self._teach_several(journal)
            run_id = wishes.run_id
            if run_id is None or wishes.held:
                wishes.tell()
            if run_id is None:
                continue
            if wishes.learn(run_id, partial(journal.wanted, run_id)):
                wishes.tell()
            if journal.next_question() is not None:
                wishes.asked = True

    def _tell_all(self) -> None:
        self._wishes.tell()
        for wishes in self.several:
            wishes.tell()

    def _teach_several(self, journal: Journal) -> None:
        """What is wanted of them is asked once, for all, and only where more than figures was written."""
        changes, before = journal.num_changes(), self._changes
        self._changes = changes
        if not self.several:
            return
        wanted = journal.wanted_of_active() if changes != before else None
        for wishes in self.several:
            run_id = wishes.run_id
            if run_id is None:
                continue
            if wishes.held or (
                wanted is not None and wishes.learn(run_id, partial(wanted.get, run_id, Wanted.DISCARD))
            ):
                wishes.tell()

    def _be_seen(self, journal: Journal, now: float) -> None:
        """Touch the locks that are held. Not a row in the store: that would wake every client every time."""
        if self.device_lock is not None:
            touch(self.device_lock.path, now)
        run_id = self._wishes.run_id
        if run_id is not None:
            touch(journal.run_folder(run_id) / "lock", now)
        for lock in self.several.values():
            touch(lock.path, now)

    def _keep_locks(self, journal: Journal) -> None:
        """Make lock files anew that somebody deleted: nobody may take a run for a dead process's."""
        held = [(self.device_lock, 1, self._wishes), (self.run_lock, 2, self._wishes)]
        held += [(lock, 2, wishes) for wishes, lock in self.several.items()]
        if not journal.path.exists():
            return  # The home is gone: its locks come back with it.
        for lock, levels, wishes in held:
            if lock is None:
                continue
            try:
                if not lock.path.parent.exists():
                    make_folder(lock.path.parent, levels)
                if lock.keep():
                    touch(lock.path, time.time())
            except LockHeld:
                if lock is not self.device_lock:
                    wishes.taken = True
                    wishes.tell()
            except OSError:
                continue  # The worker meets the same trouble and says so.
