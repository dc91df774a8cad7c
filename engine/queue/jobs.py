"""Processes that train a run each (`engine.queue.job`, or a command's), as the one who started them knows them.

They are spawned, not forked: a fork would keep the locks of the one who forks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from lazytrain.engine.child_process import describe_end, python_command
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import lock_name
from lazytrain.engine.store.trouble import StoreTrouble

TRAINING = "lazytrain.engine.queue.job"
COMMAND = "lazytrain.engine.commands.job"
"""What a job's process runs."""
STOP, HALT = b"s", b"h"
"""What a job is told to have it save its run and end, or suspend itself until it is continued.

The end of the pipe says that the one who started it has died."""
PATIENCE_SECONDS = 60.0
"""A job that was told to stop has so long to save."""
MOST_FAILURES = 3
"""So many jobs that die before they take their run, and no more are started: the next would too."""
CONTINUES, CONTINUE_SECONDS = 20, 0.1
"""How often a job is continued again, and how far apart."""


class JobError(RuntimeError):
    """Processes for runs can't be started; the message says what they ended with."""


class Jobs:
    """The jobs of one runner.

    Args:
        command: what a person started, shown to others.
        ended: called, in another thread, when one has ended.
    """

    def __init__(self, home: Path, data: Path, command: str, ended: Callable[[], object]) -> None:
        self._options = ("--home", str(home), "--data", str(data), "--command", command)
        self._ended = ended
        self._jobs: dict[str, Job] = {}
        self._failures: Counter[str] = Counter()
        self.ends: dict[str, str] = {}
        """Run id → how its job ended, until it is known what that means for the run."""
        self.ended_commands: list[str] = []
        """Commands whose jobs came to their end: they tell nobody of it. One that dies is found with its run."""

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._jobs))

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._jobs

    @property
    def pids(self) -> dict[str, int]:
        """Run id → process of its job."""
        return {run_id: job.pid for run_id, job in dict(self._jobs).items()}

    def start(self, run_id: str, device: str, *more: str, cores: int | None = None, module: str = TRAINING) -> None:
        """Start one; `more` options of `module`, `cores`: how many of the machine's are its own."""
        options = (*self._options, "--device", device, *more)
        self._jobs[run_id] = Job(run_id, options, cores, self._ended, module)

    def halt(self) -> None:
        """Have them suspend themselves between two steps. Returns at once."""
        for job in list(self._jobs.values()):
            job.halt()

    def go_on(self) -> None:
        """Continue them."""
        for job in list(self._jobs.values()):
            job.go_on()

    def reap(self, journal: Journal, device: str) -> bool:
        """Let go of the jobs that have ended; whether there were any. Raises JobError."""
        ended = [job for job in self._jobs.values() if job.status is not None]
        for job in ended:
            # What only a killed job leaves behind: its line among the runners, and a lock that nobody else wants.
            lock = lock_name(device, job.pid)
            journal.withdraw(lock)
            journal.lock_path(lock).unlink(missing_ok=True)
            del self._jobs[job.run_id]
            if job.module == COMMAND and not job.status:
                self.ended_commands.append(job.run_id)
            self.ends[job.run_id] = describe_end(job.status or 0)
            if not job.status or job.run_id not in journal.queued():
                self._failures.pop(job.run_id, None)
                continue
            self._failures[job.run_id] += 1
            if self._failures[job.run_id] >= MOST_FAILURES:
                how = f"{MOST_FAILURES} processes for run {job.run_id} ended with {describe_end(job.status)}"
                raise JobError(f"{how}, before they trained anything")
        return bool(ended)

    def stop(self, journal: Journal, device: str) -> None:
        """Have them all save their runs and end, and wait for that."""
        for job in self._jobs.values():
            job.stop()
        for job in self._jobs.values():
            job.wait(PATIENCE_SECONDS)
        # Whatever the store's trouble: what is left behind counts for nothing.
        with contextlib.suppress(StoreTrouble, OSError, JobError):
            self.reap(journal, device)


class Job:
    """The process that trains one run: `engine.queue.job`, or a command's."""

    def __init__(
        self,
        run_id: str,
        options: tuple[str, ...],
        cores: int | None,
        ended: Callable[[], object] = lambda: None,
        module: str = TRAINING,
    ) -> None:
        self.run_id, self.module = run_id, module
        # A net that goes over a set of names does so in the same order in every process.
        wanted = {"PYTHONHASHSEED": "0"} if module == TRAINING else {}
        wanted |= {} if cores is None else {"OMP_NUM_THREADS": str(cores)}
        # In this process's group, so that a shell's `fg` and `kill %1` reach it; what Ctrl-Z means it is told.
        self._process = subprocess.Popen(
            python_command(module, run_id, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**wanted, **os.environ},
        )
        self.pid = self._process.pid
        self.status: int | None = None
        """Its exit status, below 0 for a signal; None while it runs."""
        self._waiter = threading.Thread(target=self._wait, args=(ended,), name=f"lazytrain-job-{run_id}", daemon=True)
        self._waiter.start()
        self._goes_on = threading.Event()
        threading.Thread(target=self._pass_on, name=f"lazytrain-job-output-{run_id}", daemon=True).start()

    def stop(self) -> None:
        """Have it save its run and end. Returns at once."""
        self._tell(STOP)

    def halt(self) -> None:
        """Have it suspend itself between two steps. Returns at once."""
        self._goes_on.clear()
        self._tell(HALT)

    def go_on(self) -> None:
        """Continue it. Returns at once."""
        self._goes_on.set()
        if hasattr(signal, "SIGCONT"):
            self._process.send_signal(signal.SIGCONT)
            threading.Thread(target=self._continue, name="lazytrain-job-continue", daemon=True).start()

    def _continue(self) -> None:
        """Once more: one that was only about to suspend itself missed it, and would stand still for ever."""
        rest = threading.Event()
        for _ in range(CONTINUES):
            rest.wait(CONTINUE_SECONDS)
            if not self._goes_on.is_set():
                return
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

    def _pass_on(self) -> None:
        """What it prints goes where this process's errors go now: a terminal, a log, nowhere once that is left."""
        if self._process.stdout is None:
            raise RuntimeError("the process was started without a pipe to read from")
        with self._process.stdout as output:
            while printed := os.read(output.fileno(), 2**16):
                with contextlib.suppress(OSError):
                    os.write(2, printed)
