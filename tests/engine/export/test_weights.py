"""Weights that load without lazytrain: the net that `load.py` builds gives the same bits as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.batches import normalise
from lazytrain.engine.data.datasets import DatasetError, describe_dataset
from lazytrain.engine.data.loading import load_dataset
from lazytrain.engine.export.files import write_files
from lazytrain.engine.export.formats import Format, plan_export
from lazytrain.engine.export.weights import Describe, Which
from lazytrain.engine.places import module_folder
from lazytrain.engine.records import Run
from lazytrain.engine.store.checkpoint import load_newest, save_best, save_checkpoint
from lazytrain.engine.store.store import Store
from lazytrain.presets import Architecture, Hyperparameters
from tests.helpers import command_line
from tests.helpers.command_line import QUICK, Command
from tests.helpers.nets import small_configuration

command = command_line.run

EVERY_KIND = Architecture.model_validate(
    {
        "title": "every kind of layer",
        "layers": [
            {"conv": 4, "kernel": 3, "padding": 1, "stride": 2, "bias": False},
            *(
                "batch_norm",
                "relu",
                {"residual": ["tanh", "batch_norm"]},
                {"maxpool": 2, "stride": 1},
                {"conv": 5, "kernel": 2},
                "gelu",
                {"avgpool": 2},
            ),
            *({"dropout": 0.3}, "sigmoid", "global_avgpool", {"linear": 7, "bias": False}, "tanh", "batch_norm"),
            *({"leaky_relu": 0.123456789}, {"linear": 6}, "leaky_relu", "relu"),
        ],
    }
)
FLAT = Architecture.model_validate({"title": "flat", "layers": ["flatten", {"linear": 8}, "leaky_relu"]})
RESNET = Architecture.model_validate({"title": "ResNet", "torchvision": "resnet18"})


def known(values: Hyperparameters) -> Any:
    return describe_dataset(values.dataset, Path("nowhere"), Path("nowhere"), values.image_size)


def add_trained(home: Path, configuration: RunConfiguration, net: torch.nn.Module, best_epoch: int = 2) -> Run:
    """A run with `net` as its newest checkpoint, and with other weights, each 1 more, as those of its best epoch."""
    with Store(home) as store:
        run = store.add_run(configuration)
        folder = store.run_folder(run.id) / "checkpoints"
        weights = net.state_dict()
        save_best(folder, {name: tensor + 1 for name, tensor in weights.items()}, best_epoch)
        position = {"step": 12_500, "epoch": 3, "step_in_epoch": 0, "best_epoch": best_epoch}
        save_checkpoint(folder, {"net": weights, "position": position})
        with store.connection:
            store.connection.execute("UPDATE runs SET best_epoch = ? WHERE id = ?", (best_epoch, run.id))
        return store.run(run.id)


def export(home: Path, run: Run, output: Path, which: Which = "last", describe: Describe = known) -> None:
    with Store(home) as store:
        write_files(plan_export(store, [run], Format.WEIGHTS, output, describe=describe, which=which), force=False)


def load_script(folder: Path) -> dict[str, Any]:
    """`load.py`, run as a module; `load_net` and all."""
    path = folder / "load.py"
    names: dict[str, Any] = {"__name__": "load", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


@pytest.mark.parametrize("architecture", [EVERY_KIND, FLAT, RESNET], ids=lambda each: each.title)
def test_the_net_that_load_py_builds_gives_our_bits(architecture: Architecture, home: Path, tmp_path: Path) -> None:
    net = build_net(architecture, (3, 32, 32), 10, seed=5)
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    net.train()
    with torch.no_grad():
        net(normalise(images))  # batch norm's running figures are no longer those it began with
    net.eval()
    run = add_trained(home, small_configuration(architecture), net)
    export(home, run, tmp_path / "taken")
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == [
        "load.py",
        "weights.pt",
        "weights.safetensors",
    ]
    script = load_script(tmp_path / "taken")
    theirs = script["load_net"](tmp_path / "taken")
    with torch.no_grad():
        expected = net(normalise(images))
        assert torch.equal(theirs(script["normalise"](images)), expected)
        again = script["build_net"]()
        again.load_state_dict(load_file(tmp_path / "taken" / "weights.safetensors"))
        assert torch.equal(again.eval()(script["normalise"](images)), expected)
    assert script["CLASSES"] == tuple("0123456789")
    assert script["INPUT_SHAPE"] == (3, 32, 32)


def test_best_and_last_are_told_apart(home: Path, tmp_path: Path) -> None:
    net = build_net(FLAT, (3, 32, 32), 10, seed=0)
    run = add_trained(home, small_configuration(FLAT), net)
    for which in ("best", "last"):
        export(home, run, tmp_path / which, which)
    best, last = (torch.load(tmp_path / which / "weights.pt", weights_only=True) for which in ("best", "last"))
    assert all(torch.equal(best[name], last[name] + 1) for name in last)
    with safe_open(tmp_path / "best" / "weights.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["weights"] == "its best epoch, 2"
    assert json.loads(metadata["classes"]) == list("0123456789")
    assert "its last checkpoint, at step 12,500" in (tmp_path / "last" / "load.py").read_text()


def test_a_damaged_checkpoint_is_passed_over_and_left_as_it_is(home: Path, tmp_path: Path) -> None:
    run = add_trained(home, small_configuration(FLAT), build_net(FLAT, (3, 32, 32), 10, seed=0))
    with Store(home) as store:
        damaged = store.run_folder(run.id) / "checkpoints" / "step-000000099999.ckpt"
    damaged.write_bytes(b"{}")
    export(home, run, tmp_path / "taken")
    assert "at step 12,500" in (tmp_path / "taken" / "load.py").read_text()
    assert damaged.is_file()


def test_without_the_data_classes_have_numbers(home: Path, tmp_path: Path) -> None:
    configuration = small_configuration(FLAT, dataset="folder:cats", image_size=16)
    run = add_trained(home, configuration, build_net(FLAT, (3, 16, 16), 3, seed=0))

    def missing(_values: Hyperparameters) -> DatasetError:
        return DatasetError("no folder cats")

    export(home, run, tmp_path / "taken", describe=missing)
    script = load_script(tmp_path / "taken")
    assert script["CLASSES"] == ("0", "1", "2")
    assert script["INPUT_SHAPE"] == (3, 16, 16)
    assert "no folder cats" in script["__doc__"]
    assert script["load_net"](tmp_path / "taken")(torch.zeros(2, 3, 16, 16)).shape == (2, 3)


def test_it_says_how_torchvisions_images_were_made(home: Path, tmp_path: Path) -> None:
    configuration = small_configuration(FLAT, dataset="torchvision:FashionMNIST", image_size=16)
    run = add_trained(home, configuration, build_net(FLAT, (3, 16, 16), 10, seed=0))
    export(home, run, tmp_path / "taken")
    script = load_script(tmp_path / "taken")
    assert script["CLASSES"][:2] == ("T-shirt/top", "Trouser")
    assert script["INPUT_SHAPE"] == (3, 16, 16)
    assert "resized to 16×16" in script["__doc__"]
    assert "28×28 grey, made 16×16 RGB" in script["__doc__"]


def test_a_users_own_net_is_imported(home: Path, tmp_path: Path) -> None:
    code = "from torch import nn\n\n\ndef Net(num_classes, width):\n    return nn.Linear(width, num_classes)\n"
    (tmp_path / "my_nets.py").write_text(code)
    own = Architecture.model_validate({"title": "own", "module": "my_nets:Net", "arguments": {"width": 12}})
    run = add_trained(home, small_configuration(own), torch.nn.Linear(12, 10))
    export(home, run, tmp_path / "taken")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", "import load; print(load.load_net())"],
        cwd=tmp_path / "taken",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "Linear(in_features=12, out_features=10, bias=True)"
    assert "my_nets:Net is your own code" in (tmp_path / "taken" / "load.py").read_text()


def test_a_users_own_source_comes_along(home: Path, tmp_path: Path) -> None:
    net = "from own_parts import Layer\n\n\nclass Net(Layer): ...\n"
    package = {"__init__.py": "from .inner.nets import Net\n", "inner/__init__.py": "", "inner/nets.py": net}
    forms = {
        "own_file": {"own_file.py": net},
        "own_package": {f"own_package/{name}": text for name, text in package.items()},
    }
    for name, files in forms.items():
        take_away(home, tmp_path / name, name, files)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    scripts = [str(tmp_path / name / "load.py") for name in forms]
    text = f"import runpy; print([runpy.run_path(script)['load_net']().out_features for script in {scripts}])"
    said = subprocess.run([sys.executable, "-c", text], cwd=elsewhere, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[10, 10]"


def take_away(home: Path, taken: Path, module: str, files: dict[str, str]) -> None:
    """Export a run of the net in `files`, and look whether all of its source, and nothing else, came along."""
    folder = module_folder(home)
    files |= {
        "own_parts.py": "from torch import nn\n\n\nclass Layer(nn.Linear):\n"
        "    def __init__(self, num_classes): super().__init__(12, num_classes)\n"
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "unrelated.py").write_text("", encoding="utf-8")
    own = Architecture.model_validate({"title": "own", "module": f"{module}:Net"})
    run = add_trained(home, small_configuration(own), torch.nn.Linear(12, 10))
    export(home, run, taken)
    assert {path.relative_to(taken).as_posix() for path in taken.rglob("*.py")} == {"load.py", *files}


def test_a_real_run_is_taken_away_and_sees_a_digit(command: Command, home: Path, tmp_path: Path) -> None:
    trained = command("train", "lazynet", *QUICK)
    assert trained.status == 0, trained.err
    result = command("export", "last", "-f", "weights", "--checkpoint", "last", "-o", str(tmp_path / "net"))
    assert result.status == 0, result.err
    with Store(home) as store:
        run = store.find("last")
        snapshot, _ = load_newest(store.run_folder(run.id) / "checkpoints")
        ours = build_net(store.configuration(run.id).architecture, (3, 32, 32), 10, seed=0)
    assert snapshot is not None
    ours.load_state_dict(snapshot["net"])
    images = load_dataset("digits", home, home / "cache" / "datasets").test.images[:50]
    script = load_script(tmp_path / "net")
    with torch.no_grad():
        assert torch.equal(
            script["load_net"](tmp_path / "net")(script["normalise"](images)), ours.eval()(normalise(images))
        )
    Image.fromarray(images[0].permute(1, 2, 0).numpy()).save(tmp_path / "digit.png")
    said = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "net" / "load.py"), str(tmp_path / "digit.png")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    with torch.no_grad():
        likeliest = int(ours(normalise(images[:1])).argmax())
    assert said.stdout.startswith(f"{tmp_path / 'digit.png'}: {likeliest} ")
