"""`lazytrain work --ray`: a runner whose runs are trained on the nodes of a Ray cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.cluster.nodes import Cluster, Share, describe_nodes
from lazytrain.engine.compute.preload import load_torch
from lazytrain.engine.queue.duty import LOOK_SECONDS
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.queue.turns import Turns
from lazytrain.engine.records import RAY
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock, LockHeld

if TYPE_CHECKING:
    from lazytrain.engine.cluster.shared_data import SharedData
    from lazytrain.engine.cluster.tasks import Tasks
    from lazytrain.engine.cluster.turns import ClusterTurns
    from lazytrain.engine.compute.device import DeviceChoice


class ClusterRunner(Runner):
    """As `Runner`; it holds the cluster in place of a device, and is the one writer of the store.

    Args:
        address: as `Cluster`'s.
        share: what each run gets.
        num_jobs: so many runs at once at most; None: as many as fit.
        tasks: other generators than the usual ones, for `Tasks`.
    """

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        address: str,
        share: Share,
        num_jobs: int | None = None,
        tasks: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(home, data, device=RAY, **options)
        self._cluster = Cluster(address, share)
        self._num_jobs, self._other_tasks = num_jobs, tasks or {}
        self._joined = False
        self._tasks: Tasks | None = None
        self._shared: SharedData | None = None
        self._cluster_turns: ClusterTurns | None = None
        self._left_over: list[tuple[str, FileLock]] = []
        """Runs that were trained when another store was found in the place of their own, and the locks on them."""

    @property
    def at_work(self) -> str | None:
        """The id of a run that it trains now."""
        turns = self._cluster_turns
        return next(iter(dict(turns.at_work)), None) if turns is not None else None

    def halt(self, seconds: float) -> bool:
        """Hold the workers, and every thread here between two writes."""
        if self._tasks is not None:
            self._tasks.suspend()
        for run in list(self._cluster_turns.at_work.values()) if self._cluster_turns is not None else ():
            run.wishes.halt(seconds / 10)
        return super().halt(seconds)

    def go_on(self) -> None:
        """Let them go on."""
        for run in list(self._cluster_turns.at_work.values()) if self._cluster_turns is not None else ():
            run.wishes.go_on()
        super().go_on()
        if self._tasks is not None:
            self._tasks.go_on()

    # ── the worker thread ──────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        try:
            super()._work()
        finally:
            for _, lock in self._left_over:
                lock.release()

    def _serve_once(self) -> None:
        try:
            super()._serve_once()
        finally:
            self._leave_cluster()

    def _open_store(self) -> Journal:
        journal = super()._open_store()
        try:
            for run_id, _ in self._left_over:
                journal.adopt(run_id)
        except BaseException:
            journal.close()
            raise
        while self._left_over:
            self._left_over.pop()[1].release()
        return journal

    def _take_device(self, journal: Journal) -> tuple[FileLock, DeviceChoice] | None:
        """Join the cluster, once no other driver of this store here has it. Raises ClusterError."""
        while not self._duty.is_done(journal):
            lock = FileLock(journal.lock_path(self._lock_name(RAY)))
            try:
                lock.acquire()
            except LockHeld:
                holder = self._holder(journal)
                by = f"{holder.command} (process {holder.pid})" if holder else "another process"
                self._duty.show("waiting", f"waits: {by} trains the queue on a cluster already", RAY)
                self._duty.wishes.wait(LOOK_SECONDS)
                continue
            try:
                return lock, self._join_cluster()
            except BaseException:
                lock.release()
                raise
        return None

    def _join_cluster(self) -> DeviceChoice:
        self._duty.show("loading", "loading torch…")
        load_torch()
        from lazytrain.engine.cluster.shared_data import SharedData
        from lazytrain.engine.cluster.tasks import Tasks
        from lazytrain.engine.compute.device import DeviceChoice

        self._duty.show("loading", "joining the Ray cluster…" if self._cluster.address != "local" else "starting Ray…")
        self._cluster.join()
        self._joined = True
        nodes = self._cluster.nodes()
        self._cluster.check_room(nodes)
        self._cluster.check_versions(nodes)
        self._tasks = Tasks(self._cluster.share, **self._other_tasks)
        self._tasks.learn(nodes)
        self._shared = SharedData(self._home, self._duty.data)
        name = describe_nodes(nodes, self._cluster.free())
        return DeviceChoice(device=RAY, name=name, reason=f"--ray {self._cluster.address}")

    def _leave_cluster(self) -> None:
        self._cluster_turns = None
        if self._tasks is not None:
            self._tasks.close()
            self._tasks = None
        self._shared = None
        if self._joined:
            self._joined = False
            self._cluster.leave()

    def _turns(self, journal: Journal, choice: DeviceChoice) -> Turns:
        from lazytrain.engine.cluster.turns import ClusterTurns
        from lazytrain.engine.compute.device import choose_device

        assert self._tasks is not None
        assert self._shared is not None
        lock = FileLock(journal.lock_path(self._lock_name(RAY)))
        record = self._record(lock, choice)
        self._cluster_turns = ClusterTurns(
            *(self._duty, journal, choice, self._lookout, self._answers),
            cluster=self._cluster,
            tasks=self._tasks,
            shared=self._shared,
            home=self._home,
            num_jobs=self._num_jobs,
            announce=lambda described: journal.announce(replace(record, device_name=described)),
            answered_on=choose_device("auto").device,
            left_over=self._left_over,
        )
        return self._cluster_turns
