"""Claims queued runs and trains them in a worker thread; obeys what clients want.

Importing this does not import torch: the worker thread does, so that a screen is there first. A second, small thread
watches the store and wakes the worker when a wish changes: `engine.queue.lookout`.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.compute.preload import load_torch
from lazytrain.engine.errors import DeviceError, describe, text_of, traceback_of
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.duty import LOOK_SECONDS, Duty, RunnerStatus
from lazytrain.engine.queue.jobs import JobError
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.queue.turns import Turns
from lazytrain.engine.records import Run, RunnerRecord
from lazytrain.engine.store.database import damage
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld, lock_name, touch
from lazytrain.engine.store.rebuild import rebuild
from lazytrain.engine.store.trouble import (
    Reserve,
    StoreDamaged,
    StoreError,
    StoreReplaced,
    StoreTrouble,
)

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice

MAX_REBUILDS = 3


class Runner:
    """One runner works a device at a time; on a second start it waits, as a pure client, until the device is free.

    Args:
        home: the folder of the store.
        data: the folder of the datasets.
        device: `auto`, or a torch device's name.
        make: make the store where there is none; else it is waited for, as a home is that is gone for a moment.
        only: train just this run, if it is still queued when the device is free, and end.
        until_empty: end when the queue is empty.
        share: don't wait for the device: train beside whoever holds it.
        command: what a person started, shown to others that wait for the device.
        may_train: why nothing may be trained now, for a person, or None; by default what the home's settings say.
        ended: told of each run that ended here; by default the notices that the home's settings ask for.
        in_job: this process is one run's own. Else a run of a user's own net gets one (`jobs`): what it sets in
            torch or Python is no matter of the runs after it, and if it dies, it dies alone.
        clock: seconds, for when to save a run and when to let a paused one go.
    """

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        device: str = "auto",
        make: bool = True,
        only: str | None = None,
        until_empty: bool = False,
        share: bool = False,
        command: str = "lazytrain",
        may_train: Callable[[], str | None] | None = None,
        ended: Callable[[Run], object] | None = None,
        in_job: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._asked = device
        self._make = make
        self._share = share
        self._duty = Duty(
            home,
            data,
            only=only,
            until_empty=until_empty,
            command=command,
            may_train=may_train,
            ended=ended,
            in_job=in_job,
            clock=clock,
        )
        self._loads_torch = False
        self._lookout = Lookout(home, self._duty.wishes)
        self._answers = Answers(self._duty.wishes.tell_of_answer)
        self._worker = threading.Thread(target=self._work, name="lazytrain-worker")

    # ── for clients in this process ────────────────────────────────────────────────────────────────────────

    @property
    def status(self) -> RunnerStatus:
        """What it does now; swapped whole, so any thread can read it."""
        return self._duty.status

    @property
    def must_finish(self) -> bool:
        """Whether it is at what shouldn't be cut off: a run that is to be saved, or notices that aren't out yet."""
        return self._duty.status.phase == "training" or self._duty.notifies

    @property
    def loads_torch(self) -> bool:
        """Whether it does nothing but import torch, which can't be hurried: it holds nothing that could be lost."""
        return self._loads_torch

    @property
    def has_trained(self) -> bool:
        """Whether it has taken up a run."""
        return self._duty.has_trained

    @property
    def pids(self) -> dict[str, int]:
        """Run id → the process of its own that trains it."""
        return self._duty.jobs.pids

    @property
    def at_work(self) -> str | None:
        """The id of the run that it trains now, itself or in a process of its own."""
        return self._duty.wishes.run_id or next(iter(self._duty.jobs), None)

    @property
    def screenless(self) -> bool:
        """Whether no screen here shows what it trains: with none elsewhere a paused run is let go after a while."""
        return self._duty.wishes.screenless

    @screenless.setter
    def screenless(self, screenless: bool) -> None:
        self._duty.wishes.screenless = screenless

    @property
    def holds_device(self) -> bool:
        """Whether what is queued would be trained here, not by another process."""
        return self._lookout.device_lock is not None

    def leave_screen(self) -> None:
        """No screen shows this runner any more: it ends when the queue is empty. Returns at once."""
        self._duty.wishes.screenless = self._duty.until_empty = True
        self._duty.wishes.tell()

    def halt(self, seconds: float) -> bool:
        """Hold the worker between two steps, where it keeps nobody from the store, until `go_on`.

        For a process that is to be frozen. False if the worker didn't get there in `seconds`.
        """
        self._duty.jobs.halt()
        return self._duty.wishes.halt(seconds)

    def go_on(self) -> None:
        """Let a halted worker go on."""
        self._duty.jobs.go_on()
        self._duty.wishes.go_on()

    def start(self) -> None:
        """Start the worker and the control thread."""
        self._worker.start()
        self._lookout.start()

    def nudge(self) -> None:
        """The caller wrote a wish into the store: look now, not at the next poll."""
        self._duty.wishes.nudge()
        self._lookout.nudge()

    def stop(self) -> None:
        """Stop and keep: the run at work is saved and marked stopped, then the worker ends. Returns at once."""
        self._duty.wishes.leaving = True
        self._duty.wishes.tell()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the worker's end, its notices included, at most `timeout` seconds; True if it has ended."""
        if self._worker.ident is not None:
            self._worker.join(timeout)
        return not self._worker.is_alive()

    # ── the worker thread ──────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        error = None
        try:
            num_rebuilds = 0
            while True:
                try:
                    self._serve_once()
                    break
                except StoreReplaced:
                    continue
                except StoreDamaged:
                    num_rebuilds += 1
                    if num_rebuilds == MAX_REBUILDS:
                        raise
        except (StoreError, DeviceError, JobError) as problem:
            error = text_of(problem)
        except BaseException as problem:  # noqa: BLE001  the end of a thread: whoever looks at the status must see why
            error = describe(problem)
            with contextlib.suppress(OSError):
                (self._home / "runner-error.txt").write_text(traceback_of(problem), encoding="utf-8")
        finally:
            self._lookout.end()
            self._let_at_work_go()
            self._answers.close()
            # Locks and store are let go of: nobody but this process's end waits for the notices.
            self._duty.finish_notices(error)
            self._duty.show("ended", error or "ended", error=error)

    def _serve_once(self) -> None:
        """Open the store, rebuilt if need be, and serve. Raises StoreDamaged to be called again."""
        journal = self._open_store() if self._make else self._duty.insist(self._open_store)
        if journal is None:
            return
        with journal:
            self._duty.wishes.replaced = journal.replaced
            try:
                self._serve(journal)
            except StoreReplaced:
                journal.part()
                raise

    def _open_store(self) -> Journal:
        """The store, sound; it knows the run that was trained when it took the place of another."""
        with Journal(self._home, make=self._make) as journal:
            found = damage(journal.connection)
        if found is not None:
            rebuild(journal.path, found)
        # From here on a home that is gone comes back: it isn't made anew.
        self._make = False
        journal = Journal(self._home, make=False)
        try:
            if self._duty.at_work is not None:
                journal.adopt(self._duty.at_work[0])
        except BaseException:
            journal.close()
            raise
        self._let_at_work_go()
        return journal

    def _let_at_work_go(self) -> None:
        if self._duty.at_work is not None:
            self._duty.at_work[1].release()
            self._duty.at_work = None

    def _serve(self, journal: Journal) -> None:
        held = self._take_device(journal)
        if held is None:
            return
        lock, choice = held
        self._lookout.device_lock = lock
        try:
            touch(lock.path, time.time())
            Reserve(self._home).make()
            self._duty.insist(lambda: journal.announce(self._record(lock, choice)), choice)
            self._duty.insist(journal.complete_archives, choice)
            self._turns(journal, choice).take()
        except StoreDamaged:
            # The jobs meet it too, and each goes on in the store that is put in its place.
            raise
        except BaseException:
            self._duty.jobs.stop(journal, choice.device)
            raise
        else:
            self._duty.jobs.stop(journal, choice.device)
        finally:
            self._lookout.device_lock = None
            # A line that stays counts for nothing: its lock is free.
            with contextlib.suppress(StoreTrouble):
                journal.withdraw(lock.path.name)
            lock.release()

    def _turns(self, journal: Journal, choice: DeviceChoice) -> Turns:
        return Turns(self._duty, journal, choice, self._lookout, self._answers)

    def _take_device(self, journal: Journal) -> tuple[FileLock, DeviceChoice] | None:
        """Wait for the device and lock it; None if there is nothing more to wait for."""
        while not self._duty.is_done(journal):
            holder = None if self._share else self._holder(journal)
            if holder is None:
                self._duty.show("loading", "loading torch…")
                self._loads_torch = True
                try:
                    load_torch()
                    from lazytrain.engine.compute.device import choose_device

                    choice = choose_device(self._asked)
                finally:
                    self._loads_torch = False
                lock = FileLock(journal.lock_path(self._lock_name(choice.device)))
                try:
                    lock.acquire()
                except LockHeld:
                    holder = self._holder(journal)
                else:
                    return lock, choice
            by = f"{holder.command} (process {holder.pid})" if holder else "another process"
            what = holder.device if holder else self._asked
            self._duty.show("waiting", f"waits for {what}: held by {by}", what)
            self._duty.wishes.wait(LOOK_SECONDS)
        return None

    def _holder(self, journal: Journal) -> RunnerRecord | None:
        """The live runner on this host that holds the device asked for."""
        here = [runner for runner in journal.runners() if runner.host == platform.node()]
        fitting = (each for each in here if self._asked in ("auto", each.device, each.device.partition(":")[0]))
        return next(fitting, None)

    def _lock_name(self, device: str) -> str:
        return lock_name(device, os.getpid() if self._share else None)

    def _record(self, lock: FileLock, choice: DeviceChoice) -> RunnerRecord:
        import torch

        from lazytrain.engine.compute.device import describe_versions

        return RunnerRecord(
            lock=lock.path.name,
            host=platform.node(),
            pid=os.getpid(),
            command=self._duty.command,
            device=choice.device,
            device_name=choice.name,
            reason=choice.reason,
            threads=torch.get_num_threads(),
            versions=describe_versions(),
            started=time.time(),
        )
