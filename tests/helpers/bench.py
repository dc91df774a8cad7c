"""A home with a store and runners on it, runs on digits, and what two runs must have in common."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.series import SAMPLE_FORMAT
from lazytrain.engine.store.store import Store
from lazytrain.presets import Architecture, Hyperparameters, load_catalogue

CATALOGUE = load_catalogue()
TINY = Architecture.model_validate(
    {"title": "tiny", "layers": [{"maxpool": 4}, {"conv": 4, "kernel": 3}, "relu", {"linear": 16}, "relu"]}
)
"""For runs that are stopped, killed and held: convolutions as CoolNet has them, in a third of its time."""
DEADLINE = 180.0
"""Seconds that a test waits for anything: jobs that step back get little of a machine that is busy."""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds, looking every few milliseconds; fail after `DEADLINE`."""
    tick = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError(f"waited {DEADLINE:.0f} s for: {what}")


def configuration(architecture: str | Architecture = "lazynet", **values: Any) -> RunConfiguration:
    """A net, by its preset or as it is, on digits."""
    name, net = "mine", architecture
    if isinstance(net, str):
        name, net = net, CATALOGUE.architecture(net)
    return RunConfiguration(
        architecture_name=name,
        architecture=net,
        hyperparameters=Hyperparameters.model_validate({"dataset": "digits", "epochs": 2, **values}),
    )


def epoch_record(epoch: int, **values: Any) -> EpochRecord:
    """An epoch of ten steps."""
    made = {"train_loss": 1.5, "train_accuracy": 0.5, "test_loss": 1.25, "test_accuracy": 0.5}
    return EpochRecord(epoch=epoch, **{"step": 10 * epoch, "learning_rate": 0.01, "seconds": 2.0, **made, **values})


class Result(NamedTuple):
    """What must be the same, whatever happened on the way: no times."""

    weights: str | None
    points: list[tuple[float, ...]]
    epochs: list[tuple[float, ...]]
    series: dict[str, list[tuple[int, float]]]
    """Step and value, by metric."""


def result(store: Store, run_id: str) -> Result:
    """The weights and the curve of a run."""
    points = [point[:4] for point in POINT_FORMAT.iter_unpack(store.packed_points(run_id))]
    epochs = [
        (each.epoch, each.step, each.train_loss, each.train_accuracy, each.test_loss, each.test_accuracy)
        for each in store.epochs(run_id)
    ]
    packed = store.packed_series(run_id, [metric.name for metric in store.metrics(run_id)])
    series = {
        name: [(step, value) for step, _, value in SAMPLE_FORMAT.iter_unpack(values)] for name, values in packed.items()
    }
    return Result(store.run(run_id).weights_sha256, points, epochs, series)


class Bench:
    """A home with a store, and runners that are stopped at the end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = Store(home)
        self.runners: list[Runner] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self.runners:
            runner.stop()
        for runner in self.runners:
            assert runner.join(DEADLINE)
        self.store.close()

    def queue(self, architecture: str | Architecture = "lazynet", *, name: str | None = None, **values: Any) -> Run:
        return self.store.add_run(configuration(architecture, **values), name)

    def runner(self, **arguments: Any) -> Runner:
        runner = Runner(self.home, self.home / "data", device="cpu", **arguments)
        self.runners.append(runner)
        runner.start()
        return runner

    def train(self) -> None:
        """Train the queue until it is empty."""
        assert self.runner(until_empty=True).join(DEADLINE)

    def state(self, run: Run) -> State:
        return self.store.run(run.id).state

    def step(self, run: Run) -> int:
        return self.store.run(run.id).step

    def reaches(self, run: Run, *states: State) -> None:
        wait_for(lambda: self.state(run) in states, f"{run.name} to be {states}")

    def texts(self, run: Run) -> str:
        return "\n".join(message.text for message in self.store.messages(run.id))

    def result(self, run: Run) -> Result:
        return result(self.store, run.id)

    def stop_after_epoch(self, run: Run, epoch: int) -> None:
        """Stop a run that is being trained, once it has got so far."""
        wait_for(lambda: self.store.run(run.id).epoch >= epoch, f"epoch {epoch}")
        self.store.stop(run.id)
        for runner in self.runners:
            runner.nudge()
        self.reaches(run, State.STOPPED)
