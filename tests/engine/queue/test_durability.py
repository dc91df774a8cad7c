"""What a run survives, for real, on processes: kills, full disks, crowds, frozen processes.

The long forms are `python -m tests.chaos`.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazytrain.engine.records import State, TrainerState
from lazytrain.engine.store.store import Store
from tests.chaos.bench import Nursery
from tests.chaos.crowd import command_at_random
from tests.chaos.kills import kill_often
from tests.chaos.room import fill_and_free, small_disk
from tests.helpers.bench import TINY, Bench, configuration, wait_for

SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def test_kill_9_at_any_moment_changes_nothing(nursery: Nursery, home: Path) -> None:
    kills = kill_often(nursery, home, num_kills=3, seed=SEED)
    assert kills.same, str(kills)
    assert kills.met.total() == 3


def test_a_killed_trainer_is_noticed_and_its_run_goes_on(nursery: Nursery, bench: Bench) -> None:
    undisturbed, killed = bench.queue(TINY, epochs=3), bench.queue(TINY, epochs=3)
    bench.store.move(killed.id, -1)
    trainee = nursery.start(bench.home, killed.id)
    try:
        wait_for(lambda: bench.store.run(killed.id).epoch >= 1, "an epoch")
    finally:
        trainee.kill()
    assert bench.state(killed) is State.RUNNING  # nobody has looked yet
    bench.train()
    assert bench.state(killed) is State.FINISHED
    assert "interrupted after step" in bench.texts(killed)
    assert bench.result(killed) == bench.result(undisturbed)


def test_a_full_disk_pauses_and_room_lets_it_go_on(nursery: Nursery, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("a small filesystem needs root; the tests below fill the store alone")
        shortage = fill_and_free(nursery, disk, times=1, seed=SEED, epochs=6)
    assert shortage.same, str(shortage)
    assert "no room is left on the disk" in shortage.reason


@pytest.mark.slow
def test_a_crowd_on_one_store_loses_and_doubles_nothing(home: Path) -> None:
    crowd = command_at_random(home, seconds=3.0, seed=SEED)
    assert crowd.faults == [], str(crowd)
    assert crowd.done.total() > 20


def test_a_frozen_trainer_is_seen_as_suspended(nursery: Nursery, home: Path) -> None:
    with Store(home) as store:
        run = store.add_run(configuration(TINY, epochs=1000))
        trainee = nursery.start(home, run.id)
        try:
            wait_for(lambda: store.run(run.id).state is State.RUNNING, "the run to be trained")
            assert store.trainer(run.id) is TrainerState.ALIVE
            trainee.send(signal.SIGSTOP)
            wait_for(
                lambda: store.trainer(run.id, after=2.5) is TrainerState.SUSPENDED, "the run to be seen as suspended"
            )
            assert store.run(run.id).state is State.RUNNING
            trainee.send(signal.SIGCONT)
            wait_for(lambda: store.trainer(run.id, after=2.5) is TrainerState.ALIVE, "the run to be seen again")
        finally:
            trainee.kill()
