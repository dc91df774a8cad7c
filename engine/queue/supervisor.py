"""Several runs at once on one device: a supervisor holds its lock, and each run has a process of its own.

Two small nets in two processes train nearly twice as fast as one after the other; in two threads they don't. The
processes are spawned, not forked: a fork would keep the supervisor's locks.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.duty import LOOK_SECONDS, Duty
from lazytrain.engine.queue.jobs import COMMAND, TRAINING
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.queue.turns import Turns
from lazytrain.engine.records import State
from lazytrain.engine.run.wishes import KEPT
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice


class Supervisor(Runner):
    """A runner that trains `num_jobs` runs at once, each in a process of its own. See `Runner` for the rest.

    A job that dies is noticed at once, and its run goes in front of the queue; no job outlives the supervisor.
    """

    def __init__(self, home: Path, data: Path, *, num_jobs: int, **options: Any) -> None:
        super().__init__(home, data, **options)
        self._num_jobs = num_jobs

    def _turns(self, journal: Journal, choice: DeviceChoice) -> Turns:
        return SeveralAtOnce(self._duty, journal, choice, self._lookout, self._answers, self._num_jobs)


class SeveralAtOnce(Turns):
    """Train what is queued, `num_jobs` runs at once."""

    def __init__(
        self,
        duty: Duty,
        journal: Journal,
        choice: DeviceChoice,
        lookout: Lookout,
        answers: Answers,
        num_jobs: int,
    ) -> None:
        super().__init__(duty, journal, choice, lookout, answers)
        self._num_jobs = num_jobs

    def take(self) -> None:
        """Train until the runner is stopped, or has nothing left to wait for."""
        looked = 0.0
        while not self._wishes.leaving:
            self._wishes.check_store()
            if self._duty.insist(self._reap, self._choice) or time.monotonic() - looked >= LOOK_SECONDS:
                self._duty.insist(self._recover, self._choice)
                looked = time.monotonic()
            queued = self._duty.insist(self._journal.queued, self._choice) or ()
            self._awaits = False
            waiting = self._duty.insist(partial(self._find_waiting, queued), self._choice) or {}
            closed = self._duty.may_train()
            if closed is None:
                for run_id in list(waiting)[: max(0, self._num_jobs - len(self._jobs))]:
                    # What `threads = "auto"` may take: the jobs share the cores.
                    cores = max(1, (os.cpu_count() or 1) // self._num_jobs)
                    self._jobs.start(run_id, self._choice.device, cores=cores, module=waiting[run_id])
            if not self._jobs and not waiting and not self._awaits and self._duty.until_empty:
                return
            self._describe(closed if waiting else None)
            self._duty.insist(self._answer, self._choice)
            self._wishes.wait(LOOK_SECONDS)

    def _find_waiting(self, queued: Iterable[str]) -> dict[str, str]:
        """Of the queued runs those whose turn may come now → what their process runs."""
        waiting: dict[str, str] = {}
        for run_id in queued:
            if run_id in self._jobs:
                continue
            is_command = self._is_command(run_id)
            if not is_command or self._is_ready(run_id):
                waiting[run_id] = COMMAND if is_command else TRAINING
        return waiting

    def _reap(self) -> bool:
        reaped = self._jobs.reap(self._journal, self._choice.device)
        while self._jobs.ended_commands:
            with contextlib.suppress(RunNotFound):
                run = self._journal.run(self._jobs.ended_commands[0])
                if run.state.over:
                    self._duty.ended(run)
            self._jobs.ended_commands.pop(0)
        return reaped

    def _describe(self, closed: str | None) -> None:
        if self._jobs:
            count = len(self._jobs)
            self._duty.show("training", f"trains {count} run{'s' * (count > 1)} at once", self._choice.device)
        elif closed is not None:
            self._duty.show("waiting", closed, self._choice.device)
        else:
            self._duty.show("idle", "idle", self._choice.device)


def queue_again(store: Store, since: float) -> list[str]:
    """Put runs that were stopped since then, because their process ended, in front of the queue; returns their ids.

    For a service that is stopped with the machine, and is to go on when it starts again.
    """
    stopped = [run for run in store.runs() if run.state is State.STOPPED and run.outcome == KEPT]
    again = [run.id for run in stopped if (run.ended or 0.0) >= since]
    for run_id in again:
        with contextlib.suppress(NotPossible, RunNotFound):
            store.resume(run_id)
            store.move(run_id, -len(store.runs()))
    return again
