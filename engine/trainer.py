"""One run, from its data to its end: pulls the training's events, writes them down, saves, and obeys.

The only place where a training, the store and the disk meet. Runs in the runner's worker thread.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.architecture import build_net
from engine.checkpoint import load_newest, save_best, save_checkpoint
from engine.configuration import RunConfiguration
from engine.data import Dataset, prepare_dataset
from engine.datasets import DatasetError
from engine.device import DeviceChoice, make_exact
from engine.events import (
    EpochEnded,
    Event,
    Noticed,
    RunDiverged,
    RunFinished,
    RunStarted,
    StepsDone,
)
from engine.journal import Journal
from engine.places import cache_folder, module_folder
from engine.records import Run, State, Wanted
from engine.training import Training
from engine.wishes import Wishes
from presets.errors import PresetError
from presets.layers import LayerError

SAVE_SECONDS = 30.0
"""A checkpoint is at most this old."""
SAVE_SHARE = 0.01
"""Checkpoints at the ends of epochs cost at most this share of the training time."""
WAIT_SECONDS = 0.5


class Left(Exception):
    """The run is left before its end; `state` None when it is discarded."""

    def __init__(self, state: State | None, reason: str = "") -> None:
        self.state, self.reason = state, reason
        super().__init__(reason)


class Trainer:
    """Trains one claimed run.

    Args:
        answer: answers a waiting question, called between two events.
        clock: seconds, for when to save.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._run = run
        self._choice = choice
        self._data = data
        self._wishes = wishes
        self._answer = answer
        self._clock = clock
        self._folder = journal.run_folder(run.id) / "checkpoints"
        self._saved_at = clock()
        self._save_cost = 0.0
        self._best_epoch = 0
        self._best_saved = 0
        self._training: Training | None = None

    def train(self) -> None:
        """Train the run to its end, or until a client wants it otherwise; every end is written down.

        Raises nothing of the run's own: a bad net must never take the queue with it.
        """
        journal, run_id = self._journal, self._run.id
        try:
            outcome = self._train()
        except Left as left:
            self._leave(left)
        except (DatasetError, PresetError, LayerError) as error:
            journal.end(run_id, State.FAILED, error=str(error))
        except (MemoryError, torch.OutOfMemoryError) as error:
            journal.end(run_id, State.FAILED, error=f"out of memory on {self._choice.device}: {_first_line(error)}")
        except Exception as error:  # noqa: BLE001  a net may raise anything, and the queue goes on
            place = journal.run_folder(run_id) / "error.txt"
            place.write_text(traceback.format_exc(), encoding="utf-8")
            message = f"{type(error).__name__}: {_first_line(error)} (all of it in {place})"
            journal.end(run_id, State.FAILED, error=message)
        else:
            if isinstance(outcome, RunDiverged):
                journal.write(run_id, points=outcome.points)
                journal.end(run_id, State.FAILED, error=outcome.reason, step=outcome.step)
            else:
                self._save()
                journal.end(run_id, State.FINISHED, outcome=outcome.reason)
        finally:
            self._training = self._wishes.training = None
            gc.collect()
            if self._choice.device.startswith("cuda"):
                torch.cuda.empty_cache()

    def _train(self) -> RunFinished | RunDiverged:
        configuration = self._journal.configuration(self._run.id)
        values = configuration.hyperparameters
        dataset = self._prepare(configuration)
        make_exact(self._choice.device, deterministic=values.deterministic)
        net = build_net(
            configuration.architecture,
            tuple(dataset.train.images.shape[1:]),
            len(dataset.classes),
            seed=values.seed,
            module_folder=module_folder(self._journal.home),
        ).to(self._choice.device)
        training = Training(configuration, dataset, net, self._choice.device, snapshot=self._resume())
        self._training = self._wishes.training = training
        self._obey()
        self._saved_at = self._clock()
        for event in training:
            match event:
                case RunFinished() | RunDiverged():
                    return event
                case _:
                    self._write(event)
            self._obey()
        raise RuntimeError("the training ended without an outcome")

    # ── before the first step ──────────────────────────────────────────────────────────────────────────────

    def _prepare(self, configuration: RunConfiguration) -> Dataset:
        """Load or decode the data; can be paused and stopped meanwhile."""
        values = configuration.hyperparameters
        steps = prepare_dataset(values.dataset, self._data, cache_folder(self._journal.home), values.image_size)
        try:
            while True:
                self._journal.write(self._run.id, progress=next(steps))
                self._obey()
        except StopIteration as end:
            dataset: Dataset = end.value
        finally:
            steps.close()
        for note in dataset.notes:
            self._journal.say(self._run.id, note, "warning")
        return dataset

    def _resume(self) -> Mapping[str, Any] | None:
        """The newest checkpoint that verifies; what was written after it is taken back."""
        snapshot, problems = load_newest(self._folder)
        journal, run = self._journal, self._run
        for problem in problems:
            journal.say(run.id, f"checkpoint skipped: {problem}", "warning")
        if snapshot is None:
            if run.step or run.num_points:
                journal.rewind(run.id, 0, 0)
                journal.say(run.id, "starts anew: there is no checkpoint to go on from", "warning")
            return None
        position = snapshot["position"]
        journal.rewind(run.id, position["step"], position["epoch"])
        self._best_epoch = self._best_saved = position["best_epoch"]
        journal.say(run.id, f"resumed at step {position['step']:,}")
        for what, now in self._now().items():
            if snapshot[what] != now:
                text = f"{what} is {now}, was {snapshot[what]}: the rest may differ in the last bits"
                journal.say(run.id, text, "warning")
        return snapshot

    def _now(self) -> dict[str, Any]:
        """What a resume should find as it was."""
        return {"torch": str(torch.__version__), "device": self._choice.device}

    # ── while it trains ────────────────────────────────────────────────────────────────────────────────────

    def _write(self, event: Event) -> None:
        journal, run_id = self._journal, self._run.id
        match event:
            case RunStarted():
                journal.begin(run_id, event, f"{self._choice.name}, {self._choice.reason}")
            case StepsDone(points=points, progress=progress):
                journal.write(run_id, points=points, progress=progress)
                if self._clock() - self._saved_at >= SAVE_SECONDS:
                    self._save()
            case EpochEnded(record=record, best=best):
                journal.write(run_id, record=record, best=best)
                self._best_epoch = record.epoch if best else self._best_epoch
                if self._affordable():
                    self._save()
            case Noticed(text=text, level=level):
                journal.say(run_id, text, level)
            case RunFinished() | RunDiverged():
                raise AssertionError("the end is not written here")

    def _affordable(self) -> bool:
        training = self._training
        return training is not None and self._save_cost <= SAVE_SHARE * training.seconds

    def _save(self) -> None:
        """Save a checkpoint, and the best weights if they are new. A full disk is said, and training goes on."""
        training = self._training
        if training is None:
            return
        started = self._clock()
        try:
            saved = save_checkpoint(self._folder, training.snapshot())
            if training.best_weights is not None and self._best_saved != self._best_epoch:
                save_best(self._folder, training.best_weights, self._best_epoch)
                self._best_saved = self._best_epoch
        except OSError as error:
            self._journal.say(self._run.id, f"checkpoint not saved: {error}; what was saved before is whole", "error")
        else:
            self._journal.note_weights(self._run.id, saved.weights_sha256)
        self._saved_at = self._clock()
        self._save_cost += self._saved_at - started

    # ── obeying ────────────────────────────────────────────────────────────────────────────────────────────

    def _obey(self) -> None:
        """Do what clients want. Raises Left when the run is to be left."""
        self._answer_if_asked()
        wishes = self._wishes
        paused = False
        while True:
            if wishes.leaving or wishes.wanted is Wanted.STOP:
                raise Left(State.STOPPED, "kept: the program ended" if wishes.leaving else "stopped and kept")
            if wishes.wanted is Wanted.DISCARD:
                raise Left(None)
            if wishes.wanted is Wanted.RUN:
                break
            if not paused:
                paused = True
                self._journal.confirm(self._run.id, State.PAUSED)
                self._save()
            wishes.wait(WAIT_SECONDS)
            self._answer_if_asked()
        if paused:
            self._journal.confirm(self._run.id, State.RUNNING if self._training else State.STARTING)

    def _answer_if_asked(self) -> None:
        if self._wishes.asked:
            self._wishes.asked = False
            self._answer()

    def _leave(self, left: Left) -> None:
        if left.state is None:
            self._journal.forget(self._run.id)
            return
        self._save()
        self._journal.end(self._run.id, left.state, outcome=left.reason)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]
