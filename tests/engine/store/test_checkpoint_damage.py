"""Checkpoints that are damaged, gone, or of another machine: a run falls back to an older one and says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lazytrain.engine.records import State
from lazytrain.engine.run import saving
from lazytrain.engine.store import checkpoint
from lazytrain.engine.store.checkpoint import best_path, generations, load_checkpoint, load_newest
from tests.helpers.bench import TINY, Bench, result, wait_for

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-100] + bytes((content[-100] ^ 1,)) + content[-99:],
    "emptied": lambda _: b"",
}


@pytest.mark.usefixtures("often")
def test_every_generation_damaged_in_turn_falls_back_and_ends_with_the_same_bits(bench: Bench) -> None:
    undisturbed, damaged = (bench.queue(TINY, epochs=8, batch_size=16) for _ in range(2))
    runner = bench.runner()
    bench.reaches(undisturbed, State.FINISHED)
    folder = bench.store.run_folder(damaged.id) / "checkpoints"
    for number, damage in enumerate((*DAMAGES.values(), None)):
        wait_for(lambda epoch=number + 3: bench.store.run(damaged.id).epoch >= epoch, "another epoch")
        bench.store.stop(damaged.id)
        runner.nudge()
        bench.reaches(damaged, State.STOPPED)
        paths = generations(folder)
        assert len(paths) >= min(3, number + 1)
        # The newest, the two newest, all three; then all of them at once.
        for path in paths if damage is None else paths[: number + 1]:
            path.write_bytes((damage or DAMAGES["flipped"])(path.read_bytes()))
        expected = paths[number + 1 :] if damage else []
        bench.store.resume(damaged.id)
        runner.nudge()
        wait_for(lambda: bench.state(damaged) in (State.RUNNING, State.FINISHED), "the run to go on")
        texts = bench.texts(damaged)
        assert f"checkpoint skipped: {paths[0]}: damaged" in texts
        if expected:
            step = int(expected[0].stem.removeprefix("step-"))
            assert f"resumed at step {step:,}" in texts
        else:
            assert "starts anew: there is no checkpoint to go on from" in texts
    bench.reaches(damaged, State.FINISHED)
    assert result(bench.store, damaged.id) == result(bench.store, undisturbed.id)


@pytest.mark.slow
@pytest.mark.usefixtures("often")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # which is the death
def test_the_best_weights_are_those_that_the_checkpoint_calls_the_best(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the best weights were written and before the checkpoint was, or the other way round."""

    class Died(BaseException):
        pass

    run = bench.queue(TINY, epochs=6)
    folder = bench.store.run_folder(run.id) / "checkpoints"
    original = checkpoint.save_checkpoint
    deaths = iter((False, True, False, False, True, False, False, False, False, False))

    def die(*arguments: Any) -> Any:
        if next(deaths, False):
            raise Died
        return original(*arguments)

    monkeypatch.setattr(saving, "save_checkpoint", die)
    monkeypatch.setattr("lazytrain.engine.store.journal.Journal.end", lambda *_, **__: None)
    for _ in range(3):
        with contextlib.suppress(Died):
            bench.train()
        snapshot, problems = load_newest(folder)
        assert snapshot is not None
        assert problems == []
        best_epoch = snapshot["position"]["best_epoch"]
        assert load_checkpoint(best_path(folder, best_epoch))["net"].keys() == snapshot["net"].keys()
    assert "are lost" not in bench.texts(run)
    best = bench.store.run(run.id).best_epoch
    assert [path.name for path in folder.glob("best-*.ckpt") if path == best_path(folder, best or 0)]


def test_the_best_weights_that_are_gone_are_said_so(bench: Bench) -> None:
    run = bench.queue(TINY, epochs=1000)
    bench.runner()
    bench.stop_after_epoch(run, 2)
    for path in (bench.store.run_folder(run.id) / "checkpoints").glob("best-*.ckpt"):
        path.unlink()
    bench.store.resume(run.id)
    wait_for(lambda: "the weights of the best epoch so far" in bench.texts(run), "the loss to be said")


def test_another_torch_or_processor_is_a_warning_on_the_run(bench: Bench) -> None:
    run = bench.queue(TINY, epochs=1000)
    bench.runner()
    bench.stop_after_epoch(run, 1)
    folder = bench.store.run_folder(run.id) / "checkpoints"
    snapshot = load_checkpoint(generations(folder)[0])
    checkpoint.save_checkpoint(folder, {**snapshot, "torch": "1.0", "place": {"processor": "another"}})
    bench.store.resume(run.id)
    wait_for(lambda: "processor is" in bench.texts(run), "the warnings")
    assert f"torch is {torch.__version__}, was 1.0: the rest may differ in the last bits" in bench.texts(run)
    levels = {message.text[:8]: message.level for message in bench.store.messages(run.id)}
    assert levels["torch is"] == "warning"
    assert "compiler" not in bench.texts(run), "no compiler had a part in it"
