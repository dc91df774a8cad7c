"""Several runs at once on one device: a supervisor holds its lock, and each run has a process of its own.

Two small nets in two processes train nearly twice as fast as one after the other; in two threads they don't. The
processes are spawned, not forked: a fork would keep the supervisor's locks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.child_process import python_command
from lazytrain.engine.queue.runner import LOOK_SECONDS, Runner, RunnerStatus, lock_name
from lazytrain.engine.queue.wishes import KEPT
from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from lazytrain.engine.store.trouble import StoreDamaged, StoreTrouble

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice

STOP, HALT = b"s", b"h"
"""What a job is told to have it save its run and end, or suspend itself until it is continued.

The end of the pipe says that the supervisor has died."""
PATIENCE_SECONDS = 60.0
"""A job that was told to stop has so long to save."""
MOST_FAILURES = 3
"""So many jobs that die before they take their run, and the supervisor gives up: the next would too."""


class JobError(RuntimeError):
    """Processes for runs can't be started; the message says what they ended with."""


class Supervisor(Runner):
    """A runner that trains `num_jobs` runs at once, each in a process of its own. See `Runner` for the rest.

    A job that dies is noticed at once, and its run goes in front of the queue; no job outlives the supervisor.
    """

    def __init__(self, home: Path, data: Path, *, num_jobs: int, **options: Any) -> None:
        super().__init__(home, data, **options)
        self._num_jobs = num_jobs
        self._jobs: dict[str, Job] = {}
        self._failures: Counter[str] = Counter()

    @property
    def pids(self) -> dict[str, int]:
        """Run id → process of its job."""
        return {run_id: job.pid for run_id, job in dict(self._jobs).items()}

    def halt(self, seconds: float) -> bool:
        for job in list(self._jobs.values()):
            job.halt()
        return super().halt(seconds)

    def go_on(self) -> None:
        for job in list(self._jobs.values()):
            job.go_on()
        super().go_on()

    def _train_queue(self, journal: Journal, choice: DeviceChoice) -> None:
        try:
            self._supervise(journal, choice)
        except StoreDamaged:
            # The jobs meet it too, and each goes on in the store that is put in its place.
            raise
        except BaseException:
            self._stop_jobs(journal, choice.device)
            raise
        self._stop_jobs(journal, choice.device)

    def _supervise(self, journal: Journal, choice: DeviceChoice) -> None:
        looked = 0.0
        while not self._wishes.leaving:
            self._wishes.check_store()
            if (
                self._insist(lambda: self._reap(journal, choice.device), choice)
                or time.monotonic() - looked >= LOOK_SECONDS
            ):
                self._insist(lambda: self._recover(journal), choice)
                looked = time.monotonic()
            waiting = [run_id for run_id in self._insist(journal.queued, choice) or () if run_id not in self._jobs]
            closed = self._may_train()
            if closed is None:
                for run_id in waiting[: max(0, self._num_jobs - len(self._jobs))]:
                    self._jobs[run_id] = self._start_job(run_id, choice.device)
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

    def _start_job(self, run_id: str, device: str) -> Job:
        options = ("--home", str(self._home), "--data", str(self._data), "--device", device, "--command", self._command)
        # What `threads = "auto"` may take: the jobs share the cores.
        cores = max(1, (os.cpu_count() or 1) // self._num_jobs)
        return Job(run_id, options, cores, ended=self._wishes.tell)

    def _reap(self, journal: Journal, device: str) -> bool:
        """Let go of the jobs that have ended; whether there were any. Raises JobError."""
        ended = [job for job in self._jobs.values() if job.status is not None]
        for job in ended:
            # What only a killed job leaves behind: its line among the runners, and a lock that nobody else wants.
            lock = lock_name(device, job.pid)
            journal.withdraw(lock)
            journal.lock_path(lock).unlink(missing_ok=True)
            del self._jobs[job.run_id]
            if not job.status or job.run_id not in journal.queued():
                self._failures.pop(job.run_id, None)
                continue
            self._failures[job.run_id] += 1
            if self._failures[job.run_id] >= MOST_FAILURES:
                raise JobError(f"{MOST_FAILURES} processes for run {job.run_id} ended with status {job.status}")
        return bool(ended)

    def _stop_jobs(self, journal: Journal, device: str) -> None:
        for job in self._jobs.values():
            job.stop()
        for job in self._jobs.values():
            job.wait(PATIENCE_SECONDS)
        # Whatever the store's trouble: what is left behind counts for nothing.
        with contextlib.suppress(StoreTrouble, OSError, JobError):
            self._reap(journal, device)


class Job:
    """The process that trains one run: `engine.queue.job`.

    Args:
        cores: how many of the machine's are its own.
        ended: called, in another thread, when it has ended.
    """

    def __init__(self, run_id: str, options: tuple[str, ...], cores: int, ended: Callable[[], object]) -> None:
        self.run_id = run_id
        # In the supervisor's process group, so that a shell's `fg` and `kill %1` reach it; what Ctrl-C and Ctrl-Z mean
        # the supervisor tells it.
        self._process = subprocess.Popen(
            python_command("lazytrain.engine.queue.job", run_id, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={"OMP_NUM_THREADS": str(cores), **os.environ},
        )
        self.pid = self._process.pid
        self.status: int | None = None
        """Its exit status; None while it runs."""
        self._waiter = threading.Thread(target=self._wait, args=(ended,), name=f"lazytrain-job-{run_id}", daemon=True)
        self._waiter.start()

    def stop(self) -> None:
        """Have it save its run and end. Returns at once."""
        self._tell(STOP)

    def halt(self) -> None:
        """Have it suspend itself between two steps. Returns at once."""
        self._tell(HALT)

    def go_on(self) -> None:
        """Continue it."""
        if hasattr(signal, "SIGCONT"):
            self._process.send_signal(signal.SIGCONT)

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(word)
                self._process.stdin.flush()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended; it is killed after `seconds`, and its last checkpoint counts."""
        self._waiter.join(seconds)
        if self.status is None:
            self._process.kill()
            self._waiter.join()

    def _wait(self, ended: Callable[[], object]) -> None:
        self.status = self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        ended()


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
