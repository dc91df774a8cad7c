"""Writing that waits for room: while the disk is full, read-only or failing, a run is paused and nothing is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.run.wishes import Wishes
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import Reserve, StoreDamaged, StoreTrouble, reason, trouble_kind

RETRY_SECONDS = 3.0
"""How often it is tried again; a `resume` tries at once."""

T = TypeVar("T")


class Patience:
    """Has a run's writes done, each of them once.

    Args:
        tell: shows why the run waits where the store can't; None when it goes on.
    """

    def __init__(self, journal: Journal, run_id: str, wishes: Wishes, tell: Callable[[str | None], None]) -> None:
        self._journal = journal
        self._run_id = run_id
        self._wishes = wishes
        self._tell = tell
        self._reserve = Reserve(journal.home)
        self._pending: Callable[[], object] | None = None
        self._said: str | None = None
        """The reason that the store shows."""
        self.state = State.STARTING
        """What the run is when it isn't held."""

    def keep(self, write: Callable[[], T]) -> T:
        """Do `write`, now or when there is room for it. Every write is whole or not at all, so it can be done again.

        Raises:
            Left: the run is to be left meanwhile; `write` is still to be done.
            StoreDamaged: waiting won't help.
        """
        try:
            return write()
        except (StoreTrouble, OSError) as error:
            first = self._judge(error)
        self._pending, self._wishes.held = write, True
        try:
            result = self._hold(write, first)
        finally:
            self._wishes.held = False
            self._tell(None)
        self._pending = None
        self._reserve.make()
        if self._said is not None:
            self._said = None
            self.keep(lambda: self._journal.go_on(self._run_id, self._after()))
        return result

    def give_up(self) -> None:
        """Do at last what is still to be done, without waiting. Raises StoreTrouble or OSError."""
        if self._pending is not None:
            self._reserve.free()
            self._pending()
            self._pending = None

    def _hold(self, write: Callable[[], T], error: StoreTrouble | OSError) -> T:
        while True:
            self._say(error)
            self._wishes.wait(RETRY_SECONDS)
            self._wishes.check()
            try:
                # Room for the reserve first: else a run would go on in the last kilobytes, and stop again.
                if trouble_kind(error) == "full" and not self._reserve.make():
                    raise OSError(errno.ENOSPC, "No space left on device", str(self._journal.home))
                return write()
            except (StoreTrouble, OSError) as again:
                error = self._judge(again)

    def _judge(self, error: StoreTrouble | OSError) -> StoreTrouble | OSError:
        """The error, if waiting may help."""
        if trouble_kind(error) is None or isinstance(error, StoreDamaged):
            raise error
        return error

    def _say(self, error: StoreTrouble | OSError) -> None:
        """Write the reason into the store, into the room that was held for it, once."""
        if trouble_kind(error) == "busy":
            return  # Another's moment of work is nobody's concern.
        text = reason(error)
        self._tell(text)
        # Anything that failed halfway may have filled it again.
        self._reserve.free()
        if text == self._said:
            return
        try:
            self._journal.hold(self._run_id, text)
        except StoreDamaged:
            raise
        except StoreTrouble:
            return  # Said by `tell` alone, until there is room.
        self._said = text

    def _after(self) -> State:
        return State.PAUSED if self._wishes.wanted is Wanted.PAUSE else self.state
