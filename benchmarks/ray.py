"""What training over Ray costs on one machine, and how many runs one driver stands: `python -m benchmarks.ray`.

`speed`: the steps a second of one long run over `work --ray local` and over `work`, in turn, then of two at once.
`runs`: how long four runs take on two CPUs, and by `--jobs 2`. `wishes`: how long a pause and a stop take from the
store to the state that training confirmed. `scale`: queued runs that sleep in place of training, on 200 logical CPUs
of this machine: what the driver and the store bear. That simulates neither networks nor nodes; it loads the driver as
so many runs would.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from lazytrain.engine.cluster.messages import Arrived, Assignment, Batch, Prepared
from lazytrain.engine.cluster.nodes import Share
from lazytrain.engine.cluster.runner import ClusterRunner
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import EpochEnded, EpochRecord, Point, Progress, RunFinished, RunStarted, StepsDone
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.queue.supervisor import Supervisor
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters, load_catalogue

PLACE = {"processor": "none", "lazytrain's arithmetic": "0"}
RATE = 10
"""Events a second of a run that sleeps."""
MEASURE_SECONDS = 8.0
EPOCHS = 600
"""Of a run that sleeps: twenty minutes, so that none ends before all have begun."""


def configuration(epochs: int, dataset: str, architecture: str) -> RunConfiguration:
    return RunConfiguration(
        architecture_name=architecture,
        architecture=load_catalogue().architecture(architecture),
        hyperparameters=Hyperparameters.model_validate({"dataset": dataset, "epochs": epochs}),
    )


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> float:
    """Returns how long it took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            raise TimeoutError("nothing happened")
        time.sleep(0.002)  # what is awaited comes from other processes
    return time.perf_counter() - began


class Trial:
    """A home of its own, with a runner."""

    def __init__(self, make: Callable[[Path], Runner]) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
        self.store = Store(self.home)
        self.runner = make(self.home)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stop()
        self.runner.join(120.0)
        self.store.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def queue(self, count: int, settings: RunConfiguration) -> list[Run]:
        return [self.store.add_run(settings) for _ in range(count)]

    def trained(self, runs: Sequence[Run]) -> bool:
        found = [self.store.run(run.id) for run in runs]
        return all(run.state is State.RUNNING and run.step > 0 for run in found)


# ── speed ──────────────────────────────────────────────────────────────────────────────────────────────────


def over_ray(jobs: int, data: Path) -> Callable[[Path], Runner]:
    return lambda home: ClusterRunner(home, data, address="local", share=Share(), num_jobs=jobs)


def at_home(jobs: int, data: Path) -> Callable[[Path], Runner]:
    if jobs == 1:
        return lambda home: Runner(home, data, device="cpu")
    return lambda home: Supervisor(home, data, num_jobs=jobs, device="cpu")


def steps_a_second(make: Callable[[Path], Runner], jobs: int, settings: RunConfiguration) -> float:
    """Of all runs together, while `jobs` train."""
    with Trial(make) as trial:
        runs = trial.queue(jobs, settings)
        trial.runner.start()
        wait_for(lambda: trial.trained(runs))
        time.sleep(1.0)  # the first steps are slower

        def total() -> int:
            return sum(trial.store.run(run.id).step for run in runs)

        before, began = total(), time.perf_counter()
        time.sleep(MEASURE_SECONDS)  # the steps of a while are asked for
        return (total() - before) / (time.perf_counter() - began)


def measure_speed(data: Path, pairs: int, dataset: str, architecture: str) -> None:
    settings = configuration(100_000, dataset, architecture)
    for jobs in (1, 2):
        ratios, figures = [], {"ray": [], "home": []}
        for _ in range(pairs):
            home = steps_a_second(at_home(jobs, data), jobs, settings)
            ray = steps_a_second(over_ray(jobs, data), jobs, settings)
            figures["home"].append(home)
            figures["ray"].append(ray)
            ratios.append(ray / home)
        medians = {name: statistics.median(values) for name, values in figures.items()}
        print(
            f"{jobs} at once: {medians['ray']:,.0f} steps/s over Ray, {medians['home']:,.0f} by --jobs {jobs}: "
            f"{statistics.median(ratios):.1%} (of each pair: {', '.join(f'{ratio:.1%}' for ratio in ratios)})"
        )


def makespan(make: Callable[[Path], Runner], count: int, settings: RunConfiguration) -> float:
    """Seconds from the first run's first step to the last one's end."""
    with Trial(make) as trial:
        runs = trial.queue(count, settings)
        trial.runner.start()
        wait_for(lambda: trial.trained(runs[:1]))
        return wait_for(lambda: all(trial.store.run(run.id).state is State.FINISHED for run in runs))


# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────


def measure_wishes(data: Path, times: int, dataset: str, architecture: str) -> None:
    pauses, resumes, stops = [], [], []
    with Trial(over_ray(2, data)) as trial:
        [run] = trial.queue(1, configuration(100_000, dataset, architecture))
        trial.runner.start()
        wait_for(lambda: trial.trained([run]))

        def reach(*states: State) -> float:
            return wait_for(lambda: trial.store.run(run.id).state in states)

        for number in range(times):
            time.sleep(0.3)  # it trains again for a moment
            trial.store.pause(run.id)
            pauses.append(reach(State.PAUSED))
            trial.store.resume(run.id)
            resumes.append(reach(State.RUNNING))
            if number % 4 == 0:
                trial.store.stop(run.id)
                stops.append(reach(State.STOPPED))
                trial.store.resume(run.id)
                wait_for(lambda: trial.trained([run]))
    for what, values in (("pause", pauses), ("resume", resumes), ("stop", stops)):
        most = max(values)
        print(
            f"{what}: median {1000 * statistics.median(values):.0f} ms, at most {1000 * most:.0f} ms of {len(values)}"
        )


# ── scale ──────────────────────────────────────────────────────────────────────────────────────────────────


def sleeping(assignment: Assignment, board: Any, data: list[Any]) -> Iterator[Any]:
    """In place of `worker.train`: ten events a second, an epoch each two seconds, and nothing is computed."""
    from lazytrain.engine.cluster.board import Ear, node_id
    from lazytrain.engine.cluster.worker import add

    ear = Ear(board, assignment.run_id, assignment.wish)
    epochs = RunConfiguration.model_validate_json(assignment.configuration).hyperparameters.epochs
    steps = 2 * RATE
    yield Arrived(node=node_id(), device="cpu", device_name="none", reason="sleeps", versions="none", place=PLACE)
    yield Prepared(num_parameters=1, num_steps=epochs * steps, step=0)
    began = RunStarted(num_epochs=epochs, steps_per_epoch=steps, step=0, path="sleeps", device="cpu", threads=1)
    yield Batch(events=(began,), step=0, seconds=0.0, sent=time.time())
    events: list[Any] = []
    sent = time.monotonic()
    for step in range(1, epochs * steps + 1):
        time.sleep(1.0 / RATE)  # this is what it does in place of a step
        epoch, seconds = (step - 1) // steps + 1, step / RATE
        point = Point(step, 1.0 / step, 0.5, 0.01, 100.0, seconds)
        done = {"phase": "training", "done": step % steps, "total": steps}
        add(events, StepsDone(points=(point,), progress=Progress(**done, step=step, epoch=epoch, seconds=seconds)))
        if step % steps == 0:
            figures = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "test_accuracy": 0.5}
            record = EpochRecord(epoch=epoch, step=step, learning_rate=0.01, seconds=2.0, **figures)
            events.append(EpochEnded(record=record, best=False))
        held = ear.wish.hold
        if not held and time.monotonic() - sent < ear.pace:
            continue
        sent = time.monotonic()
        yield Batch(events=tuple(events), step=step, seconds=seconds, sent=time.time(), held=held)
        events.clear()
        while held and ear.wish.hold and not ear.wish.leave:
            ear.wait()
        if ear.wish.leave:
            return
    end = Batch(events=(RunFinished(reason="slept"),), step=epochs * steps, seconds=2.0 * epochs, sent=time.time())
    yield end
    ear.close()


class Watched(ClusterRunner):
    """Notes how old events are when they are written."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ages: list[float] = []
        self.watching = threading.Event()
        from lazytrain.engine.cluster.remote_trainer import RemoteTrainer

        write = RemoteTrainer._write

        def written(trainer: Any, training: Any, event: Any) -> None:
            write(trainer, training, event)
            if self.watching.is_set() and training.latest is not None and isinstance(event, StepsDone):
                self.ages.append(time.time() - training.latest.sent)

        RemoteTrainer._write = written  # type: ignore[method-assign]  # measured here alone
        RemoteTrainer._save = lambda *_, **__: None  # type: ignore[method-assign]  # nothing was learned


def measure_scale(queued: int, count: int, seconds: float) -> None:
    def make(home: Path) -> Runner:
        # Processes are used again: here the driver is looked at, not how long a process takes to start.
        tasks = {"train": sleeping, "max_calls": 0}
        share = Share(cpus=0.01)
        return Watched(home, home / "data", address="local", share=share, num_jobs=count, tasks=tasks)

    with Trial(make) as trial:
        trial.queue(queued, configuration(EPOCHS, "digits", "lazynet"))
        runner = trial.runner
        assert isinstance(runner, Watched)
        runner.start()

        def running() -> int:
            return sum(run.state is State.RUNNING for run in trial.store.runs())

        def size() -> int:
            return sum(path.stat().st_size for path in trial.home.rglob("*") if path.is_file())

        started = wait_for(lambda: running() >= count, 600.0)
        process, before_size = psutil.Process(), size()
        before, wall = process.cpu_times(), time.perf_counter()
        psutil.cpu_percent()
        runner.watching.set()
        time.sleep(seconds)  # the processor time of a while is asked for
        runner.watching.clear()
        after, wall, busy = process.cpu_times(), time.perf_counter() - wall, psutil.cpu_percent()
        used = (after.user + after.system - before.user - before.system) / wall
        ages = sorted(runner.ages)
        middle, late = 1000 * statistics.median(ages), 1000 * ages[int(0.95 * len(ages))]
        grown = (size() - before_size) / wall / 1024
        print(
            f"{count} at once, all begun after {started:.0f} s: {len(ages) / wall:,.0f} batches with {RATE * count:,} "
            f"events a second, written {middle:,.0f} ms after they were sent, 95 % within {late:,.0f} ms; "
            f"driver {used:.0%} of a core, "
            f"{process.memory_info().rss / 2**20:,.0f} MiB; files + {grown:,.0f} KiB/s; machine {busy:.0f} % busy"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray", description=__doc__)
    parser.add_argument("what", choices=("speed", "runs", "wishes", "scale"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--architecture", default="coolnet-v10")
    parser.add_argument("--epochs", type=int, default=60, help="of `runs`")
    parser.add_argument("--times", type=int, default=3, help="pairs of `speed` and `runs`, pauses of `wishes`")
    parser.add_argument("--queued", type=int, default=1000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    match asked.what:
        case "speed":
            measure_speed(asked.data, asked.times, asked.dataset, asked.architecture)
        case "runs":
            settings = configuration(asked.epochs, asked.dataset, asked.architecture)
            for _ in range(asked.times):
                home, ray = (makespan(make(2, asked.data), 4, settings) for make in (at_home, over_ray))
                print(f"four runs on two CPUs: {ray:.1f} s over Ray, {home:.1f} s by --jobs 2: {home / ray:.1%}")
        case "wishes":
            measure_wishes(asked.data, asked.times, asked.dataset, asked.architecture)
        case "scale":
            for count in asked.at_once:
                measure_scale(asked.queued, count, asked.seconds)


if __name__ == "__main__":
    main()
