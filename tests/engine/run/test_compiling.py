"""Runs whose steps are compiled before they begin, by a process of its own that stands still here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lazytrain.engine.compute.fused.compiling import CannotCompile
from lazytrain.engine.records import State
from lazytrain.engine.run import launching
from tests.helpers.bench import Bench, wait_for


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path / "home") as made:
        yield made


def test_it_is_seen_paused_and_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def compile_ahead(*_: object) -> Iterator[float]:
        try:
            while True:
                yield 1.0
        finally:
            closed.append("ended")

    monkeypatch.setattr(launching, "compile_ahead", compile_ahead)
    run = bench.queue()
    runner = bench.runner()

    def phase() -> str:
        progress = bench.store.run(run.id).progress
        return progress.phase if progress else ""

    wait_for(lambda: phase() == "compiling the steps", "the compiler")
    bench.store.pause(run.id)
    runner.nudge()
    bench.reaches(run, State.PAUSED)
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)
    assert closed == ["ended"]


def test_where_it_fails_the_run_is_trained_without(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_ahead(*_: object) -> Iterator[float]:
        yield 0.5
        raise CannotCompile("the steps can't be compiled: RuntimeError: no")

    monkeypatch.setattr(launching, "compile_ahead", compile_ahead)
    run = bench.queue()
    bench.train()
    assert bench.state(run) is State.FINISHED
    said = "the steps can't be compiled: RuntimeError: no: trained without it, which takes several times as long"
    assert said in bench.texts(run)
