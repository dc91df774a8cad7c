"""How a command is ended before its end, and what is said of how it ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from enum import Enum

from lazytrain.engine.child_process import describe_end
from lazytrain.engine.commands.group import Group
from lazytrain.engine.records import State

LINGER_SECONDS = 1.0
"""What a command has left running when its first process ends may end by itself for so long."""
KILL_SECONDS = 0.5
"""Killed, a process that the kernel holds may still be there: it isn't waited for."""
LEAVE_SECONDS = 45.0
"""A runner that ends doesn't wait longer."""
WITH_RUNNER = "the program that ran it ended"
ORPHANED = "the process that ran it ended, and the command with it"


class Why(Enum):
    """Why a command is ended before its end, the stronger later."""

    STOPPED = 1
    LEFT = 2
    """Its runner ends."""
    ORPHANED = 3
    """Its runner died."""
    DISCARDED = 4
    TAKEN = 5
    """Another process has the run."""


class Stage(Enum):
    """How far it is with ending it."""

    NOT = 0
    ASKED = 1
    """The program knows by itself that it is to stop."""
    TERMINATED = 2
    KILLED = 3


class Ending:
    """Ends a group of processes, politely first.

    Args:
        grace: how many seconds it may take to end by itself.
        clock: seconds.
    """

    def __init__(self, group: Group, grace: Callable[[], float], clock: Callable[[], float]) -> None:
        self._group, self._grace, self._clock = group, grace, clock
        self.why: Why | None = None
        self._stage, self._deadline = Stage.NOT, 0.0

    def begin(self, why: Why, *, by_itself: bool = False) -> None:
        """End it, since `why`; a program that does so `by_itself` isn't told by a signal first."""
        if self.why is not None and self.why.value >= why.value:
            return
        self.why = why
        if self._stage is Stage.NOT:
            if by_itself:
                self._stage, self._deadline = Stage.ASKED, self._clock() + self._seconds
            else:
                self._terminate()

    def press(self, ended: float | None) -> bool:
        """Go on, where it had its time; whether there is nothing more that can be done.

        Args:
            ended: when its first process ended, if it did.
        """
        now = self._clock()
        match self._stage:
            case Stage.NOT | Stage.ASKED if ended is not None:
                if now - ended >= LINGER_SECONDS:
                    self._terminate()
            case Stage.ASKED if now >= self._deadline:
                self._terminate()
            case Stage.TERMINATED if now >= self._deadline:
                self._stage, self._deadline = Stage.KILLED, now + KILL_SECONDS
                self._group.send(signal.SIGKILL)
            case Stage.KILLED:
                return now >= self._deadline and ended is not None
            case _:
                pass
        return False

    def judge(self, status: int, last_error: str) -> tuple[State, str]:
        """The state that it ended in, and what there is to say of it."""
        how = describe_end(status)
        match self.why:
            case Why.STOPPED:
                killed = f": it didn't end in {self._seconds:g} s" if status == -signal.SIGKILL else ""
                return State.STOPPED, f"by a person ({how}{killed})"
            case Why.LEFT:
                return State.STOPPED, WITH_RUNNER
            case Why.ORPHANED:
                return State.INTERRUPTED, ORPHANED
            case _ if status == 0:
                return State.FINISHED, how
            case _:
                return State.FAILED, f"{how}: {last_error}" if last_error else how

    @property
    def _seconds(self) -> float:
        grace = self._grace()
        return grace if self.why is Why.STOPPED else min(grace, LEAVE_SECONDS)

    def _terminate(self) -> None:
        self._stage, self._deadline = Stage.TERMINATED, self._clock() + self._seconds
        self._group.send(signal.SIGTERM)
        # One that is halted learns of it as it goes on.
        self._group.send(signal.SIGCONT)
