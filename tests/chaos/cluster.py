"""Workers, nodes and drivers of a Ray cluster die at random: the same bits as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from lazytrain.engine.child_process import ROOT, python_command
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from tests.helpers.bench import TINY, Bench, configuration, result
from tests.helpers.clusters import add_node, ray_cluster

EPOCHS = 120
"""Of a run: some ten seconds."""
NUM_RUNS = 4
ORPHANS_SECONDS = 10.0
PATIENCE_SECONDS = 600.0


@dataclass
class Losses:
    """What died, and what came of the runs."""

    seed: int
    met: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    """How often a run failed after three attempts without progress, and was resumed by hand."""
    longest_orphan: float = 0.0
    """Seconds that a worker outlived its driver."""
    num_runs: int = 0
    num_same: int = 0

    @property
    def good(self) -> bool:
        return self.num_same == self.num_runs > 0 and self.longest_orphan <= ORPHANS_SECONDS

    def __str__(self) -> str:
        met = ", ".join(f"{count} {what}" for what, count in sorted(self.met.items()))
        return (
            f"seed {self.seed}: {met} killed; {self.given_up} times resumed by hand; orphans gone within "
            f"{self.longest_orphan:.1f} s; {self.num_same} of {self.num_runs} runs with the bits of the undisturbed one"
        )


def find_workers() -> list[psutil.Process]:
    """The processes of this machine that train for a driver."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(word.startswith("ray::train") for word in process.info["cmdline"] or ()):
            found.append(process)
    return found


def start_driver(address: str, home: Path) -> subprocess.Popen[bytes]:
    """`lazytrain work --ray`, in a process of its own."""
    return subprocess.Popen(
        python_command("lazytrain", "work", "--ray", address, "--forever", "--home", str(home)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def lose_often(home: Path, num_losses: int, seed: int) -> Losses:
    """Kill workers, nodes and drivers `num_losses` times while runs are trained, then let them end."""
    chance, losses = random.Random(seed), Losses(seed)
    settings = configuration(TINY, epochs=EPOCHS)
    with Bench(home.with_name("at-home")) as bench:
        alone = bench.store.add_run(settings)
        bench.train()
        undisturbed = bench.result(alone)
    with ray_cluster(1, 1, 1) as cluster, Store(home) as store:
        nodes: list[Any] = list(cluster.worker_nodes)
        runs = [store.add_run(settings) for _ in range(NUM_RUNS)]
        driver = start_driver(cluster.address, home)
        try:
            for number in range(num_losses):
                if all(store.run(run.id).state is State.FINISHED for run in runs[-NUM_RUNS:]):
                    runs += [store.add_run(settings) for _ in range(NUM_RUNS)]
                _wait_for_some(store, runs, losses)
                time.sleep(chance.uniform(0.0, 3.0))
                what = chance.choice(("worker", "worker", "node", "driver"))
                losses.met[what] += 1
                match what:
                    case "worker":
                        _kill_one(chance)
                    case "node":
                        gone = nodes.pop(chance.randrange(len(nodes)))
                        cluster.remove_node(gone, allow_graceful=False)
                        nodes.append(add_node(cluster, 1, f"node-{number + 10}"))
                    case _:
                        orphans = {process.pid for process in find_workers()}
                        driver.kill()
                        driver.wait()
                        began = time.monotonic()
                        _wait(lambda: not orphans & {each.pid for each in find_workers()}, "the orphans' end")  # noqa: B023
                        losses.longest_orphan = max(losses.longest_orphan, time.monotonic() - began)
                        driver = start_driver(cluster.address, home)
            _wait(lambda: _are_done(store, runs, losses), "the runs' end")
        finally:
            driver.terminate()
            driver.wait()
        losses.num_runs = len(runs)
        losses.num_same = sum(result(store, run.id) == undisturbed for run in runs)
    return losses


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
        time.sleep(0.05)


def _wait_for_some(store: Store, runs: list[Run], losses: Losses) -> None:
    """Wait until one of them is trained."""

    def some() -> bool:
        _resume_failed(store, runs, losses)
        return any(store.run(run.id).state is State.RUNNING for run in runs)

    _wait(some, "a run to be trained")


def _resume_failed(store: Store, runs: list[Run], losses: Losses) -> None:
    """Runs that were given up go on."""
    for run in runs:
        if store.run(run.id).state is State.FAILED:
            losses.given_up += 1
            store.resume(run.id)


def _are_done(store: Store, runs: list[Run], losses: Losses) -> bool:
    _resume_failed(store, runs, losses)
    return all(store.run(run.id).state is State.FINISHED for run in runs)


def _kill_one(chance: random.Random) -> None:
    if workers := find_workers():
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(workers).kill()
