"""One run, from its data to its end: pulls the training's events, writes them down, saves, and obeys.

The only place where a training, the store and the disk meet. Runs in the runner's worker thread.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lazytrain.engine.compute.device import (
    DeviceChoice,
    choose_device,
    describe_versions,
    free_cached_memory,
    is_out_of_memory,
)
from lazytrain.engine.compute.paths import DIVIDING
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.data.rules import Rules
from lazytrain.engine.errors import DeviceError, describe, first_line, text_of, traceback_of
from lazytrain.engine.events import (
    EpochEnded,
    Event,
    Noticed,
    Progress,
    RunDiverged,
    RunFinished,
    RunStarted,
    StepsDone,
)
from lazytrain.engine.places import module_folder, screens_lock
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.run.beginning import Beginning, Changed
from lazytrain.engine.run.diary import describe_data, describe_epoch, describe_start
from lazytrain.engine.run.launching import Trains, launch
from lazytrain.engine.run.own_series import class_series, norm_series
from lazytrain.engine.run.patience import Patience
from lazytrain.engine.run.preparing import prepare_in_turn
from lazytrain.engine.run.saving import Saver, differences
from lazytrain.engine.run.wishes import Left, Wishes
from lazytrain.engine.store.checkpoint import load_newest
from lazytrain.engine.store.database import damage
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import is_held
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.store.trouble import StoreDamaged, StoreReplaced, StoreTrouble, reason, trouble_kind
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import LayerError

WAIT_SECONDS = 0.5
LET_GO_SECONDS = 600.0
"""A paused run that no screen shows holds its device so long, and is stopped and kept then."""


class WorkerLost(Exception):
    """The run was trained by another process, or on another machine, and that is gone; the message says how."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a run ended by itself."""

    state: State
    columns: dict[str, Any]
    """`outcome` or `error`, and what else is known now."""


class Trainer:
    """Trains one claimed run.

    Args:
        answer: answers a waiting question, called between two events.
        may_train: why nothing may be trained now (the hour, the battery), called between two events; None if it may.
        tell: shows why the run waits for its disk, where the store can't; None when it goes on.
        clock: seconds, for when to save and when to let go.
    """

    def __init__(
        self,
        journal: Journal,
        run: Run,
        choice: DeviceChoice,
        data: Path,
        wishes: Wishes,
        *,
        answer: Callable[[], None],
        may_train: Callable[[], str | None] = lambda: None,
        tell: Callable[[str | None], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._run = run
        self._choice = choice
        self._data = data
        self._wishes = wishes
        self._answer = answer
        self._may_train = may_train
        self._clock = clock
        self._saver = Saver(journal, run.id, choice, clock)
        self._patience = Patience(journal, run.id, wishes, tell)
        self._keep = self._patience.keep
        self._training: Trains | None = None
        self._micro_batches = run.micro_batches
        self._versions = describe_versions()
        self._threads = run.threads
        """What was measured for it: killed before its first checkpoint, it goes by that again."""

    def train(self) -> None:
        """Train the run to its end, or until a client wants it otherwise; every end is written down.

        Raises nothing of the run's own: a bad net must never take the queue with it.

        Raises:
            StoreDamaged: the store must be opened anew; the run goes on from its last checkpoint then.
            WorkerLost: likewise, by whoever takes it up next.
        """
        try:
            ending = self._end()
            self._keep(lambda: self._journal.end(self._run.id, ending.state, **ending.columns))
        except Left as left:
            self._leave(left)
        except StoreReplaced:
            self._save_for_another_store()
            raise
        finally:
            self._let_training_go()

    def _end(self) -> _Ending:
        """Train to the end. Raises Left, StoreDamaged."""
        try:
            event = self._train()
            if isinstance(event, RunFinished):
                # A net has its word in this: `get_extra_state`.
                self._save(say=True)
        except (Left, StoreDamaged, WorkerLost):
            raise
        except (DatasetError, DeviceError, PresetError, LayerError, RunUnreadable, Changed) as error:
            return _failed(text_of(error))
        except BaseException as error:  # noqa: BLE001  a net may raise anything, SystemExit too, and the queue goes on
            if is_out_of_memory(error):
                return _failed(f"out of memory on {self._choice.device}: {first_line(error)}")
            return _failed(f"{describe(error)}{self._trace(error)}")
        if isinstance(event, RunDiverged):
            series = norm_series(event.norms)
            write = partial(self._journal.write, self._run.id, points=event.points, series=series)
            self._keep(write)
            return _failed(event.reason, step=event.step)
        return _Ending(State.FINISHED, {"outcome": event.reason})

    def _train(self) -> RunFinished | RunDiverged:
        configuration = self._keep(lambda: self._journal.configuration(self._run.id))
        self._choose_device(configuration)
        beginning = Beginning(self._journal, self._run.id, configuration, self._keep, self._say)
        dataset = self._prepare(configuration, beginning.rules)
        beginning.check(dataset)
        snapshot = self._resume()
        while True:
            try:
                return self._train_from(configuration, dataset, snapshot)
            except Exception as error:
                if not is_out_of_memory(error) or not self._divide(configuration):
                    raise
            self._let_training_go()
            snapshot = self._resume()

    def _choose_device(self, configuration: RunConfiguration) -> None:
        if configuration.device not in ("auto", self._choice.device):
            # The run was queued for another device than the one this runner holds.
            self._choice = choose_device(configuration.device)

    def _train_from(
        self, configuration: RunConfiguration, dataset: Dataset, snapshot: Mapping[str, Any] | None
    ) -> RunFinished | RunDiverged:
        training = self._launch(configuration, dataset, snapshot)
        self._training = self._wishes.training = training
        self._obey()
        for event in training:
            match event:
                case RunFinished() | RunDiverged():
                    return event
                case _:
                    self._write(training, event)
            self._obey()
        raise RuntimeError("the training ended without an outcome")

    # ── before the first step ──────────────────────────────────────────────────────────────────────────────

    def _prepare(self, configuration: RunConfiguration, rules: Rules) -> Dataset:
        """Load or decode the data; can be paused and stopped meanwhile."""
        values = configuration.hyperparameters
        steps = prepare_in_turn(values, self._data, self._journal.home, rules)
        try:
            while True:
                self._hear(next(steps))
                self._obey()
        except StopIteration as end:
            dataset: Dataset = end.value
        finally:
            steps.close()
        for note in dataset.notes:
            self._say(note)
        self._say(describe_data(dataset, values), "info")
        return dataset

    def _launch(self, configuration: RunConfiguration, dataset: Dataset, snapshot: Mapping[str, Any] | None) -> Trains:
        """The training, ready to begin; can be paused and stopped meanwhile."""
        steps = launch(
            configuration,
            dataset,
            self._choice.device,
            module_folder=module_folder(self._journal.home),
            snapshot=snapshot,
            micro_batches=self._micro_batches,
            threads=self._threads,
        )
        with contextlib.closing(steps):
            try:
                while True:
                    self._hear(next(steps))
                    self._obey()
            except StopIteration as end:
                return end.value

    def _hear(self, said: Progress | Noticed) -> None:
        """Write down what is said before there are events."""
        match said:
            case Progress():
                self._keep(partial(self._journal.write, self._run.id, progress=said))
            case Noticed(text=text, level=level):
                self._say(text, level)

    def _resume(self) -> Mapping[str, Any] | None:
        """The newest checkpoint that verifies; what was written after it is taken back."""
        journal, run = self._journal, self._run
        snapshot, problems = self._keep(self._load_newest)
        for problem in problems:
            self._say(f"checkpoint skipped: {problem}")
        if snapshot is not None and self._micro_batches > 1 and snapshot["path"] not in DIVIDING:
            self._say(f"its checkpoint was made by {snapshot['path']}, which can't compute a batch in parts")
            snapshot = None
        position = {"step": 0, "epoch": 0, "best_epoch": 0} if snapshot is None else snapshot["position"]
        if snapshot is None and (problems or run.step or run.num_points):
            self._say("starts anew: there is no checkpoint to go on from")
        if snapshot is not None:
            self._keep(lambda: journal.refill(run.id, position["step"], position["epoch"]))
        if snapshot is not None or run.step or run.num_points:
            self._keep(lambda: journal.rewind(run.id, position["step"], position["epoch"]))
        lost = self._saver.start(position["best_epoch"])
        if snapshot is None:
            return None
        if lost:
            self._say(lost)
        for difference in self._differences(snapshot):
            self._say(difference)
        return snapshot

    def _differences(self, snapshot: Mapping[str, Any]) -> list[str]:
        """What isn't here as the checkpoint was made, and may change the last bits."""
        return differences(snapshot, self._choice)

    def _load_newest(self) -> tuple[Mapping[str, Any] | None, list[str]]:
        """As `load_newest`. Raises FileNotFoundError where that found little since the whole home is gone."""
        found = load_newest(self._saver.folder)
        self._journal.path.stat()
        return found

    def _divide(self, configuration: RunConfiguration) -> bool:
        """The batch didn't fit into memory: try it in twice as many parts; False if they can't get smaller."""
        parts = min(2 * self._micro_batches, configuration.hyperparameters.batch_size)
        if self._training is None or parts == self._micro_batches:
            return False
        text = f"out of memory on {self._choice.device}: each batch is computed in {parts} parts from here on"
        self._keep(lambda: self._journal.divide(self._run.id, parts, text))
        self._micro_batches = parts
        return True

    # ── while it trains ────────────────────────────────────────────────────────────────────────────────────

    def _write(self, training: Trains, event: Event) -> None:
        journal, run_id = self._journal, self._run.id
        match event:
            case RunStarted():
                reason = f"{self._choice.name}, {self._choice.reason}"
                said = describe_start(event, self._choice, training.configuration, training.num_parameters)
                # On the disk before the first step that goes by it.
                self._keep(partial(journal.begin, run_id, event, reason, self._versions, said))
                self._threads = event.threads
                self._patience.state = State.RUNNING
            case StepsDone(points=points, progress=progress, norms=norms):
                self._keep(partial(journal.write, run_id, points=points, progress=progress, series=norm_series(norms)))
                if self._saver.due():
                    self._save()
            case EpochEnded(record=record, best=best, points=points, confusion=confusion):
                detail = describe_epoch(record, training.configuration.hyperparameters.epochs, best=best)
                written = {"points": points, "record": record, "best": best, "confusion": confusion, "detail": detail}
                written["series"] = class_series(confusion, record.step, training.seconds)
                self._keep(partial(journal.write, run_id, **written))
                if self._saver.due() or self._saver.affordable(training.seconds):
                    self._save()
            case Noticed(text=text, level=level):
                self._say(text, level)
            case RunFinished() | RunDiverged():
                raise AssertionError("the end is not written here")

    def _save(self, *, say: bool = False) -> None:
        """Save a checkpoint, when there is room for it; the log tells it for certain if `say`."""
        if self._training is not None:
            self._keep(partial(self._saver.save, self._training, say=say))

    def _say(self, text: str, level: str = "warning") -> None:
        self._keep(partial(self._journal.say, self._run.id, text, level))

    # ── obeying ────────────────────────────────────────────────────────────────────────────────────────────

    def _obey(self) -> None:
        """Do what clients want. Raises Left when the run is to be left."""
        wishes = self._wishes
        self._look()
        held = self._held()
        if held is None:
            # After the wish: finding an answer out may take seconds.
            self._answer_if_asked()
            return
        journal, run_id, goes_on, said = self._journal, self._run.id, self._patience.state, None
        self._patience.state = State.PAUSED
        unseen_since = self._clock()
        while held is not None:
            if held != said:
                by_person = partial(journal.confirm, run_id, State.PAUSED, self._where("paused"), error=None)
                self._keep(partial(journal.hold, run_id, held) if held else by_person)
                if said is None:
                    self._save(say=True)
                said = held
            if held or not wishes.screenless or is_held(screens_lock(journal.home)):
                # What isn't a person's pause is no reason to let go: it goes on by itself.
                unseen_since = self._clock()
            elif self._clock() - unseen_since >= LET_GO_SECONDS:
                raise Left(State.STOPPED, f"let go after {LET_GO_SECONDS / 60:.0f} min paused without a screen")
            self._answer_if_asked()
            wishes.wait(WAIT_SECONDS)
            self._look()
            held = self._held()
        self._patience.state = goes_on
        if said:
            self._keep(partial(journal.go_on, run_id, goes_on, "goes on"))
        else:
            self._keep(partial(journal.confirm, run_id, goes_on, self._where("goes on")))

    def _where(self, what: str) -> str:
        """`paused at step 1,234`, as far as there are steps yet."""
        return f"{what} at step {self._training.step:,}" if self._training is not None else what

    def _look(self) -> None:
        """Learn what is wanted. Raises Left when the run is to be left."""
        wishes, run_id = self._wishes, self._run.id
        if wishes.nudged:
            wishes.nudged = False
            # Where the store can't be read now, the control thread tells it when it can be.
            with contextlib.suppress(StoreTrouble):
                wishes.learn(run_id, partial(self._journal.wanted, run_id))
        wishes.check()

    def _held(self) -> str | None:
        """Why the run is to wait: empty if a person wants it so, else the settings' reason; None if it may train."""
        wishes = self._wishes
        if wishes.wanted is Wanted.PAUSE:
            return ""
        closed = self._may_train()
        if wishes.wanted is not Wanted.ANYWAY:
            return closed
        if closed is None:
            self._keep(partial(self._journal.allow, self._run.id))
            if wishes.wanted is Wanted.ANYWAY:
                wishes.wanted = Wanted.RUN
        return None

    def _answer_if_asked(self) -> None:
        if self._wishes.asked:
            self._wishes.asked = False
            self._answer()

    # ── after the last step ────────────────────────────────────────────────────────────────────────────────

    def _leave(self, left: Left) -> None:
        """Save and write down what can be, without waiting: whoever wants the run left wants it now."""
        journal, run_id, outcome = self._journal, self._run.id, left.reason
        try:
            if left.state is None:
                journal.forget(run_id)
                return
            try:
                self._patience.give_up()
                if self._training is not None:
                    self._saver.save(self._training, say=True)
            except StoreDamaged:
                raise
            except BaseException as error:  # noqa: BLE001  the disk, or the net's own `get_extra_state`, which may raise anything
                why = reason(error) if trouble_kind(error) is not None else f"{describe(error)}{self._trace(error)}"
                outcome += f"; what came after its last checkpoint is lost: {why}"
            journal.end(run_id, left.state, outcome=outcome)
        except StoreDamaged:
            raise
        except StoreTrouble:
            # The store still says that the run is trained: the next runner finds that it isn't.
            return

    def _save_for_another_store(self) -> None:
        """Keep in the run's folder all that the store told of it whose place another has taken."""
        if self._training is None or self._wishes.taken or damage(self._journal.connection) is not None:
            return
        try:
            self._saver.save(self._training)
        except (StoreTrouble, OSError) as error:
            if trouble_kind(error) is None:
                raise
            return  # It goes on from its last checkpoint.

    def _trace(self, error: BaseException) -> str:
        """Keep the error's traceback in the run's folder; says where, for a person."""
        place = self._journal.run_folder(self._run.id) / "error.txt"
        try:
            place.write_text(traceback_of(error), encoding="utf-8")
        except OSError:
            return ""
        return f" (all of it in {place})"

    def _let_training_go(self) -> None:
        self._training = self._wishes.training = None
        gc.collect()
        free_cached_memory(self._choice.device)


def _failed(error: str, **columns: Any) -> _Ending:
    return _Ending(State.FAILED, {"error": error, **columns})
