"""kill -9 at random moments, resumed until done: the same weights and the same curve as if nothing had been."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from tests.chaos.bench import Nursery, Trainee
from tests.chaos.board import PHASES
from tests.helpers.bench import TINY, configuration, result

TARGETS = PHASES[:-1]


@dataclass
class Kills:
    """What the kills met, and what came of the run."""

    seed: int
    met: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    """How often the run failed after three attempts without progress, and was resumed by hand."""
    most_steps_repeated: int = 0
    num_runs: int = 0
    num_same: int = 0
    """Runs that ended with the weights and the curve of the one that nobody disturbed."""

    @property
    def same(self) -> bool:
        return self.num_same == self.num_runs > 0

    def __str__(self) -> str:
        met = ", ".join(f"{phase} {self.met[phase]}" for phase in TARGETS)
        return (
            f"seed {self.seed}: {self.met.total()} kills ({met}); {self.given_up} times resumed by hand; "
            f"at most {self.most_steps_repeated} steps repeated; "
            f"{self.num_same} of {self.num_runs} runs with the weights and curve of the undisturbed one"
        )


def kill_often(nursery: Nursery, home: Path, num_kills: int, seed: int, *, each: int = 0, epochs: int = 6) -> Kills:
    """Kill trainings `num_kills` times: each second time wherever they are, else in the phase met least so far.

    Goes on until each phase was met `each` times.
    """
    chance, kills = random.Random(seed), Kills(seed)
    settings = configuration(TINY, epochs=epochs)

    def enough() -> bool:
        return kills.met.total() >= num_kills and min(kills.met[phase] for phase in TARGETS) >= each

    with Store(home) as store:
        undisturbed = nursery.train(store, store.add_run(settings).id)
        kills.num_runs = 0
        while not enough():
            run = store.add_run(settings)
            kills.num_runs += 1
            while store.run(run.id).state is not State.FINISHED:
                target = min(TARGETS, key=lambda phase: (kills.met[phase], chance.random()))
                trainee = nursery.start(home, run.id)
                wherever = kills.met.total() % 2 == 0 and kills.met.total() < num_kills
                if not enough() and _meet(trainee, chance, None if wherever else target):
                    kills.met[trainee.board.phase] += 1
                else:
                    trainee.wait()
                _look(store, run.id, kills)
            kills.num_same += result(store, run.id) == undisturbed
    return kills


def _look(store: Store, run_id: str, kills: Kills) -> None:
    """Note how much the last start repeated, and resume a run that was given up."""
    reached = 0
    for message in store.messages(run_id):
        if message.text.startswith("interrupted after step"):
            reached = int(message.text.split()[3].rstrip(":").replace(",", ""))
        elif message.begun_at is not None:
            kills.most_steps_repeated = max(kills.most_steps_repeated, reached - message.begun_at)
            reached = 0
    if store.run(run_id).state is State.FAILED:
        kills.given_up += 1
        store.resume(run_id)


def _meet(trainee: Trainee, chance: random.Random, target: str | None) -> bool:
    """Kill a training at a random moment, or when it is in phase `target`; False if it ended before."""
    started = time.monotonic()
    wait, sightings = chance.uniform(0.0, 1.5), chance.randrange(1, 6)
    if target in ("start-up", "preparing", "resuming"):
        sightings = 1
    before = None
    while trainee.poll() is None:
        phase = trainee.board.phase
        sightings -= phase == target and before != phase
        before = phase
        if not sightings if target else time.monotonic() - started >= wait:
            time.sleep(chance.uniform(0.0, 0.004))
            trainee.kill()
            return trainee.board.phase != "ended"
        time.sleep(0.0003)
    return False
