"""Several processes that train one net: they are paused together, and leave at the same step."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.engine.tracking.together import EVERY, Together
from tests.helpers import ROOT
from tests.helpers.bench import wait_for

PROGRAM = Path(__file__).parent / "programs" / "together.py"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("how", ["steps", pytest.param("asks", marks=pytest.mark.slow)])
def test_they_leave_at_the_same_step(home: Path, how: str) -> None:
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, PROGRAM, how],
            env={**os.environ, **shared, "LAZYTRAIN_HOME": str(home), "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        for rank in range(2)
    ]
    try:
        with Store(home) as store:

            def runs() -> bool:
                assert all(process.poll() is None for process in processes)
                return any(store.metrics(run.id) for run in store.runs())

            wait_for(runs, "the first values")
            (run,) = store.runs()
            store.pause(run.id)
            wait_for(lambda: store.run(run.id).state is State.PAUSED, "the pause")
            step = store.run(run.id).step
            store.resume(run.id)
            wait_for(lambda: store.run(run.id).step > step, "it to go on")
            store.stop(run.id)
            told = [process.communicate(timeout=120)[0] for process in processes]
            assert [process.returncode for process in processes] == [0, 0], told
            assert store.run(run.id).state is State.STOPPED
    finally:
        for process in processes:
            process.kill()
            process.wait()
    left = [text.split("left after ")[1] for text in told]
    assert left[0] == left[1]
    assert [text.count(f"saved by {rank}") for rank, text in enumerate(told)] == [1, 1]


class Words:
    """A store of torch.distributed's, in this process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.gone = False

    def set(self, key: str, value: str) -> None:
        self.kept[key] = value.encode()

    def get(self, key: str) -> bytes:
        return self.kept[key]

    def check(self, keys: list[str]) -> bool:
        if self.gone:
            raise RuntimeError("connection closed")
        return all(key in self.kept for key in keys)


def both(words: Words) -> tuple[Together, Together]:
    first, other = Together(leads=True), Together(leads=False)
    first._store = other._store = words
    return first, other


def test_a_word_is_given_every_few_steps() -> None:
    words = Words()
    first, other = both(words)
    asked: list[int] = []
    for step in range(2 * EVERY["steps"] + 1):
        leaves = first.agree("steps", lambda: asked.append(step) or step >= EVERY["steps"])  # noqa: B023
        assert other.agree("steps", bool) == leaves == (step >= EVERY["steps"])
    assert asked == [0, EVERY["steps"]]


def test_nobody_waits_for_one_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazytrain.engine.tracking.together.LOOK_SECONDS", 0.0)
    words = Words()
    first, other = both(words)
    first.end()
    assert not other.agree("asks", bool)
    assert not other.active()
    _, other = both(words)
    words.gone = True
    assert not other.agree("steps", bool)
    assert not other.active()
