"""Deaths without progress, runs that nobody shows, batches that don't fit."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from lazytrain.engine.compute.paths import AutogradPath
from lazytrain.engine.places import screens_lock
from lazytrain.engine.records import Run, State
from lazytrain.engine.run import trainer
from lazytrain.engine.store.generations import generation_path
from lazytrain.engine.store.journal import MAX_ATTEMPTS, Journal
from lazytrain.engine.store.locks import FileLock
from tests.helpers.bench import TINY, Bench, configuration, wait_for


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


def test_a_death_after_a_newer_checkpoint_is_not_counted(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        folder = journal.run_folder(run_id) / "checkpoints"
        folder.mkdir(parents=True)

        def die(step: int, saved: int) -> int:
            generation_path(folder, saved).touch()
            journal.claim(run_id)
            journal.confirm(run_id, State.RUNNING, step=step)
            journal.recover()
            return journal.run(run_id).attempts

        assert die(1000, saved=400) == 0
        # Killed each time before it got as far as once: it was saved further on.
        assert [die(900 + saved // 100, saved) for saved in (500, 600, 700, 800)] == [0] * 4
        assert [die(900, saved=800) for _ in range(2)] == [1, 2]
        assert die(900, saved=801) == 0
        (folder / "step-damaged.ckpt").touch()
        assert [die(900, saved=801) for _ in range(MAX_ATTEMPTS)] == [1, 2, 3]
        assert journal.run(run_id).state is State.FAILED


def test_how_its_process_ended_is_told(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        for _ in range(MAX_ATTEMPTS):
            journal.claim(run_id)
            journal.recover({run_id: "SIGSEGV, segmentation fault"})
        assert "at last by SIGSEGV, segmentation fault; resume it" in (journal.run(run_id).error or "")
        assert "its process ended (SIGSEGV, segmentation fault); queued" in journal.messages(run_id)[-2].text


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


def test_a_paused_run_that_no_screen_shows_is_let_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "WAIT_SECONDS", 0.1)
    now = [0.0]
    run, waiting = bench.queue(TINY, epochs=1000), bench.queue(epochs=1)
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
