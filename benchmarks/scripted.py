"""Stores filled as training would fill them, with figures made up from fixed seeds."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import POINT_FORMAT, EpochRecord, Point, Progress, RunStarted
from lazytrain.engine.records import State
from lazytrain.engine.store.database import transaction
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import CHUNK_POINTS
from lazytrain.presets import load_catalogue

STEPS_PER_EPOCH = 12_500
NUM_EPOCHS = 50
STEPS_PER_SECOND = 1_350.0
STEPS_PER_POINT = 125


def loss_at(step: int, noise: random.Random) -> float:
    """A loss that falls like CoolNet's, as a window of steps sees it."""
    return 0.25 + 1.95 * math.exp(-step / STEPS_PER_EPOCH / 9) + noise.gauss(0, 0.05)


class ScriptedTraining:
    """A run that trains at a steady rate of wall time, its figures made up."""

    def __init__(self, journal: Journal, run_id: str, step: int) -> None:
        self._journal, self._run_id = journal, run_id
        self._first, self._step = step, step
        self._noise = random.Random(step)
        self._began: float | None = None

    def go_on(self) -> None:
        """Write what was trained since the last call."""
        now = time.perf_counter()
        if self._began is None:
            self._began = now
        self.train_to(self._first + int((now - self._began) * STEPS_PER_SECOND))

    def train_to(self, step: int) -> None:
        points: list[Point] = []
        while self._step + STEPS_PER_POINT <= step:
            self._step += STEPS_PER_POINT
            loss = loss_at(self._step, self._noise)
            points.append(self._point(self._step, loss))
            if self._step % STEPS_PER_EPOCH == 0:
                self._journal.write(self._run_id, points=points, record=self._record(loss))
                points = []
        loss = loss_at(step, self._noise)
        progress = Progress(
            phase="training",
            done=step % STEPS_PER_EPOCH,
            total=STEPS_PER_EPOCH,
            step=step,
            epoch=step // STEPS_PER_EPOCH + 1,
            loss=loss,
            accuracy=math.exp(-loss / 1.4),
            learning_rate=0.01,
            images_per_second=4 * STEPS_PER_SECOND + self._noise.gauss(0, 40),
            seconds=step / STEPS_PER_SECOND,
        )
        self._journal.write(self._run_id, points=points, progress=progress)

    def _point(self, step: int, loss: float) -> Point:
        return Point(step, loss, math.exp(-loss / 1.4), 0.01, 4 * STEPS_PER_SECOND, step / STEPS_PER_SECOND)

    def _record(self, loss: float) -> EpochRecord:
        epoch = self._step // STEPS_PER_EPOCH
        return EpochRecord(
            epoch=epoch,
            step=self._step,
            train_loss=loss,
            train_accuracy=math.exp(-loss / 1.4),
            test_loss=loss + 0.1,
            test_accuracy=math.exp(-loss / 1.3),
            learning_rate=0.01,
            seconds=STEPS_PER_EPOCH / STEPS_PER_SECOND,
            evaluation_seconds=0.4,
        )

    def close(self) -> None:
        self._journal.close()


def begin(journal: Journal, architecture: str, epochs: int = NUM_EPOCHS) -> str:
    """Queue a run and take it for training; its id."""
    catalogue = load_catalogue()
    values = catalogue.hyperparameters["default"].get().values.model_copy(update={"epochs": epochs})
    configuration = RunConfiguration(
        architecture_name=architecture, architecture=catalogue.architecture(architecture), hyperparameters=values
    )
    run = journal.add_run(configuration)
    journal.claim(run.id)
    started = RunStarted(
        num_epochs=epochs, steps_per_epoch=STEPS_PER_EPOCH, step=0, path="derived", device="cpu", threads=1
    )
    journal.begin(run.id, started, "the only device")
    return run.id


def fill_store(home: Path, *, epoch: float = 12.3, num_points: int = 0, num_over: int = 3) -> ScriptedTraining:
    """Runs that are over and one that has trained for `epoch` epochs; with `num_points` points, if given."""
    journal = Journal(home)
    for architecture in ("lazynet", "boringnet-relu", "coolnet-v7"):
        over = begin(journal, architecture)
        ScriptedTraining(journal, over, 0).train_to(NUM_EPOCHS * STEPS_PER_EPOCH)
        journal.end(over, State.FINISHED, outcome="all epochs done")
    add_copies(journal, over, num_over - 3, 100)
    run_id = begin(journal, "coolnet-v10")
    step = int(epoch * STEPS_PER_EPOCH)
    if num_points:
        write_points(journal, run_id, num_points, step)
    else:
        ScriptedTraining(journal, run_id, 0).train_to(step)
    return ScriptedTraining(journal, run_id, step)


def write_points(journal: Journal, run_id: str, num_points: int, last_step: int) -> None:
    """Write many points at once, evenly up to a step."""
    noise = random.Random(num_points)
    points: list[Point] = []
    for index in range(1, num_points + 1):
        step = index * last_step // num_points
        loss = loss_at(step, noise)
        points.append(Point(step, loss, math.exp(-loss / 1.4), 0.01, 5400.0, index * 0.001))
        if len(points) == 100 * CHUNK_POINTS or index == num_points:
            journal.write(run_id, points=points)
            points = []


def fill_large_store(home: Path, num_runs: int, points_each: int, num_points: int) -> None:
    """Many runs that are over, of `points_each` points, and at the list's end one of `num_points`."""
    with Journal(home) as journal:
        run_id = begin(journal, "lazynet")
        ScriptedTraining(journal, run_id, 0).train_to(NUM_EPOCHS * STEPS_PER_EPOCH)
        journal.end(run_id, State.FINISHED, outcome="all epochs done")
        add_copies(journal, run_id, num_runs - 1, points_each)
        large = begin(journal, "coolnet-v10")
        journal.rename(large, "large run")
        write_points(journal, large, num_points, 40 * STEPS_PER_EPOCH)
        ScriptedTraining(journal, large, 40 * STEPS_PER_EPOCH).train_to(40 * STEPS_PER_EPOCH)
        journal.end(large, State.STOPPED)
        journal.connection.execute("UPDATE runs SET ended = 1 WHERE id = ?", (large,))


def add_copies(journal: Journal, run_id: str, count: int, points_each: int) -> None:
    """Many runs like one, each with its first points. Written past the journal: one by one they would take minutes."""
    template = dict(journal.connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())
    points = journal.packed_points(run_id)[: points_each * POINT_FORMAT.size]
    size = CHUNK_POINTS * POINT_FORMAT.size
    with transaction(journal.connection):
        for number in range(count):
            copy = {**template, "id": f"{number:08x}", "name": f"copy {number}", "num_points": points_each}
            journal.connection.execute(
                f"INSERT INTO runs ({', '.join(copy)}) VALUES ({', '.join('?' * len(copy))})", tuple(copy.values())
            )
            journal.connection.executemany(
                "INSERT INTO chunks (run_id, number, data) VALUES (?, ?, ?)",
                [
                    (copy["id"], chunk, points[start : start + size])
                    for chunk, start in enumerate(range(0, len(points), size))
                ],
            )
