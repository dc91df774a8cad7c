"""Claims queued runs and trains them in a worker thread; obeys what clients want.

Importing this does not import torch: the worker thread does, so that a screen is there first. A second, small control
thread watches the store, never the steps, and wakes the worker when a wish changes.
"""

from __future__ import annotations

import os
import platform
import threading
import time
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.configuration import RunConfiguration
from engine.database import StoreError
from engine.errors import DeviceError
from engine.journal import Journal
from engine.locks import FileLock, LockHeld
from engine.places import module_folder
from engine.records import RunnerRecord, State
from engine.store import RunNotFound, Store
from engine.wishes import Wishes
from presets.schema import Architecture

if TYPE_CHECKING:
    from engine.device import DeviceChoice

POLL_SECONDS = 0.05
"""How often the control thread asks whether the store changed: it costs microseconds."""
LOOK_SECONDS = 1.0
"""How often an idle worker looks for runs whose trainer died, and a waiting one for the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStatus:
    """What the runner does, for a person."""

    phase: Literal["loading", "waiting", "idle", "training", "ended"]
    text: str
    device: str | None = None
    error: str | None = None


class Runner:
    """One runner works a device at a time; on a second start it waits, as a pure client, until the device is free.

    Args:
        home: the folder of the store.
        data: the folder of the datasets.
        device: `auto`, or a torch device's name.
        only: train just this run, if it is still queued when the device is free, and end.
        until_empty: end when the queue is empty.
        share: don't wait for the device: train beside whoever holds it.
        command: what a person started, shown to others that wait for the device.
    """

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        device: str = "auto",
        only: str | None = None,
        until_empty: bool = False,
        share: bool = False,
        command: str = "lazytrain",
    ) -> None:
        self._home = home
        self._data = data
        self._asked = device
        self._only = only
        self._until_empty = until_empty
        self._share = share
        self._command = command
        self._status = RunnerStatus(phase="loading", text="starting")
        self._wishes = Wishes()
        self._nudged = threading.Event()
        self._ended = threading.Event()
        self._worker = threading.Thread(target=self._work, name="lazytrain-worker")
        self._control = threading.Thread(target=self._watch, name="lazytrain-control", daemon=True)

    # ── for clients in this process ────────────────────────────────────────────────────────────────────────

    @property
    def status(self) -> RunnerStatus:
        """What it does now; swapped whole, so any thread can read it."""
        return self._status

    def start(self) -> None:
        """Start the worker and the control thread."""
        self._worker.start()
        self._control.start()

    def nudge(self) -> None:
        """The caller wrote a wish into the store: look now, not at the next poll."""
        self._nudged.set()

    def stop(self) -> None:
        """Stop and keep: the run at work is saved and marked stopped, then the worker ends. Returns at once."""
        self._wishes.leaving = True
        self._wishes.tell()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the worker's end, at most `timeout` seconds; True if it has ended."""
        if self._worker.ident is not None:
            self._worker.join(timeout)
        return not self._worker.is_alive()

    # ── the control thread ─────────────────────────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        with Journal(self._home) as journal:
            while not self._ended.is_set():
                if self._nudged.wait(POLL_SECONDS):
                    self._nudged.clear()
                if not journal.changed():
                    continue
                wishes, run_id = self._wishes, self._wishes.run_id
                if run_id is None:
                    wishes.tell()
                    continue
                wanted = journal.wanted(run_id)
                if wanted is not wishes.wanted and run_id == wishes.run_id:
                    wishes.wanted = wanted
                    wishes.tell()
                if journal.next_question() is not None:
                    wishes.asked = True

    # ── the worker thread ──────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        error = None
        try:
            with Journal(self._home) as journal:
                self._serve(journal)
        except (StoreError, DeviceError) as problem:
            error = str(problem)
        except Exception as problem:  # noqa: BLE001  the end of a thread: whoever looks at the status must see why
            error = f"{type(problem).__name__}: {problem}"
            (self._home / "runner-error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            self._status = RunnerStatus(phase="ended", text=error or "ended", error=error)
            self._ended.set()

    def _serve(self, journal: Journal) -> None:
        held = self._take_device(journal)
        if held is None:
            return
        lock, choice = held
        try:
            journal.announce(self._record(lock, choice))
            self._train_queue(journal, choice)
        finally:
            journal.withdraw(lock.path.name)
            lock.release()

    def _take_device(self, journal: Journal) -> tuple[FileLock, DeviceChoice] | None:
        """Wait for the device and lock it; None if there is nothing more to wait for."""
        while not self._done(journal):
            holder = None if self._share else self._holder(journal)
            if holder is None:
                self._status = RunnerStatus(phase="loading", text="loading torch…")
                from engine.device import choose_device  # imports torch

                choice = choose_device(self._asked)
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
            if time.monotonic() - looked >= LOOK_SECONDS:
                journal.recover()
                looked = time.monotonic()
            if self._train_next(journal, choice):
                continue
            if self._until_empty or self._done(journal):
                return
            self._status = RunnerStatus(phase="idle", text="idle", device=choice.device)
            self._answer(journal, choice)
            self._wishes.wait(LOOK_SECONDS)

    def _train_next(self, journal: Journal, choice: DeviceChoice) -> bool:
        """Train the first queued run that nobody holds; False if there is none."""
        from engine.trainer import Trainer  # imports torch

        for run_id in journal.queued() if self._only is None else [self._only]:
            lock = FileLock(journal.run_folder(run_id) / "lock")
            try:
                lock.acquire()
            except LockHeld:
                continue
            try:
                run = journal.claim(run_id)
                if run is None:
                    continue
                self._status = RunnerStatus(phase="training", text=f"trains {run.name}", device=choice.device)
                self._wishes.begin(run_id)
                # A wish from between the claim and now, when the control thread did not look after this run.
                self._wishes.wanted = journal.wanted(run_id)
                answer = partial(self._answer, journal, choice)
                Trainer(journal, run, choice, self._data, self._wishes, answer=answer).train()
                return True
            finally:
                self._wishes.end()
                lock.release()
                # A run that was discarded meanwhile leaves nothing behind, its lock included.
                _remove_if_gone(journal, run_id)
        return False

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

    def _answer(self, journal: Journal, choice: DeviceChoice) -> None:
        """Answer the newest question that waits in the store."""
        waiting = journal.next_question()
        if waiting is None:
            return
        key, question = waiting
        try:
            result = self._find_out(question, choice)
        except Exception as error:  # noqa: BLE001  a user's net may raise anything; the asker is told
            journal.answer(key, error=str(error).strip().splitlines()[0] if str(error).strip() else repr(error))
        else:
            journal.answer(key, result)

    def _find_out(self, question: dict[str, Any], choice: DeviceChoice) -> dict[str, Any]:
        shape, classes = tuple(question["input_shape"]), question["num_classes"]
        folder = module_folder(self._home)
        match question["kind"]:
            case "measure":
                from engine.measure import measure

                configuration = RunConfiguration.model_validate(question["configuration"])
                return measure(configuration, shape, classes, choice.device, module_folder=folder)
            case "check":
                from engine.architecture import check_net

                architecture = Architecture.model_validate(question["architecture"])
                return {"rows": check_net(architecture, shape, classes, folder)}
            case kind:
                raise ValueError(f"unknown question {kind!r}")

    def _lock_name(self, device: str) -> str:
        suffix = f"-shared-{os.getpid()}" if self._share else ""
        return f"{platform.node()}-{device.replace(':', '-')}{suffix}.lock"

    def _record(self, lock: FileLock, choice: DeviceChoice) -> RunnerRecord:
        import torch

        return RunnerRecord(
            lock=lock.path.name,
            host=platform.node(),
            pid=os.getpid(),
            command=self._command,
            device=choice.device,
            device_name=choice.name,
            reason=choice.reason,
            threads=torch.get_num_threads(),
            versions=f"torch {torch.__version__}, Python {platform.python_version()}",
            started=time.time(),
        )


def _remove_if_gone(store: Store, run_id: str) -> None:
    try:
        store.run(run_id)
    except RunNotFound:
        store.remove_folder(run_id)


__all__ = ["Runner", "RunnerStatus"]
