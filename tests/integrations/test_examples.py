"""Scripts that nobody wrote for lazytrain: with two lines added, or with the import changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from tests.helpers import ROOT

PROGRAMS = Path(__file__).parent / "programs"


def run_program(home: Path, *command: str) -> str:
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, cwd=home.parent, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_pytorchs_mnist_example(home: Path) -> None:
    run_program(home, str(PROGRAMS / "mnist.py"), "--epochs", "2", "--lr", "0.5")
    with Store(home) as store:
        (run,) = store.runs()
        assert (run.name, run.state) == ("mnist", State.FINISHED)
        assert store.details(run.id)["config"]["lr"] == 0.5
        assert {metric.name: metric.num_values for metric in store.metrics(run.id)} == {
            "train/loss": 10,
            "test/loss": 2,
            "test/accuracy": 2,
        }
        said = [message.text for message in store.messages(run.id, details=True)]
        assert any(text.startswith("Test set: Average loss:") for text in said)


def test_pytorchs_word_language_model_example(home: Path) -> None:
    run_program(home, str(PROGRAMS / "word_language_model.py"))
    with Store(home) as store:
        (run,) = store.runs()
        assert (run.state, run.step, run.num_steps) == (State.FINISHED, 50, 50)
        assert {metric.name for metric in store.metrics(run.id)} == {"train/loss", "lr", "val/loss", "val/ppl"}


def test_a_script_for_trackio_runs_with_the_import_changed(home: Path, tmp_path: Path) -> None:
    source = (PROGRAMS / "trackio_script.py").read_text()
    script = tmp_path / "quick_start.py"
    script.write_text(source.replace("import trackio as wandb", "import lazytrain as wandb"))
    told = run_program(home, str(script))
    assert "'samples' is a Markdown, not a number: it is left out" in told
    with Store(home) as store:
        runs = {run.name: run for run in store.runs()}
        assert set(runs) == {"trial-0", "trial-1"}
        run = runs["trial-1"]
        assert (run.state, run.project, run.run_group) == (State.FINISHED, "trackio-demo", "quick")
        assert {metric.name for metric in store.metrics(run.id)} == {
            *("epoch", "train/loss", "train/accuracy", "val/loss", "val/perplexity")
        }
        assert "done: trial 1 has ended" in [message.text for message in store.messages(run.id)]


def test_a_script_for_wandb_runs_with_the_import_changed(home: Path, tmp_path: Path) -> None:
    source = (PROGRAMS / "wandb_script.py").read_text()
    script = tmp_path / "script.py"
    script.write_text(source.replace("import wandb", "import lazytrain as wandb"))
    told = run_program(home, str(script))
    assert "init: entity has no meaning here, and is left out" in told
    assert "'samples' is a Image, not a number: it is left out" in told
    with Store(home) as store:
        runs = {run.name: run for run in store.runs()}
        assert set(runs) == {"renamed-0", "renamed-1"}
        run = runs["renamed-1"]
        assert (run.state, run.tags, run.note) == (State.FINISHED, ("demo",), "from the quick start")
        assert store.details(run.id)["summary"].keys() >= {"best", "train/loss", "val/perplexity"}
