"""Several runs at once on one device: a supervisor holds its lock, and each run has a process of its own.

Two small nets in two processes train nearly twice as fast as one after the other; in two threads they don't. The
processes are spawned, not forked: a fork would keep the supervisor's locks.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.queue.runner import LOOK_SECONDS, Runner, RunnerStatus
from lazytrain.engine.queue.wishes import KEPT
from lazytrain.engine.records import State
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

    def _train_queue(self, journal: Journal, choice: DeviceChoice) -> None:
        looked = 0.0
        while not self._wishes.leaving:
            self._wishes.check_store()
            if (
                self._insist(lambda: self._jobs.reap(journal, choice.device), choice)
                or time.monotonic() - looked >= LOOK_SECONDS
            ):
                self._insist(lambda: self._recover(journal), choice)
                looked = time.monotonic()
            waiting = [run_id for run_id in self._insist(journal.queued, choice) or () if run_id not in self._jobs]
            closed = self._may_train()
            if closed is None:
                for run_id in waiting[: max(0, self._num_jobs - len(self._jobs))]:
                    self._start_job(run_id, choice.device)
            if not self._jobs and not waiting and self._until_empty:
                return
            self._status = self._describe(closed if waiting else None, choice.device)
            self._insist(lambda: self._answers.give(journal, choice.device), choice)
            self._wishes.wait(LOOK_SECONDS)

    def _describe(self, closed: str | None, device: str) -> RunnerStatus:
        if self._jobs:
            count = len(self._jobs)
            return RunnerStatus(phase="training", text=f"trains {count} run{'s' * (count > 1)} at once", device=device)
        if closed is not None:
            return RunnerStatus(phase="waiting", text=closed, device=device)
        return RunnerStatus(phase="idle", text="idle", device=device)

    def _start_job(self, run_id: str, device: str) -> None:
        # What `threads = "auto"` may take: the jobs share the cores.
        self._jobs.start(run_id, device, cores=max(1, (os.cpu_count() or 1) // self._num_jobs))


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
