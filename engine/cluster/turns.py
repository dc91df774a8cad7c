"""The queue on a cluster: as many runs at once as fit, each in a thread here and a task there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from lazytrain.engine.cluster.nodes import Cluster, Node, describe_nodes
from lazytrain.engine.cluster.remote_run import RemoteRun
from lazytrain.engine.cluster.shared_data import SharedData
from lazytrain.engine.cluster.tasks import Tasks
from lazytrain.engine.compute.device import DeviceChoice
from lazytrain.engine.queue.answers import Answers
from lazytrain.engine.queue.duty import LOOK_SECONDS, Duty
from lazytrain.engine.queue.lookout import Lookout
from lazytrain.engine.queue.turns import Turns
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, is_held
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.store.trouble import StoreTrouble

PATIENCE_SECONDS = 60.0
"""Runs that were told to stop have so long to save."""


class ClusterTurns(Turns):
    """Train what is queued, on all nodes.

    Args:
        num_jobs: so many runs at once at most; None: as many as fit.
        announce: writes down what there is of the cluster now.
        answered_on: a device of this machine, which answers questions of clients.
        left_over: where runs are put that go on in another store, which stands in the place of this one.
    """

    def __init__(
        self,
        duty: Duty,
        journal: Journal,
        choice: DeviceChoice,
        lookout: Lookout,
        answers: Answers,
        *,
        cluster: Cluster,
        tasks: Tasks,
        shared: SharedData,
        home: Path,
        num_jobs: int | None,
        announce: Callable[[str], object],
        answered_on: str,
        left_over: list[tuple[str, FileLock]],
    ) -> None:
        super().__init__(duty, journal, choice, lookout, answers)
        self._cluster, self._tasks, self._shared, self._home = cluster, tasks, shared, home
        self._num_jobs, self._announce, self._answered_on = num_jobs, announce, answered_on
        self._left_over = left_over
        self.at_work: dict[str, RemoteRun] = {}
        self._nodes: list[Node] = []
        self._described = ""
        self._losses: dict[str, str] = {}
        """Run id → how its worker was lost."""

    def take(self) -> None:
        """Train until the runner is stopped, or has nothing left to wait for."""
        try:
            self._take()
        finally:
            self._stop()

    def _take(self) -> None:
        looked = float("-inf")
        while not self._wishes.leaving:
            self._wishes.check_store()
            if self._reap() or time.monotonic() - looked >= LOOK_SECONDS:
                self._duty.insist(self._recover, self._choice)
                self._look_at_cluster()
                looked = time.monotonic()
            self._awaits = False
            waiting: dict[str, bool] = {}
            if (room := self._most - len(self.at_work)) > 0 or not self.at_work:
                # Thousands may be queued, and this comes with every change of the store.
                queued = self._duty.insist(self._journal.queued, self._choice) or ()
                waiting = self._duty.insist(partial(self._find_waiting, queued, max(1, room)), self._choice) or {}
            closed = self._duty.may_train()
            if closed is None:
                for run_id in list(waiting)[: max(0, room)]:
                    self._start(run_id, is_command=waiting[run_id])
            if not self.at_work and not waiting and not self._awaits and self._duty.until_empty:
                return
            self._describe(closed if waiting else None)
            self._duty.insist(self._answer, self._choice)
            self._wishes.wait(LOOK_SECONDS)

    def _stop(self) -> None:
        """Have all runs save and end, and wait for that."""
        for run in self.at_work.values():
            run.stop()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for run in self.at_work.values():
            run.join(max(0.0, deadline - time.monotonic()))
        self._left_over += [(run.run_id, run.lock) for run in self.at_work.values() if run.replaced]
        self._lookout.several = {}
        with contextlib.suppress(StoreTrouble, OSError):
            self._reap()
            self._recover()

    # ── runs ───────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, run_id: str, *, is_command: bool) -> None:
        def tell(trouble: str | None) -> None:
            if trouble is not None:
                self._duty.show_trouble(f"run {run_id} is paused: {trouble}", self._choice)

        run = RemoteRun(
            *(run_id, self._home, self._duty.data),
            is_command=is_command,
            choice=self._choice,
            tasks=self._tasks,
            shared=self._shared,
            command=self._duty.command,
            may_train=self._duty.may_train,
            tell=tell,
            # Known before its lock is free, and so before it is taken up again.
            lost=self._losses.__setitem__,
            ended=self._wishes.tell,
        )
        self.at_work[run_id] = run
        self._tell_lookout()
        self._duty.has_trained = True
        run.start()

    def _recover(self) -> None:
        """Take up runs whose worker, or whose driver, died."""
        for run in self._journal.recover(self._losses):
            self._losses.pop(run.id, None)
            if run.state.over:
                self._duty.ended(run)

    def _tell_lookout(self) -> None:
        self._lookout.several = {run.wishes: run.lock for run in self.at_work.values()}

    def _reap(self) -> bool:
        """Let go of runs that have ended; whether there were any."""
        over = [run for run in self.at_work.values() if not run.is_alive and not run.replaced]
        for run in over:
            del self.at_work[run.run_id]
        if over:
            self._tell_lookout()
        for run in over:
            try:
                found = self._journal.run(run.run_id)
            except RunNotFound:
                # Discarded meanwhile, it leaves nothing behind, its lock included.
                self._journal.remove_folder(run.run_id)
            except StoreTrouble:
                continue  # It can't be told now.
            else:
                if run.trained and found.state.over:
                    self._duty.ended(found)
        return bool(over)

    def _find_waiting(self, queued: Iterable[str], most: int) -> dict[str, bool]:
        """Of the queued runs the first whose turn may come now, at most so many → whether it is a command."""
        waiting: dict[str, bool] = {}
        for run_id in queued:
            if run_id in self.at_work or is_held(self._home / "runs" / run_id / "lock"):
                continue
            is_command = self._is_command(run_id)
            if self._is_ready(run_id) if is_command else self._has_room(run_id):
                waiting[run_id] = is_command
            if len(waiting) == most:
                break
        return waiting

    def _has_room(self, run_id: str) -> bool:
        """Whether the cluster has such a device as the run was queued for; else it waits, and says for what."""
        try:
            wanted = self._journal.configuration(run_id).device
            error = self._journal.run(run_id).error
        except (RunNotFound, RunUnreadable):
            return True  # gone meanwhile, or its trainer says so
        lacks = wanted.startswith("cuda") and not self._tasks.has_gpus
        reason = f"waits for a node with a GPU: it was queued for {wanted}, and the cluster has none" if lacks else None
        if reason != error:
            self._journal.wait_for(run_id, reason)
        return not lacks

    @property
    def _for_commands(self) -> str:
        return self._choice.device if self._tasks.has_gpus else "cpu"

    # ── the cluster ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _most(self) -> int:
        """Runs at once."""
        room = sum(self._cluster.share.fits(node) for node in self._nodes)
        return room if self._num_jobs is None else min(room, self._num_jobs)

    def _look_at_cluster(self) -> None:
        self._nodes = self._cluster.nodes()
        self._tasks.learn(self._nodes)
        free = self._cluster.free()
        cpus = sum(node.cpus for node in self._nodes)
        self._tasks.waits_for = (
            f"waiting for {self._cluster.share} of the cluster: {free[0]:g} of {cpus:g} CPUs are free"
        )
        described = describe_nodes(self._nodes, free)
        if described != self._described and self._duty.insist(partial(self._announce, described), self._choice) is None:
            self._described = described

    def _answer(self) -> None:
        self._answers.give(self._journal, self._answered_on)

    def _describe(self, closed: str | None) -> None:
        device = self._choice.device
        if self.at_work:
            count = len(self.at_work)
            self._duty.show("training", f"trains {count} run{'s' * (count > 1)} on {self._described}", device)
        elif closed is not None:
            self._duty.show("waiting", closed, device)
        elif not self._most:
            self._duty.show("waiting", f"the cluster has no node that holds {self._cluster.share}", device)
        else:
            self._duty.show("idle", "idle", device)
