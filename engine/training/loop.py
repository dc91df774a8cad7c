"""A training is an iterator of events.

`Training` yields frozen events about ten times a second and knows no thread, no store, no disk and no screen. Between
two events its state is whole: `snapshot()` gives all of it, and a `Training` made from a snapshot goes on with the same
bits. So pause is not asking for the next event, and stop is leaving the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.calibration import choose_threads
from lazytrain.engine.compute.device import (
    RunAhead,
    allow_inexact,
    is_not_deterministic,
)
from lazytrain.engine.compute.metrics import Means
from lazytrain.engine.compute.net_state import copied, load_net_state, net_state
from lazytrain.engine.compute.paths import ready_path
from lazytrain.engine.compute.randomness import random_state, seed_all, set_random_state
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.batches import Batches, Block, held_out
from lazytrain.engine.data.tensors import Dataset, resident_on
from lazytrain.engine.events import (
    EpochEnded,
    EpochRecord,
    Event,
    Noticed,
    Progress,
    RunDiverged,
    RunFinished,
    RunStarted,
    StepsDone,
)
from lazytrain.engine.training.evaluation import Evaluation
from lazytrain.engine.training.norms import NormGrid, NormLog
from lazytrain.engine.training.schedule import LearningRates
from lazytrain.engine.training.stopwatch import Stopwatch
from lazytrain.engine.training.window import Window, window_steps


class Training:
    """One run of `configuration` on `dataset`, as an iterator of events.

    Args:
        configuration: what to train.
        dataset: uint8 images and labels; moved to `device` unless it is streamed.
        net: float [N, C, H, W] → logits [N, classes], on `device`.
        device: a torch device's name.
        snapshot: goes on from what `snapshot()` gave, in place of starting anew, by the path it was made by.
        path: how steps are computed, instead of by the rule in `engine.compute.paths`.
        micro_batches: parts each batch is computed in, where one whole doesn't fit in memory.
        threads: what was measured for this run before, and is not to be measured again.
        clock: seconds, for the times in events.
    """

    def __init__(
        self,
        configuration: RunConfiguration,
        dataset: Dataset,
        net: nn.Module,
        device: str = "cpu",
        *,
        snapshot: Mapping[str, Any] | None = None,
        path: str | None = None,
        micro_batches: int = 1,
        threads: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.values = configuration.hyperparameters
        self.configuration = configuration
        self.wake = False
        """Set from any thread: the next event comes after the step at work. It never moves a stored point."""
        self.best_weights: dict[str, Any] | None = None
        """A copy of the net's state after the best epoch so far, once there is one."""
        self._device = torch.device(device)
        self._watch = Stopwatch(clock)
        self._net = net
        input_shape = tuple(dataset.train.images.shape[1:])
        self.threads = self._choose_threads(snapshot, threads, input_shape, len(dataset.classes))
        """Torch's threads: the configuration's, measured, or those of the snapshot, which a resume repeats."""
        name = snapshot["path"] if snapshot else path
        num_images = len(dataset.train.labels)
        self._path, self._notices = ready_path(net, self.values, input_shape, name, micro_batches, num_images)
        dataset = resident_on(dataset, self._device)
        train_indices, validation_indices = held_out(len(dataset.train.labels), self.values)
        self._evaluation = Evaluation(net, dataset, validation_indices, self.values, self._device, self._path.evaluate)
        self._batches = Batches(
            dataset.train,
            train_indices,
            self.values,
            self._device,
            self._path.goals,
            self._path.block_steps,
            as_bytes=self._path.takes_bytes,
        )
        self.steps_per_epoch = self._batches.steps_per_epoch
        num_classes = len(dataset.classes)
        steps = window_steps(self.values, self._batches.num_images, self.steps_per_epoch, num_classes)
        self._window = Window(steps, self.values, num_classes, self._device)
        self._norm_grid, self._norms = NormGrid(self.values, steps, self.steps_per_epoch), NormLog(net)
        self._rates = LearningRates(self.values, self.steps_per_epoch)
        self._run_ahead = RunAhead(self._device)
        # Where it stands. Epochs and steps count from 0 in here, and from 1 in what is said.
        self._phase = "training"
        self._epoch = 0
        self._step = 0
        self._epoch_means = Means()
        self._best_epoch = 0
        self._best_accuracy = -1.0
        self._outcome: str | None = None
        self._warned_nan = False
        self._rng: dict[str, Any] | None = None
        if snapshot is not None:
            self._restore(snapshot)

    def _choose_threads(
        self,
        snapshot: Mapping[str, Any] | None,
        measured: int | None,
        input_shape: tuple[int, ...],
        num_classes: int,
    ) -> int:
        if snapshot is not None:
            return snapshot["threads"]
        if self.values.threads != "auto":
            return self.values.threads
        if self._device.type != "cpu":
            return 1
        if measured is not None:
            return measured
        return choose_threads(self._net, self.values, input_shape, num_classes)

    @property
    def num_steps(self) -> int:
        return self.values.epochs * self.steps_per_epoch

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._net.parameters())

    @property
    def evaluate(self) -> Callable[[Tensor], Tensor]:
        """What gives the logits of float images, with the net in eval mode."""
        return self._path.evaluate

    @property
    def step(self) -> int:
        """Steps done."""
        return self._epoch * self.steps_per_epoch + self._step

    @property
    def epoch(self) -> int:
        """Epochs done, evaluation included."""
        return self._epoch

    @property
    def seconds(self) -> float:
        """Training time so far, pauses excluded."""
        return self._watch.run

    # ── the loop ───────────────────────────────────────────────────────────────────────────────────────────

    def __iter__(self) -> Iterator[Event]:
        torch.set_num_threads(self.threads)
        if self._rng is None:
            # Dropout, and whatever a net draws for itself, have a random state of this run's own.
            seed_all(self.values.seed)
        else:
            set_random_state(self._rng, self._device, self.values.seed)
        yield RunStarted(
            num_epochs=self.values.epochs,
            steps_per_epoch=self.steps_per_epoch,
            step=self.step,
            path=self._path.name,
            device=str(self._device),
            threads=self.threads,
        )
        yield from self._tell()
        self._watch.start()
        while self._phase != "done":
            yield from self._train_epoch() if self._phase == "training" else self._evaluate_epoch()
        if self._outcome is not None:
            yield RunFinished(reason=self._outcome)

    def _tell(self) -> Iterator[Event]:
        notices, self._notices = self._notices, []
        for text in notices:
            yield Noticed(text=text, level="warning")

    def _train_epoch(self) -> Iterator[Event]:
        self._net.train()
        watch, window = self._watch, self._window
        self._batches.enter_epoch(self._epoch)
        window.enter_epoch(self._batches.targets)
        if self._step == 0:
            window.start(self.step, watch.run, first_row=0)
        while self._step < self.steps_per_epoch and self._outcome is None:
            try:
                with self._path.mode():
                    now = self._run_steps()
            except RuntimeError as error:
                if not is_not_deterministic(error):
                    raise
                self._notices.append(allow_inexact(error))
                self._hold()
                yield from self._tell()
                watch.start()
                continue
            if self._step == self.steps_per_epoch and window.num_rows:
                window.close(watch.at(now))
            if now >= watch.due or self.wake:
                yield from self._report()
                if self._phase == "done":
                    return
                self._check_budget()
        # Before the event, since it is part of the state that a snapshot takes after it.
        self._phase = "evaluation"
        yield from self._report()

    def _run_steps(self) -> float:
        """Whole blocks of steps until the epoch ends, an event is due or somebody woke it; returns the time."""
        batches, window, path, watch = self._batches, self._window, self._path, self._watch
        clock, due, steps_per_epoch = watch.clock, watch.due, self.steps_per_epoch
        watched = self._norm_grid.next(self._epoch, self._step)
        while True:
            block = batches.block(self._step)
            rates = self._rates.of(self.step, len(block.batches))
            number = len(rates)
            among = self._step <= watched < self._step + number
            logits = path.enter(block, rates, watched - self._step if among else None)
            gradient = None
            if logits is not None:
                self._take(logits, block, rates)
                gradient = path.gradient_norm() if among else None
            for (images, goals), rate in zip(block.batches, rates, strict=True) if logits is None else ():
                num_images = images.shape[0]  # len() of a tensor takes three times as long
                slot = window.slot(num_images)
                if self._step == watched:
                    path.watch()
                    path.step(images, goals, slot, rate)
                    gradient = path.gradient_norm()
                else:
                    path.step(images, goals, slot, rate)
                window.add(num_images, rate)
                self._step += 1
                if window.full:
                    window.close(watch.at(clock()))
            self._run_ahead.mark()
            now = clock()
            if 0 <= watched < self._step:
                # Only here is the net whole.
                self._norms.add(self.step, watch.at(now), gradient)
                watched = self._norm_grid.next(self._epoch, self._step)
            if now >= due or self.wake or self._step == steps_per_epoch:
                return now

    def _take(self, logits: Tensor, block: Block, rates: list[float]) -> None:
        """All steps of a block that was computed in one call."""
        window, size, number, done = self._window, self.values.batch_size, len(rates), 0
        while done < number:
            taken = min(window.steps_left, number - done)
            end = done + taken
            rows = logits[done * size : None if end == number else end * size]
            window.take(rows, taken, len(block.batches[end - 1][0]), rates[end - 1])
            done, self._step = end, self._step + taken
            if window.full:
                window.close(self._watch.at(self._watch.clock()))

    def _report(self) -> Iterator[Event]:
        """Say what is new since the last event; the loss is looked at here, so a NaN is seen within a tenth."""
        window = self._window
        closed = window.collect()
        part = window.part()
        for each in closed:
            self._epoch_means.add(each.means)
        points = tuple(each.point for each in closed)
        norms = tuple(self._norms.collect())
        seconds = self._hold()
        bad = window.first_bad_step
        if bad is not None and self.values.on_nan == "stop":
            self._phase = "done"
            # How far the steps after it came is the clock's doing, and no part of the curve.
            points = tuple(point for point in points if point.step < bad)
            norms = tuple(each for each in norms if each.step < bad)
            yield RunDiverged(epoch=self._epoch + 1, step=bad, loss=window.bad_loss, points=points, norms=norms)
            return
        if bad is not None and not self._warned_nan:
            self._warned_nan = True
            yield Noticed(text=f"loss is {window.bad_loss} at step {bad:,}: going on, as set", level="warning")
        latest = part or (closed[-1].means if closed else None)
        progress = Progress(
            phase="training",
            done=self._step,
            total=self.steps_per_epoch,
            step=self.step,
            epoch=self._epoch + 1,
            loss=latest.loss if latest else None,
            accuracy=latest.accuracy if latest else None,
            learning_rate=window.learning_rate,
            images_per_second=window.images_per_second,
            seconds=seconds,
        )
        yield StepsDone(points=points, progress=progress, norms=norms)
        self._watch.start()

    @torch.no_grad()
    def _evaluate_epoch(self) -> Iterator[Event]:
        self._net.eval()
        evaluation, watch = self._evaluation, self._watch
        while evaluation.advance():
            if evaluation.notice is not None:
                text, evaluation.notice = evaluation.notice, None
                self._hold(evaluating=True)
                yield Noticed(text=text, level="warning")
                watch.start()
            if watch.clock() >= watch.due or self.wake:
                progress = Progress(
                    phase="evaluating",
                    done=evaluation.num_done,
                    total=evaluation.num_images,
                    step=self.step,
                    epoch=self._epoch + 1,
                    learning_rate=self._window.learning_rate,
                    seconds=self._hold(evaluating=True),
                )
                yield StepsDone(points=(), progress=progress)
                watch.start()
        yield from self._end_epoch()

    def _end_epoch(self) -> Iterator[Event]:
        self._hold(evaluating=True)
        validation, test = self._evaluation.validation, self._evaluation.test
        record = EpochRecord(
            epoch=self._epoch + 1,
            step=self.step,
            train_loss=self._epoch_means.loss,
            train_accuracy=self._epoch_means.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            learning_rate=self._window.learning_rate,
            seconds=self._watch.epoch,
            evaluation_seconds=self._watch.evaluation,
        )
        best = record.chosen_accuracy > self._best_accuracy
        if best:
            self._best_epoch, self._best_accuracy = record.epoch, record.chosen_accuracy
            self.best_weights = copied(net_state(self._net))
        confusion = self._evaluation.confusion
        self._outcome = self._stop_reason(record)
        whole = self._step == self.steps_per_epoch
        self._evaluation.reset()
        self._epoch_means = Means()
        self._watch.end_epoch()
        if whole:
            self._epoch, self._step = self._epoch + 1, 0
        self._phase = "done" if self._outcome else "training"
        yield EpochEnded(record=record, best=best, confusion=confusion)
        self._watch.start()

    def _stop_reason(self, record: EpochRecord) -> str | None:
        if self._outcome is not None:
            return self._outcome
        if record.epoch == self.values.epochs:
            return "all epochs done"
        patience = self.values.early_stopping_epochs
        if patience and record.epoch - self._best_epoch >= patience:
            looked_at = "test" if record.validation_accuracy is None else "validation"
            return f"early stopping: no better {looked_at} accuracy since epoch {self._best_epoch}"
        return None

    def _check_budget(self) -> None:
        """End the run if its time budget is used up; the epoch at work is evaluated as far as it came."""
        budget = self.values.time_budget_minutes
        if budget is not None and self._watch.run >= budget * 60:
            self._outcome = f"time budget: {budget:g} min used up"
            if self._window.num_rows:
                self._window.close(self._watch.run)

    def _hold(self, *, evaluating: bool = False) -> float:
        """Stop the watch before an event, since whoever listens may take a day; returns the seconds so far.

        `wake` is answered by the event; set meanwhile, it asks for another after the next step.
        """
        self.wake = False
        return self._watch.stop(evaluating=evaluating)

    # ── snapshots ──────────────────────────────────────────────────────────────────────────────────────────

    def snapshot(self) -> dict[str, Any]:
        """All of the state, between two events. Tensors are the training's own: save or copy before going on."""
        return {
            "path": self._path.name,
            "threads": self.threads,
            "device": str(self._device),
            "torch": str(torch.__version__),
            "configuration": self.configuration.model_dump_json(),
            "net": net_state(self._net),
            "optimizer": self._path.state_dict(),
            "rng": random_state(self._device),
            "window": self._window.state_dict(),
            "position": {
                "phase": self._phase,
                "epoch": self._epoch,
                "step_in_epoch": self._step,
                "step": self.step,
                **self._watch.state_dict(),
                "epoch_means": list(astuple(self._epoch_means)),
                "evaluations": self._evaluation.state_dict(),
                "best_epoch": self._best_epoch,
                "best_accuracy": self._best_accuracy,
                "outcome": self._outcome,
            },
        }

    def _restore(self, snapshot: Mapping[str, Any]) -> None:
        load_net_state(self._net, snapshot["net"])
        self._path.load_state_dict(snapshot["optimizer"])
        self._window.load_state_dict(snapshot["window"])
        self._rng = snapshot["rng"]
        position = snapshot["position"]
        self._phase, self._epoch, self._step = position["phase"], position["epoch"], position["step_in_epoch"]
        self._watch.load_state_dict(position)
        self._epoch_means = Means(*position["epoch_means"])
        self._evaluation.load_state_dict(position["evaluations"])
        self._best_epoch, self._best_accuracy = position["best_epoch"], position["best_accuracy"]
        self._outcome = position["outcome"]
