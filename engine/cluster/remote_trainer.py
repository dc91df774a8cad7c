"""One run that a node trains: claimed, written down, saved and steered from here, as a run at home is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lazytrain.engine.analysis.identity import module_files
from lazytrain.engine.cluster.board import Mouth
from lazytrain.engine.cluster.messages import Arrived, Assignment, Fault, Prepared, Wish
from lazytrain.engine.cluster.node_data import facts_of, size_of
from lazytrain.engine.cluster.shared_data import SharedData
from lazytrain.engine.cluster.stream import LOOK_SECONDS, RemoteError, RemoteTraining, Stream, as_error
from lazytrain.engine.cluster.tasks import Tasks
from lazytrain.engine.cluster.worker import pack
from lazytrain.engine.compute.device import DeviceChoice
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.data.rules import Rules
from lazytrain.engine.events import Event, Noticed, Progress, RunDiverged, RunFinished, RunStarted
from lazytrain.engine.places import module_folder
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.run.launching import Trains
from lazytrain.engine.run.trainer import Trainer, WorkerLost
from lazytrain.engine.run.wishes import Left, Wishes
from lazytrain.engine.store.journal import Journal

STEP_SECONDS = 10.0
"""A worker that is to be left has so long for the step at work: then what it has done since its last checkpoint is
lost."""


class RemoteTrainer(Trainer):
    """As `Trainer`; the training itself is a task of the cluster.

    Args:
        shared: the images that were put into the cluster.
        tasks: what runs on nodes.
    """

    def __init__(
        self,
        journal: Journal,
        run: Run,
        choice: DeviceChoice,
        data: Path,
        wishes: Wishes,
        *,
        shared: SharedData,
        tasks: Tasks,
        may_train: Callable[[], str | None] = lambda: None,
        tell: Callable[[str | None], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            journal, run, choice, data, wishes, answer=lambda: None, may_train=may_train, tell=tell, clock=clock
        )
        self._shared, self._tasks = shared, tasks
        self._remote: RemoteTraining | None = None
        """The training, once it is there."""
        self._mouth: Mouth | None = None
        self._began_to_leave: float | None = None

    # ── before the first step ──────────────────────────────────────────────────────────────────────────────

    def _choose_device(self, configuration: RunConfiguration) -> None:
        """The worker chooses, among what its node has."""

    def _differences(self, snapshot: Mapping[str, Any]) -> list[str]:
        """The worker tells."""
        return []

    def _prepare(self, configuration: RunConfiguration, rules: Rules) -> Dataset:
        return self._shared.share(super()._prepare(configuration, rules))

    def _launch(self, configuration: RunConfiguration, dataset: Dataset, snapshot: Mapping[str, Any] | None) -> Trains:
        sent = self._shared.reference(dataset)
        module = configuration.architecture.module
        wish = Wish(hold=self._wishes.wanted is Wanted.PAUSE)
        assignment = Assignment(
            run_id=self._run.id,
            wish=wish,
            driver=self._shared.whereabouts,
            configuration=configuration.model_dump_json(),
            device=self._tasks.device_for(configuration.device),
            facts=facts_of(dataset),
            size=size_of(dataset),
            sources=module_files(module, module_folder(self._journal.home)) if module is not None else {},
            snapshot=pack(snapshot) if snapshot is not None else None,
            micro_batches=self._micro_batches,
            threads=self._threads,
        )
        stream = Stream(self._tasks.train(assignment, [] if sent is None else [sent]))
        self._mouth = mouth = self._tasks.mouth(self._run.id, wish)
        try:
            prepared = self._await(stream)
        except BaseException:
            mouth.close()
            stream.close()
            raise
        self._remote = RemoteTraining(stream, mouth, configuration, prepared, self._attend)
        return self._remote

    def _await(self, stream: Stream) -> Prepared:
        """Wait until the worker has built the net. Raises Left, WorkerLost, and what the run itself raised there."""
        arrived, began = False, self._clock()
        while True:
            match stream.next(LOOK_SECONDS):
                case None:
                    if not arrived:
                        waits = Progress(phase=self._tasks.waits_for, done=0, total=0, seconds=self._clock() - began)
                        self._hear(waits)
                case Arrived() as where:
                    arrived = True
                    self._arrive(where)
                case Progress() | Noticed() as said:
                    self._hear(said)
                case Prepared() as prepared:
                    return prepared
                case Fault() as fault:
                    raise as_error(fault)
                case other:
                    raise WorkerLost(f"its worker sent {type(other).__name__} before its training")
            self._obey()

    def _arrive(self, where: Arrived) -> None:
        node = self._tasks.name_of(where.node)
        device = f"{where.device}@{node}"
        self._choice = DeviceChoice(device=device, name=where.device_name, reason=where.reason)
        self._saver.place, self._versions = dict(where.place), where.versions
        text = f"trained on {node} ({where.device})"
        self._keep(partial(self._journal.confirm, self._run.id, State.STARTING, text, device=device))
        for difference in where.differences:
            self._say(difference)

    # ── while it trains ────────────────────────────────────────────────────────────────────────────────────

    def _write(self, training: Trains, event: Event) -> None:
        if isinstance(event, RunStarted):
            event = replace(event, device=self._choice.device)
        super()._write(training, event)
        if self._remote is not None and self._remote.unsaved:
            self._save()

    def _save(self, *, say: bool = False) -> None:
        if self._remote is None:
            return
        if self._remote.has_snapshot:
            super()._save(say=say)
        else:
            self._remote.ask_for_snapshot()

    def _look(self) -> None:
        try:
            super()._look()
        except Left as left:
            if left.state is not None and self._come_to_rest():
                return  # It ended before it could be left: that is what became of it.
            raise

    def _held(self) -> str | None:
        held = super()._held()
        if self._remote is None:
            if self._mouth is not None:
                # It is on its way to its first step, and waits before that.
                self._mouth.hold(held is not None)
            return held
        if held is None:
            self._remote.go_on()
            return None
        return None if self._come_to_rest() else held

    def _come_to_rest(self) -> bool:
        """Have the worker hold, and write what it did till then; whether it came to its end instead."""
        remote = self._remote
        if remote is None or remote.at_rest:
            return False
        if self._began_to_leave is not None:
            return False  # It doesn't answer.
        remote.hold()
        self._began_to_leave = self._clock()
        for event in remote:
            if isinstance(event, (RunFinished, RunDiverged)):
                remote.give_back(event)
                return True
            self._write(remote, event)
            if remote.at_rest:
                break
            self._attend()
        self._began_to_leave = None
        return False

    def _attend(self) -> None:
        """No event comes. Raises Left where that is no reason to keep the run any longer."""
        began = self._began_to_leave
        wishes = self._wishes
        if wishes.wanted is Wanted.DISCARD:
            wishes.check()
        elif wishes.leaving or wishes.wanted is Wanted.STOP:
            if began is None:
                self._began_to_leave = self._clock()
            elif self._clock() - began >= STEP_SECONDS:
                wishes.check()

    # ── after the last step ────────────────────────────────────────────────────────────────────────────────

    def _trace(self, error: BaseException) -> str:
        if isinstance(error, RemoteError) and error.trace:
            place = self._journal.run_folder(self._run.id) / "error.txt"
            try:
                place.write_text(error.trace, encoding="utf-8")
            except OSError:
                return ""
            return f" (all of it in {place})"
        return super()._trace(error)

    def _let_training_go(self) -> None:
        if self._remote is not None:
            self._remote.close()
        self._remote = self._mouth = None
        super()._let_training_go()
