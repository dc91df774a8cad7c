"""What each way into the program imports: each is started in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers import ROOT

SCREEN = ("textual", "typer", "plotext")
TRAINING = ("torch", "torchvision", "sklearn")
HEAVY = ("matplotlib", "jinja2", "tensorboard", "apprise", "textual_image")
"""Wanted by one command, or one key: imported when that is asked for."""
NUMBERS = ("numpy", "PIL", "pydantic")


def imported(code: str) -> set[str]:
    """The top-level packages that are there after `code`."""
    code = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_public_package_takes_nothing_but_the_standard_library() -> None:
    extra = imported("import lazytrain") - imported("") - {"lazytrain"}
    assert extra <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("lazytrain.__main__", (*SCREEN, *TRAINING, *HEAVY, *NUMBERS)),
        ("lazytrain.tui.start", (*SCREEN, *TRAINING, *HEAVY, *NUMBERS)),
        ("lazytrain.tui.terminal.parent", (*SCREEN, *TRAINING, *HEAVY, *NUMBERS)),
        ("lazytrain.tui.app", ("typer", "plotext", *TRAINING, *HEAVY, *NUMBERS)),
        ("lazytrain.tui.commands.cli", ("textual", "plotext", *TRAINING, *HEAVY, "numpy", "PIL")),
        ("lazytrain.tui.commands.completion", ("textual", "plotext", *TRAINING, *HEAVY, "numpy", "PIL")),
        ("lazytrain.engine.queue.supervisor", (*SCREEN, *TRAINING, *HEAVY)),
        ("lazytrain.engine.queue.job", (*SCREEN, *TRAINING, *HEAVY)),
        ("lazytrain.engine.analysis.inspection_process", (*SCREEN, *TRAINING, *HEAVY)),
        ("lazytrain.engine.compute.trial", (*SCREEN, *HEAVY)),
        ("lazytrain.engine.settings.send_notice", (*SCREEN, *TRAINING, *HEAVY)),
        ("lazytrain.engine.data.vision.download", (*SCREEN, *TRAINING, *HEAVY)),
    ],
)
def test_an_entry_point_imports_only_what_it_needs(module: str, never: tuple[str, ...]) -> None:
    assert imported(f"import {module}") & set(never) == set()


def test_the_whole_engine_imports_no_screen() -> None:
    code = (
        "import importlib, pkgutil, lazytrain.engine as engine\n"
        "for each in pkgutil.walk_packages(engine.__path__, 'lazytrain.engine.'): importlib.import_module(each.name)"
    )
    found = imported(code)
    assert "torch" in found, "it was all imported"
    assert found & {*SCREEN, "textual_image"} == set()
