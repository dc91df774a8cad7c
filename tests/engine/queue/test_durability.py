"""What a run survives: kills, full disks, crowds, frozen processes, deaths without progress, too little memory."""

from __future__ import annotations

import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from lazytrain.engine.compute.paths import AutogradPath
from lazytrain.engine.places import screens_lock
from lazytrain.engine.queue import trainer
from lazytrain.engine.records import Run, State, Trainer
from lazytrain.engine.store.journal import MAX_ATTEMPTS, Journal
from lazytrain.engine.store.locks import FileLock
from lazytrain.engine.store.store import Store
from tests.chaos.bench import Nursery
from tests.chaos.crowd import command_at_random
from tests.chaos.kills import kill_often
from tests.chaos.room import fill_and_free, small_disk
from tests.helpers.bench import Bench, configuration, wait_for

SEED = random.SystemRandom().randrange(10**6)


# ── for real, on processes: the long forms are `python -m tests.chaos` ─────────────────────────────────────


def test_kill_9_at_any_moment_changes_nothing(home: Path) -> None:
    kills = kill_often(home, num_kills=5, seed=SEED)
    assert kills.same, str(kills)
    assert kills.met.total() == 5


def test_a_full_disk_pauses_and_room_lets_it_go_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("a small filesystem needs root; the tests below fill the store alone")
        shortage = fill_and_free(disk, times=1, seed=SEED, epochs=6)
    assert shortage.same, str(shortage)
    assert "no room is left on the disk" in shortage.reason


def test_a_crowd_on_one_store_loses_and_doubles_nothing(home: Path) -> None:
    crowd = command_at_random(home, seconds=3.0, seed=SEED)
    assert crowd.faults == [], str(crowd)
    assert crowd.done.total() > 20


def test_a_frozen_trainer_is_seen_as_suspended(home: Path) -> None:
    with Store(home) as store, Nursery(home) as nursery:
        run = store.add_run(configuration("coolnet-v10", epochs=1000))
        trainee = nursery.start(run.id)
        try:
            wait_for(lambda: store.run(run.id).state is State.RUNNING, "the run to be trained")
            assert store.trainer(run.id) is Trainer.ALIVE
            trainee.send(signal.SIGSTOP)
            wait_for(lambda: store.trainer(run.id, after=2.5) is Trainer.SUSPENDED, "the run to be seen as suspended")
            assert store.run(run.id).state is State.RUNNING
            trainee.send(signal.SIGCONT)
            wait_for(lambda: store.trainer(run.id, after=2.5) is Trainer.ALIVE, "the run to be seen again")
        finally:
            trainee.kill()


# ── deaths without progress ────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_gets_no_further_counts_and_the_third_is_the_last(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id

        def die_at(step: int) -> Run:
            journal.claim(run_id)
            journal.rewind(run_id, 0, 0)
            journal.confirm(run_id, State.RUNNING, step=step)
            journal.recover()
            return journal.run(run_id)

        assert (die_at(100).state, die_at(90).attempts) == (State.QUEUED, 1)
        assert die_at(100).attempts == 2
        assert die_at(101).attempts == 0, "it got further"
        for attempts in range(1, MAX_ATTEMPTS):
            assert (die_at(50).attempts, journal.run(run_id).state) == (attempts, State.QUEUED)
        failed = die_at(50)
        assert failed.state is State.FAILED
        assert "ended 3 times without getting past step 101" in (failed.error or "")
        assert journal.queued() == []
        assert journal.resume(run_id).attempts == 0


def test_what_a_person_held_stays_held_when_its_process_dies(home: Path) -> None:
    with Journal(home) as journal:
        paused, stopping = journal.add_run(configuration()), journal.add_run(configuration())
        for run in (paused, stopping):
            journal.claim(run.id)
        journal.pause(paused.id)
        journal.confirm(paused.id, State.PAUSED)
        journal.stop(stopping.id)
        journal.recover()
        assert journal.queued() == []
        assert [journal.run(run.id).state for run in (paused, stopping)] == [State.STOPPED] * 2
        assert "while it was paused" in (journal.run(paused.id).outcome or "")


def test_a_paused_run_that_no_screen_shows_is_let_go(bench: Bench) -> None:
    now = [0.0]
    run, waiting = bench.queue("coolnet-v10", epochs=1000), bench.queue(epochs=1)
    runner = bench.runner(clock=lambda: now[0])
    wait_for(lambda: bench.step(run) > 0, "the first step")
    bench.store.pause(run.id)
    runner.nudge()
    bench.reaches(run, State.PAUSED)
    now[0] += trainer.LET_GO_SECONDS + 1
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "a screen shows it"
    runner.screenless = True
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "one did until now"
    with FileLock(screens_lock(bench.home), shared=True), FileLock(screens_lock(bench.home), shared=True):
        now[0] += trainer.LET_GO_SECONDS + 1
        threading.Event().wait(2 * trainer.WAIT_SECONDS)
        assert bench.state(run) is State.PAUSED, "two of other processes do"
        now[0] += trainer.LET_GO_SECONDS + 1
        threading.Event().wait(2 * trainer.WAIT_SECONDS)
        assert bench.state(run) is State.PAUSED
    threading.Event().wait(2 * trainer.WAIT_SECONDS)
    assert bench.state(run) is State.PAUSED, "they did until now"
    now[0] += trainer.LET_GO_SECONDS + 1
    bench.reaches(run, State.STOPPED)
    assert bench.store.run(run.id).outcome == "let go after 10 min paused without a screen"
    bench.reaches(waiting, State.FINISHED)
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_that_does_not_fit_is_computed_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.queue("lazynet", epochs=2, batch_size=16, optimizer="adam")
    original = AutogradPath.step

    def step(path: AutogradPath, *arguments: Any) -> Any:
        if path._micro_batches < 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return original(path, *arguments)

    monkeypatch.setattr(AutogradPath, "step", step)
    bench.train()
    finished = bench.store.run(run.id)
    assert (finished.state, finished.micro_batches) == (State.FINISHED, 4)
    assert "out of memory on cpu: each batch is computed in 4 parts from here on" in bench.texts(run)
    assert (finished.test_accuracy or 0) > 0.5

    hopeless, good = bench.queue("lazynet", batch_size=2, optimizer="adam"), bench.queue()
    bench.train()
    assert bench.state(good) is State.FINISHED
    assert "out of memory on cpu" in (bench.store.run(hopeless.id).error or "")
