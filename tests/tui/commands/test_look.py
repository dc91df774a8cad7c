"""`presets`, `runs` and `show`."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters
from tests.helpers import command_line
from tests.helpers.command_line import Command, finished_run

run = command_line.run


def test_presets_lists_what_there_is_and_what_is_broken(run: Command, home: Path) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "wide.toml").write_text('title = "wide"\nlayers = [{ linear = 2 }]')
    (folder / "broken.toml").write_text('title = "broken"\nlayers = [{ linear = -2 }]')
    shown = run("presets")
    assert shown.status == 0
    assert re.search(r"^coolnet-v10 +62,006 ", shown.out, re.MULTILINE)
    assert re.search(r"^wide \(yours\) +6,176", shown.out, re.MULTILINE)
    assert re.search(r"^mse +.*epochs 200", shown.out, re.MULTILINE)
    assert f"broken: {folder / 'broken.toml'}: layers.1.linear = -2" in shown.out

    listed = json.loads(run("presets", "--json").out)
    architectures = {preset["name"]: preset for preset in listed["architectures"]}
    assert architectures["coolnet-v10"]["parameters"] == 62_006
    assert architectures["wide"]["origin"] == "yours"
    assert "layers.1.linear" in architectures["broken"]["error"]
    hyperparameters = {preset["name"]: preset for preset in listed["hyperparameters"]}
    assert hyperparameters["lr-10"]["changed"] == ["learning_rate"]
    assert hyperparameters["lr-10"]["values"]["batch_size"] == 4


def test_json_has_the_promised_fields(run: Command, home: Path) -> None:
    made = finished_run(home)
    (listed,) = json.loads(run("runs", "--json").out)
    assert json.loads(run("show", "mine", "--json").out) == listed
    assert listed["id"] == made.id
    promised = {
        *("id", "name", "architecture", "hyperparameters", "state", "device", "seed", "epoch", "num_epochs", "step"),
        *("num_steps", "error", "weights_sha256", "created", "started", "ended", "epochs"),
    }
    assert promised <= set(listed)
    assert set(listed["hyperparameters"]) == set(Hyperparameters.model_fields)
    assert (listed["state"], listed["device"], listed["epoch"], listed["num_epochs"]) == ("finished", "cpu", 2, 2)
    assert (listed["num_steps"], listed["error"], listed["weights_sha256"]) == (722, None, None)
    promised = {
        *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"),
    }
    assert promised <= set(listed["epochs"][1])
    assert listed["epochs"][1]["test_accuracy"] == 0.75
    for moment in ("created", "started", "ended"):
        assert datetime.fromisoformat(listed[moment]).tzinfo is not None


def test_nan_is_null_in_json(run: Command, home: Path) -> None:
    finished_run(home, train_loss=float("nan"))
    shown = run("show", "last", "--json").out
    assert "NaN" not in shown
    assert json.loads(shown)["epochs"][0]["train_loss"] is None


def test_runs_and_show_for_people(run: Command, home: Path) -> None:
    made = finished_run(home)
    line = run("runs").out.splitlines()[1]
    assert re.search(rf"finished +mine +{made.id} +2/2 +75\.0 % @ 2 +test +75\.0 %", line)
    shown = run("show", made.id[:6]).out
    for words in (
        "finished  mine",
        "learning_rate",
        "best       75.0 % at epoch 2, chosen on test",
        "log",
        "all epochs done",
    ):
        assert words in shown


def test_the_run_list_fits_80_columns(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from lazytrain.tui.plain.run_table import print_runs

    made = finished_run(home)
    with Store(home) as store:
        store.rename(made.id, "a name that is much longer than any terminal of eighty columns could ever show whole")
        shown = io.StringIO()
        print_runs(store.runs(), Console(file=shown, width=80, force_terminal=True, color_system=None))
    for line in shown.getvalue().splitlines():
        assert len(line.rstrip()) <= 80
    assert "…" in shown.getvalue()
    assert made.id in shown.getvalue()
    assert "75.0 % @ 2" in shown.getvalue()
