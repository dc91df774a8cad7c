"""The queue, a run at a time: in this process; a user's own net, or a command, in a process for it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from lazytrain.engine.commands.readiness import Obstacle, find_obstacle
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.places import make_folder
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.duty import LOOK_SECONDS, Duty
from lazytrain.engine.queue.jobs import COMMAND, TRAINING
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld, is_held, touch
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.store.trouble import StoreReplaced, StoreTrouble

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice


class Turns:
    """What a runner does while it holds its device: train what is queued, one after the other."""

    def __init__(self, duty: Duty, journal: Journal, choice: DeviceChoice, lookout: Lookout, answers: Answers) -> None:
        self._duty, self._journal, self._choice = duty, journal, choice
        self._wishes, self._jobs = duty.wishes, duty.jobs
        self._lookout, self._answers = lookout, answers
        self._awaits = False
        """A queued command waits for a run that is being trained: its turn comes."""

    def take(self) -> None:
        """Train until the runner is stopped, or has nothing left to wait for."""
        looked = 0.0
        while not self._wishes.leaving:
            self._wishes.check_store()
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._duty.insist(self._recover, self._choice)
                looked = time.monotonic()
            if (closed := self._duty.may_train()) is not None and self._duty.insist(self._journal.queued, self._choice):
                if self._duty.is_done(self._journal):
                    return
                self._duty.show("waiting", closed, self._choice.device)
                self._duty.insist(self._answer, self._choice)
                self._wishes.wait(LOOK_SECONDS)
                continue
            if self._duty.insist(self._train_next, self._choice) is not False:
                continue
            if (self._duty.until_empty and not self._awaits) or self._duty.is_done(self._journal):
                return
            self._show_idle()
            self._duty.insist(self._answer, self._choice)
            self._wishes.wait(LOOK_SECONDS)

    def _show_idle(self) -> None:
        with contextlib.suppress(RunNotFound, StoreTrouble):
            if self._duty.only is not None and (reason := self._journal.run(self._duty.only).error):
                self._duty.show("waiting", reason, self._choice.device)
                return
        self._duty.show("idle", "idle", self._choice.device)

    def _answer(self) -> None:
        """Begin to find out what was asked meanwhile, and write down what was found."""
        self._answers.give(self._journal, self._choice.device)

    def _recover(self) -> None:
        """Take up runs whose trainer died; those that have failed by it have ended here."""
        if self._duty.in_job and self._duty.only is not None:
            return  # whoever started this process knows how the others ended, and tells it
        for run in self._journal.recover(self._jobs.ends, but=set(self._jobs)):
            if run.state.over:
                self._duty.ended(run)
        self._jobs.ends.clear()

    def _train_next(self) -> bool:
        """Train the first queued run that nobody holds; False if there is none."""
        if self._jobs:
            # The store was in trouble, or put in another's place, while it was attended.
            self._attend()
            return True
        self._awaits = False
        for run_id in self._journal.queued() if self._duty.only is None else [self._duty.only]:
            lock = FileLock(self._journal.run_folder(run_id) / "lock")
            if (is_command := self._is_command(run_id)) and not self._is_ready(run_id):
                continue
            if is_command or self._has_own_net(run_id):
                if is_held(lock.path):
                    continue
                options = ["--silent", *(["--anyway"] if self._duty.anyway else [])]
                module = COMMAND if is_command else TRAINING
                self._jobs.start(run_id, self._choice.device, *options, module=module)
                self._attend()
                return True
            make_folder(lock.path.parent, 2)
            try:
                lock.acquire()
            except LockHeld:
                continue
            try:
                self._lookout.run_lock = lock
                touch(lock.path, time.time())
                run = self._journal.claim(run_id, f"{self._duty.command} (process {os.getpid()})")
                if run is None:
                    continue
                self._train(run)
                with contextlib.suppress(RunNotFound):
                    self._duty.ended(self._journal.run(run_id))
                return True
            except StoreReplaced:
                self._duty.at_work = run_id, lock
                raise
            finally:
                self._lookout.run_lock = None
                self._wishes.end()
                if self._duty.at_work is None:
                    lock.release()
                # A run that was discarded meanwhile leaves nothing behind, its lock included.
                _remove_if_gone(self._journal, run_id)
        return False

    def _is_command(self, run_id: str) -> bool:
        try:
            run = self._journal.run(run_id)
        except RunNotFound:
            return False  # discarded meanwhile
        return run.kind is Kind.COMMAND and run.state is State.QUEUED

    @property
    def _for_commands(self) -> str:
        """The device that commands get."""
        return self._choice.device

    def _is_ready(self, run_id: str) -> bool:
        """Whether a queued command can be started here and now. What it waits for is said; what can't come, fails."""
        try:
            run = self._journal.run(run_id)
        except RunNotFound:
            return False  # discarded meanwhile
        try:
            obstacle = find_obstacle(self._journal, self._journal.command(run_id), self._for_commands)
        except RunNotFound:
            return False
        except RunUnreadable as error:
            obstacle = Obstacle(str(error), "never")
        if obstacle is None:
            return True
        if obstacle.how == "never":
            self._refuse(run_id, obstacle.reason)
            return False
        if obstacle.how == "elsewhere" and self._duty.only is not None:
            raise DeviceError(f"{run.shown_name}: {obstacle.reason}")
        self._awaits |= obstacle.how == "soon"
        if run.error != obstacle.reason:
            self._journal.wait_for(run_id, obstacle.reason)
        return False

    def _refuse(self, run_id: str, reason: str) -> None:
        """A queued run that can't be started has failed."""
        lock = FileLock(self._journal.run_folder(run_id) / "lock")
        make_folder(lock.path.parent, 2)
        with contextlib.suppress(LockHeld, RunNotFound), lock:
            if self._journal.claim(run_id) is not None:
                self._journal.end(run_id, State.FAILED, error=reason)
                self._duty.ended(self._journal.run(run_id))

    def _has_own_net(self, run_id: str) -> bool:
        """Whether the run's net is a user's own, and gets a process for it."""
        if self._duty.in_job:
            return False
        try:
            return self._journal.configuration(run_id).architecture.module is not None
        except RunNotFound:
            return False  # discarded meanwhile
        except RunUnreadable:
            return False  # its trainer says so, and the run has failed

    def _attend(self) -> None:
        """Wait for the job that trains a run; it obeys what is wanted of the run by itself."""
        [run_id] = self._jobs
        self._duty.has_trained = True
        with contextlib.suppress(RunNotFound):
            text = f"trains {self._journal.run(run_id).shown_name}"
            self._duty.show("training", text, self._choice.device)
        while not self._jobs.reap(self._journal, self._choice.device):
            if self._wishes.leaving:
                self._jobs.stop(self._journal, self._choice.device)
                break
            self._wishes.check_store()
            self._wishes.wait(LOOK_SECONDS)
        self._jobs.ended_commands.clear()
        died = any(run.id == run_id and run.state.active for run in self._journal.runs())
        self._recover()
        if not died:
            with contextlib.suppress(RunNotFound):
                self._duty.ended(self._journal.run(run_id))

    def _train(self, run: Run) -> None:
        self._duty.has_trained = True

        def tell(trouble: str | None) -> None:
            self._duty.show("training", f"trains {run.shown_name}", self._choice.device)
            if trouble is not None:
                self._duty.show_trouble(f"{run.shown_name} is paused: {trouble}", self._choice)

        tell(None)
        self._wishes.begin(run.id)
        # A wish from between the claim and now, when the control thread did not look after this run.
        self._wishes.wanted = self._journal.wanted(run.id)
        from lazytrain.engine.run.trainer import Trainer  # imports torch, with the run taken up already

        Trainer(
            self._journal,
            run,
            self._choice,
            self._duty.data,
            self._wishes,
            answer=self._answer,
            may_train=self._duty.may_train,
            tell=tell,
            clock=self._duty.clock,
        ).train()


def _remove_if_gone(store: Store, run_id: str) -> None:
    try:
        store.run(run_id)
    except RunNotFound:
        store.remove_folder(run_id)
    except StoreTrouble:
        return  # It can't be told now.
