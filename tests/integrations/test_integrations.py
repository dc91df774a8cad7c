"""Lightning, Transformers and Keras, each in a process of its own: watched, paused, and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from tests.helpers import ROOT
from tests.helpers.bench import wait_for

PROGRAMS = Path(__file__).parent / "programs"


def needs(*names: str) -> None:
    if not any(find_spec(name) for name in names):
        pytest.skip(f"{names[0]} isn't installed: `pip install 'lazytrain[dev]'` brings it")


@contextmanager
def steered(home: Path, program: str, folder: Path) -> Iterator[tuple[Store, Run]]:
    """A training that is begun, paused, let go on, and left to the test; then stopped, which ends its process."""
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)}
    output = folder / "output"
    with Store(home) as store, output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, PROGRAMS / program, folder / "out"],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:

            def there() -> bool:
                assert process.poll() is None, output.read_text()
                return any(store.metrics(run.id) for run in store.runs())

            wait_for(there, "the first values")
            (run,) = store.runs()
            store.pause(run.id)
            wait_for(lambda: store.run(run.id).state is State.PAUSED, "the pause")
            step = store.run(run.id).step
            store.resume(run.id)
            wait_for(lambda: store.run(run.id).step > step, "it to go on")
            yield store, store.run(run.id)
            store.stop(run.id)
            assert process.wait(120) == 0, output.read_text()
        finally:
            process.kill()
            process.wait()
        assert store.run(run.id).state is State.STOPPED, output.read_text()


def metrics(store: Store, run: Run) -> set[str]:
    return {metric.name for metric in store.metrics(run.id)}


def test_lightning(home: Path, tmp_path: Path) -> None:
    needs("lightning", "pytorch_lightning")
    with steered(home, "lightning_module.py", tmp_path) as (store, run):
        wait_for(lambda: "val_loss" in metrics(store, run), "a validation")
        assert (run.name, run.project, run.tags, run.num_steps) == ("linear", "points", ("tiny",), 800_000)
        assert store.details(run.id)["config"] == {"lr": 0.1}
        assert metrics(store, run) == {"train_loss", "val_loss", "epoch"}
    assert f"{run.project}/{run.id}/checkpoints/" in (tmp_path / "output").read_text()


def test_transformers(home: Path, tmp_path: Path) -> None:
    needs("transformers")
    with steered(home, "transformers_trainer.py", tmp_path) as (store, run):
        wait_for(lambda: "eval_loss" in metrics(store, run), "an evaluation")
        assert (run.name, run.project, run.num_steps) == ("bert", "words", 400_000)
        config = store.details(run.id)["config"]
        assert (config["learning_rate"], config["model"]["hidden_size"]) == (1e-3, 8)
        assert metrics(store, run) >= {"loss", "eval_loss", "learning_rate", "grad_norm", "epoch"}
    with Store(home) as store:
        assert store.details(run.id)["summary"]["train_runtime"] > 0
    stopped = int((tmp_path / "output").read_text().split("saved at ")[1])
    assert (tmp_path / "out" / f"checkpoint-{stopped}").is_dir()


def test_keras(home: Path, tmp_path: Path) -> None:
    needs("keras")
    with steered(home, "keras_fit.py", tmp_path) as (store, run):
        wait_for(lambda: "val_accuracy" in metrics(store, run), "an epoch")
        assert (run.name, run.project, run.num_steps) == ("dense", "points", 600_000)
        config = store.details(run.id)["config"]
        assert config["optimizer"]["learning_rate"] == pytest.approx(0.1)
        known = {"loss", "val_loss", "accuracy", "val_accuracy", "epoch", "batch/loss", "batch/accuracy"}
        assert metrics(store, run) == known


def test_a_library_that_is_missing_is_told_with_the_command_that_brings_it() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('keras', 'transformers', 'lightning', 'pytorch_lightning')))\n"
        "for name in ('keras', 'transformers', 'lightning'):\n"
        "    try: __import__(f'lazytrain.integrations.{name}')\n"
        "    except ImportError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told.splitlines() == [
        "keras isn't installed: `pip install keras` brings it",
        "transformers isn't installed: `pip install 'transformers[torch]'` brings it",
        "lightning.pytorch or pytorch_lightning isn't installed: `pip install lightning` brings it",
    ]
