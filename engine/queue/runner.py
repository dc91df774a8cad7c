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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from lazytrain.engine.compute.preload import load_torch
from lazytrain.engine.errors import DeviceError, describe, text_of, traceback_of
from lazytrain.engine.places import make_folder
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.jobs import JobError, Jobs
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.queue.wishes import Wishes
from lazytrain.engine.records import Run, RunnerRecord, State
from lazytrain.engine.settings.availability import Availability
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.settings.notices import NOTICE_SECONDS, Herald
from lazytrain.engine.store.database import damage
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld, is_held, lock_name, touch
from lazytrain.engine.store.rebuild import rebuild
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.trouble import (
    Reserve,
    StoreDamaged,
    StoreError,
    StoreReplaced,
    StoreTrouble,
    reason,
    trouble_kind,
)

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice

T = TypeVar("T")

LOOK_SECONDS = 1.0
"""How often an idle worker looks for runs whose trainer died, and a waiting one for the device."""
RETRY_SECONDS = 3.0
"""How often it is tried again where the disk is full or doesn't work."""
MAX_REBUILDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStatus:
    """What the runner does, for a person."""

    phase: Literal["loading", "waiting", "idle", "training", "notifying", "ended"]
    text: str
    device: str | None = None
    error: str | None = None


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
        self._data = data
        self._asked = device
        self._make = make
        self._only = only
        self._until_empty = until_empty
        self._share = share
        self._command = command
        self._clock = clock
        settings = LiveSettings(home)
        self._may_train = may_train or Availability(settings)
        # Whether the hours are another's matter than the settings'.
        self._anyway = may_train is not None
        self._herald = Herald(home, settings)
        self._ended = ended or self._herald
        self._status = RunnerStatus(phase="loading", text="starting")
        self._loads_torch = self._has_trained = False
        self._at_work: str | None = None
        """The run that was trained when another store was found in the place of its own."""
        self._wishes = Wishes()
        self._lookout = Lookout(home, self._wishes)
        self._in_job = in_job
        self._jobs = Jobs(home, data, command, self._wishes.tell)
        self._answers = Answers(self._wishes.tell_of_answer)
        self._worker = threading.Thread(target=self._work, name="lazytrain-worker")

    # ── for clients in this process ────────────────────────────────────────────────────────────────────────

    @property
    def status(self) -> RunnerStatus:
        """What it does now; swapped whole, so any thread can read it."""
        return self._status

    @property
    def must_finish(self) -> bool:
        """Whether it is at what shouldn't be cut off: a run that is to be saved, or notices that aren't out yet."""
        return self._status.phase == "training" or self._herald.busy

    @property
    def loads_torch(self) -> bool:
        """Whether it does nothing but import torch, which can't be hurried: it holds nothing that could be lost."""
        return self._loads_torch

    @property
    def has_trained(self) -> bool:
        """Whether it has taken up a run."""
        return self._has_trained

    @property
    def pids(self) -> dict[str, int]:
        """Run id → the process of its own that trains it."""
        return self._jobs.pids

    @property
    def at_work(self) -> str | None:
        """The id of the run that it trains now, itself or in a process of its own."""
        return self._wishes.run_id or next(iter(self._jobs), None)

    @property
    def screenless(self) -> bool:
        """Whether no screen here shows what it trains: with none elsewhere a paused run is let go after a while."""
        return self._wishes.screenless

    @screenless.setter
    def screenless(self, screenless: bool) -> None:
        self._wishes.screenless = screenless

    @property
    def holds_device(self) -> bool:
        """Whether what is queued would be trained here, not by another process."""
        return self._lookout.device_lock is not None

    def leave_screen(self) -> None:
        """No screen shows this runner any more: it ends when the queue is empty. Returns at once."""
        self._wishes.screenless = self._until_empty = True
        self._wishes.tell()

    def halt(self, seconds: float) -> bool:
        """Hold the worker between two steps, where it keeps nobody from the store, until `go_on`.

        For a process that is to be frozen. False if the worker didn't get there in `seconds`.
        """
        self._jobs.halt()
        return self._wishes.halt(seconds)

    def go_on(self) -> None:
        """Let a halted worker go on."""
        self._jobs.go_on()
        self._wishes.go_on()

    def start(self) -> None:
        """Start the worker and the control thread."""
        self._worker.start()
        self._lookout.start()

    def nudge(self) -> None:
        """The caller wrote a wish into the store: look now, not at the next poll."""
        self._wishes.nudge()
        self._lookout.nudge()

    def stop(self) -> None:
        """Stop and keep: the run at work is saved and marked stopped, then the worker ends. Returns at once."""
        self._wishes.leaving = True
        self._wishes.tell()

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
            self._answers.close()
            if self._herald.busy:
                # Locks and store are let go of: nobody but this process's end waits for them.
                told = f"notices are being sent, for at most {NOTICE_SECONDS:.0f} s"
                self._status = RunnerStatus(phase="notifying", text=error or told, error=error)
                self._herald.join()
            self._status = RunnerStatus(phase="ended", text=error or "ended", error=error)

    def _serve_once(self) -> None:
        """Open the store, rebuilt if need be, and serve. Raises StoreDamaged to be called again."""
        journal = self._open_store() if self._make else self._insist(self._open_store)
        if journal is None:
            return
        with journal:
            self._wishes.replaced = journal.replaced
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
            if self._at_work is not None:
                journal.adopt(self._at_work)
                self._at_work = None
        except BaseException:
            journal.close()
            raise
        return journal

    def _serve(self, journal: Journal) -> None:
        held = self._take_device(journal)
        if held is None:
            return
        lock, choice = held
        self._lookout.device_lock = lock
        try:
            touch(lock.path, time.time())
            Reserve(self._home).make()
            self._insist(lambda: journal.announce(self._record(lock, choice)), choice)
            self._insist(journal.complete_archives, choice)
            self._train_queue(journal, choice)
        except StoreDamaged:
            # The jobs meet it too, and each goes on in the store that is put in its place.
            raise
        except BaseException:
            self._jobs.stop(journal, choice.device)
            raise
        else:
            self._jobs.stop(journal, choice.device)
        finally:
            self._lookout.device_lock = None
            # A line that stays counts for nothing: its lock is free.
            with contextlib.suppress(StoreTrouble):
                journal.withdraw(lock.path.name)
            lock.release()

    def _insist(self, act: Callable[[], T], choice: DeviceChoice | None = None) -> T | None:
        """Do it, again and again while the disk is full or doesn't work; None if the runner is stopped meanwhile."""
        while not self._wishes.leaving:
            try:
                return act()
            except StoreDamaged:
                raise
            except (StoreTrouble, OSError) as error:
                if trouble_kind(error) is None:
                    raise
                self._show_trouble(reason(error), choice)
                self._wishes.wait(RETRY_SECONDS)
        return None

    def _show_trouble(self, text: str, choice: DeviceChoice | None) -> None:
        text = f"{text}; it is tried again every few seconds"
        device = choice.device if choice is not None else None
        self._status = RunnerStatus(phase=self._status.phase, text=text, device=device, error=text)

    def _take_device(self, journal: Journal) -> tuple[FileLock, DeviceChoice] | None:
        """Wait for the device and lock it; None if there is nothing more to wait for."""
        while not self._done(journal):
            holder = None if self._share else self._holder(journal)
            if holder is None:
                self._status = RunnerStatus(phase="loading", text="loading torch…")
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
            self._status = RunnerStatus(phase="waiting", text=f"waits for {what}: held by {by}", device=what)
            self._wishes.wait(LOOK_SECONDS)
        return None

    def _holder(self, journal: Journal) -> RunnerRecord | None:
        """The live runner on this host that holds the device asked for."""
        here = [runner for runner in journal.runners() if runner.host == platform.node()]
        fitting = (each for each in here if self._asked in ("auto", each.device, each.device.partition(":")[0]))
        return next(fitting, None)

    def _train_queue(self, journal: Journal, choice: DeviceChoice) -> None:
        looked = 0.0
        while not self._wishes.leaving:
            self._wishes.check_store()
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._insist(lambda: self._recover(journal), choice)
                looked = time.monotonic()
            if (closed := self._may_train()) is not None and self._insist(journal.queued, choice):
                if self._done(journal):
                    return
                self._status = RunnerStatus(phase="waiting", text=closed, device=choice.device)
                self._insist(lambda: self._answers.give(journal, choice.device), choice)
                self._wishes.wait(LOOK_SECONDS)
                continue
            if self._insist(lambda: self._train_next(journal, choice), choice) is not False:
                continue
            if self._until_empty or self._done(journal):
                return
            self._status = RunnerStatus(phase="idle", text="idle", device=choice.device)
            self._insist(lambda: self._answers.give(journal, choice.device), choice)
            self._wishes.wait(LOOK_SECONDS)

    def _recover(self, journal: Journal) -> None:
        """Take up runs whose trainer died; those that have failed by it have ended here."""
        for run in journal.recover(self._jobs.ends):
            if run.state.over:
                self._ended(run)
        self._jobs.ends.clear()

    def _train_next(self, journal: Journal, choice: DeviceChoice) -> bool:
        """Train the first queued run that nobody holds; False if there is none."""
        if self._jobs:
            # The store was in trouble, or put in another's place, while it was attended.
            self._attend(journal, choice)
            return True
        for run_id in journal.queued() if self._only is None else [self._only]:
            lock = FileLock(journal.run_folder(run_id) / "lock")
            if self._has_own_net(journal, run_id):
                if is_held(lock.path):
                    continue
                self._jobs.start(run_id, choice.device, "--silent", *(["--anyway"] if self._anyway else []))
                self._attend(journal, choice)
                return True
            make_folder(lock.path.parent, 2)
            try:
                lock.acquire()
            except LockHeld:
                continue
            try:
                self._lookout.run_lock = lock
                touch(lock.path, time.time())
                run = journal.claim(run_id, f"{self._command} (process {os.getpid()})")
                if run is None:
                    continue
                self._train(journal, run, choice)
                with contextlib.suppress(RunNotFound):
                    self._ended(journal.run(run_id))
                return True
            except StoreReplaced:
                self._at_work = run_id
                raise
            finally:
                self._lookout.run_lock = None
                self._wishes.end()
                lock.release()
                # A run that was discarded meanwhile leaves nothing behind, its lock included.
                _remove_if_gone(journal, run_id)
        return False

    def _has_own_net(self, journal: Journal, run_id: str) -> bool:
        """Whether the run's net is a user's own, and gets a process for it."""
        if self._in_job:
            return False
        try:
            return journal.configuration(run_id).architecture.module is not None
        except RunNotFound:
            return False  # discarded meanwhile

    def _attend(self, journal: Journal, choice: DeviceChoice) -> None:
        """Wait for the job that trains a run; it obeys what is wanted of the run by itself."""
        [run_id] = self._jobs
        self._has_trained = True
        with contextlib.suppress(RunNotFound):
            text = f"trains {journal.run(run_id).name}"
            self._status = RunnerStatus(phase="training", text=text, device=choice.device)
        while not self._jobs.reap(journal, choice.device):
            if self._wishes.leaving:
                self._jobs.stop(journal, choice.device)
                break
            self._wishes.check_store()
            self._wishes.wait(LOOK_SECONDS)
        died = any(run.id == run_id and run.state.active for run in journal.runs())
        self._recover(journal)
        if not died:
            with contextlib.suppress(RunNotFound):
                self._ended(journal.run(run_id))

    def _train(self, journal: Journal, run: Run, choice: DeviceChoice) -> None:
        self._has_trained = True
        status = RunnerStatus(phase="training", text=f"trains {run.name}", device=choice.device)

        def tell(trouble: str | None) -> None:
            self._status = status
            if trouble is not None:
                self._show_trouble(f"{run.name} is paused: {trouble}", choice)

        tell(None)
        self._wishes.begin(run.id)
        # A wish from between the claim and now, when the control thread did not look after this run.
        self._wishes.wanted = journal.wanted(run.id)
        answer = partial(self._answers.give, journal, choice.device)
        from lazytrain.engine.queue.trainer import Trainer  # imports torch, with the run taken up already

        Trainer(
            journal,
            run,
            choice,
            self._data,
            self._wishes,
            answer=answer,
            may_train=self._may_train,
            tell=tell,
            clock=self._clock,
        ).train()

    def _done(self, journal: Journal) -> bool:
        """Whether there is nothing left to wait for."""
        if self._wishes.leaving:
            return True
        if self._only is None:
            return False
        try:
            state = journal.run(self._only).state
        except RunNotFound:
            return True
        return state is not State.QUEUED and not state.active

    def _lock_name(self, device: str) -> str:
        return lock_name(device, os.getpid() if self._share else None)

    def _record(self, lock: FileLock, choice: DeviceChoice) -> RunnerRecord:
        import torch

        from lazytrain.engine.compute.device import describe_versions

        return RunnerRecord(
            lock=lock.path.name,
            host=platform.node(),
            pid=os.getpid(),
            command=self._command,
            device=choice.device,
            device_name=choice.name,
            reason=choice.reason,
            threads=torch.get_num_threads(),
            versions=describe_versions(),
            started=time.time(),
        )


def _remove_if_gone(store: Store, run_id: str) -> None:
    try:
        store.run(run_id)
    except RunNotFound:
        store.remove_folder(run_id)
    except StoreTrouble:
        return  # It can't be told now.


__all__ = ["Runner", "RunnerStatus"]
