"""A store filled as training would fill it, with figures made up from fixed seeds: for tests of what is shown."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import EpochRecord, Point, Progress, RunStarted
from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.presets import load_catalogue

NOON = 1_746_000_000.0
"""2025-04-30, 08:00 UTC: when the clock of a filled store begins."""


@dataclass
class Clock:
    """Time that passes only when it is told to."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Filler:
    """Writes runs into a store, as a runner would."""

    home: Path
    clock: Clock = field(default_factory=Clock)
    ids: Iterator[str] = field(default_factory=lambda: (f"{number:08x}" for number in range(0xA1B2C3, 0xFFFFFF)))

    def __post_init__(self) -> None:
        self.journal = Journal(self.home, clock=self.clock)
        self.journal._new_id = lambda: next(self.ids)  # type: ignore[method-assign]

    def queue(
        self, architecture: str, hyperparameters: str = "default", *, name: str | None = None, **edits: object
    ) -> str:
        """Queue a run; returns its id."""
        catalogue = load_catalogue()
        values = catalogue.hyperparameters[hyperparameters].get().values
        configuration = RunConfiguration(
            architecture_name=architecture,
            architecture=catalogue.architecture(architecture),
            hyperparameters_name=hyperparameters,
            hyperparameters=values.model_copy(update=edits),
            edits=tuple(edits),
        )
        self.clock.now += 1
        return self.journal.add_run(configuration, name).id

    def start(self, run_id: str, steps_per_epoch: int = 12_500) -> None:
        """A runner takes the run and trains its first step."""
        self.journal.claim(run_id)
        run = self.journal.run(run_id)
        started = RunStarted(
            num_epochs=run.num_epochs, steps_per_epoch=steps_per_epoch, step=0, path="autograd", device="cpu", threads=1
        )
        self.journal.begin(run_id, started, "the only device")

    def train(
        self,
        run_id: str,
        epochs: float,
        *,
        windows: int = 50,
        loss: Callable[[float], float] = lambda epoch: 0.35 + 1.95 * math.exp(-epoch / 9),
        seconds: float = 12.5,
        validated: bool = False,
    ) -> None:
        """Train on up to `epochs`, with `windows` points and `seconds` an epoch; `validated` if images are held out."""
        run = self.journal.run(run_id)
        assert run.num_steps is not None
        per_epoch = run.num_steps // run.num_epochs
        window, noise = per_epoch // windows, random.Random(run.step)
        step, last = run.step, int(epochs * per_epoch)
        points: list[Point] = []
        while step + window <= last:
            step += window
            epoch = step / per_epoch
            value = loss(epoch) + noise.gauss(0, 0.05)
            points.append(Point(step, value, _accuracy(value), 0.01, 5410.0, seconds * epoch))
            if step % per_epoch == 0:
                self.journal.write(
                    run_id,
                    points=points,
                    record=self._record(step // per_epoch, step, loss, seconds, validated=validated),
                    best=self._best(run_id, loss, step // per_epoch),
                )
                points = []
        progress = Progress(
            phase="training",
            done=step % per_epoch,
            total=per_epoch,
            step=step,
            epoch=min(run.num_epochs, step // per_epoch + 1),
            loss=loss(step / per_epoch),
            accuracy=_accuracy(loss(step / per_epoch)),
            learning_rate=0.01,
            images_per_second=5410.0,
            seconds=seconds * step / per_epoch,
        )
        self.clock.now += 1
        self.journal.write(run_id, points=points, progress=progress)

    def end(self, run_id: str, state: State, *, outcome: str | None = None, error: str | None = None) -> None:
        self.clock.now += 1
        self.journal.end(run_id, state, outcome=outcome, error=error)

    def _best(self, run_id: str, loss: Callable[[float], float], epoch: int) -> bool:
        best = self.journal.run(run_id).best_accuracy
        return best is None or self._record(epoch, 0, loss, 0).test_accuracy > best

    def _record(
        self, epoch: int, step: int, loss: Callable[[float], float], seconds: float, *, validated: bool = False
    ) -> EpochRecord:
        noise = random.Random(epoch)
        train = loss(epoch - 0.5)
        test = loss(epoch) + 0.012 * epoch + noise.gauss(0, 0.02)
        return EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=train,
            train_accuracy=_accuracy(train),
            test_loss=test,
            test_accuracy=_accuracy(test) - 0.03,
            validation_loss=test + 0.01 if validated else None,
            validation_accuracy=_accuracy(test) - 0.02 if validated else None,
            learning_rate=0.01,
            seconds=seconds,
            evaluation_seconds=0.4,
        )


def _accuracy(loss: float) -> float:
    return max(0.05, min(1.0, math.exp(-loss / 1.4))) if math.isfinite(loss) else 0.1


def fill(home: Path) -> Filler:
    """A morning's store: one run training, one paused, others finished, failed, stopped and queued."""
    filler = Filler(home)
    finished = filler.queue("lazynet", epochs=10)
    filler.start(finished)
    filler.train(finished, 10, loss=lambda epoch: 1.7 + 0.6 * math.exp(-epoch / 2))
    filler.end(finished, State.FINISHED, outcome="all epochs done")
    failed = filler.queue("coolnet-v7", "lr-10")
    filler.start(failed)
    filler.train(failed, 0.1, loss=lambda epoch: 2.3 + 40 * epoch)
    nan = float("nan")
    filler.journal.write(failed, points=[Point(1560, nan, 0.1, 10.0, 5400.0, 1.5)])
    filler.end(failed, State.FAILED, error="loss became nan at step 1,551 (epoch 1): try a lower learning rate")
    stopped = filler.queue("coolnet-v2", "batch-20")
    filler.start(stopped, 2500)
    filler.train(stopped, 4.5)
    filler.end(stopped, State.STOPPED)
    paused = filler.queue("coolnet-v7", "lr-0.1")
    filler.start(paused)
    filler.train(paused, 12.25)
    filler.journal.confirm(paused, State.PAUSED)
    filler.journal.pause(paused)
    running = filler.queue("coolnet-v10", name="coolnet-v10 default")
    filler.start(running)
    filler.train(running, 30.9)
    filler.queue("boringnet-relu")
    filler.queue("boringnet-leaky-relu", "decreasing-lr", epochs=20)
    return filler
