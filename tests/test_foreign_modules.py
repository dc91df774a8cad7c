"""The installed command in a folder whose modules are called as ours are: nothing of them is imported."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.helpers.terminals import PtyTerminal, see, wait_for_exit

FOREIGN = ("engine.py", "engine/__init__.py", "lazytrain.py", "presets/__init__.py", "tui.py")
NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        float(images.mean())  # needs images that are there: such a net is tried in a process of its own
        return self.layers(images)
"""
STARTING_NET = """
import importlib.util
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

import beside


def look(answers):
    specs = [importlib.util.find_spec(name) for name in ("engine", "lazytrain", "presets", "tui", "only_here")]
    seen = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    foreign = [path for path in seen if Path(path).is_relative_to(Path.cwd())]
    answers.put((foreign, beside.VALUE))


class Net(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        for method in ("fork", "spawn", "forkserver"):
            context = multiprocessing.get_context(method)
            answers = context.SimpleQueue()
            child = context.Process(target=look, args=(answers,))
            child.start()
            child.join()
            assert child.exitcode == 0, f"{method}: {child.exitcode}"
            assert answers.get() == ([], 7), method
        look_too = "import beside, importlib.util; assert importlib.util.find_spec('only_here') is None"
        subprocess.run([sys.executable, "-c", look_too], check=True)
        Path(os.environ["TOLD"]).open("a").write("looked\\n")
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the command is a shell's")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`lazytrain` as pip puts it into an environment, whose packages are this one's and this checkout."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    packages = Path(
        subprocess.check_output(
            [environment / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    there = [*site.getsitepackages(), *(path for path in sys.path if path.endswith("site-packages"))]
    (packages / "this.pth").write_text("\n".join([str(ROOT), *dict.fromkeys(there)]))
    return Path(shutil.copy(ROOT / "lazytrain" / "command.sh", environment / "bin" / "lazytrain"))


@pytest.mark.parametrize("beside", [True, False])
def test_outside_an_environment_it_takes_the_python_that_has_it(tmp_path: Path, beside: bool) -> None:
    version = f"python3.{sys.version_info.minor}"
    prefix, elsewhere = tmp_path / "a prefix", tmp_path / "elsewhere"
    packages = prefix / "lib" / version / "site-packages"
    for path in (prefix / "bin", elsewhere, packages):
        path.mkdir(parents=True)
    (packages / "lazytrain").symlink_to(ROOT / "lazytrain")
    command = Path(shutil.copy(ROOT / "lazytrain" / "command.sh", prefix / "bin" / "lazytrain"))
    for path, text in (
        (prefix / "bin" / "python3", "exit 9"),
        ((prefix / "bin" if beside else elsewhere) / version, f'exec "{sys.executable}" "$@"'),
    ):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{elsewhere}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([command, "--version"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lazytrain ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a machine-learning project lies."""
    folder = tmp_path / "project"
    for name in FOREIGN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise RuntimeError(f'a foreign module was imported: {__file__}')\n")
    return folder


@pytest.mark.parametrize("python_path", [pytest.param(None, marks=pytest.mark.slow), "."])
def test_a_folder_with_modules_of_our_names_changes_nothing(
    command: Path, folder: Path, home: Path, python_path: str | None
) -> None:
    nets = home / "presets" / "architectures"
    nets.mkdir(parents=True)
    (nets / "mine.toml").write_text('title = "Mine"\nmodule = "engine_net:Net"\n')
    (home / "presets" / "engine_net.py").write_text(NET)
    unwanted = ("LAZYTRAIN_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environment |= {"LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    if python_path is not None:
        environment["PYTHONPATH"] = python_path

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert "foreign" not in done.stderr
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("train", "mine", "quick", "--set", "epochs=1")
    run("queue", "lazynet", "quick", "--set", "epochs=1")
    run("work", "--jobs", "2")
    assert [each["state"] for each in json.loads(run("runs", "--json"))] == ["finished"] * 2
    assert "taken for" in run("mistakes", "last")
    with PtyTerminal([str(command)], folder, environment) as screen:
        see(screen, "Architecture", "Mine", "queue")
        screen.press("q")
        assert wait_for_exit(screen) == 0


def test_what_a_net_starts_sees_its_modules_and_not_the_folders(command: Path, folder: Path, home: Path) -> None:
    nets = home / "presets" / "architectures"
    nets.mkdir(parents=True)
    (nets / "mine.toml").write_text('title = "Mine"\nmodule = "starting_net:Net"\n')
    (home / "presets" / "starting_net.py").write_text(STARTING_NET)
    (home / "presets" / "beside.py").write_text("VALUE = 7\n")
    (folder / "only_here.py").touch()
    (home / "settings.toml").write_text(f'notify_command = "env > {home / "told"}"\n')
    unwanted = ("LAZYTRAIN_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environment |= {"LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1", "TOLD": str(home / "looked")}
    done = subprocess.run(
        [command, "train", "mine", "quick", "--set", "epochs=1"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (home / "looked").read_text().count("looked") >= 2, "where it was tried, and where it was trained"
    told = (home / "told").read_text()
    assert "LAZYTRAIN_" in told
    assert "PYTHONSAFEPATH" not in told
    assert "PYTHONPATH" not in told
