"""What every test shares: a home of its own, and one torch thread."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.helpers import examples
from tests.helpers.bench import Bench

# More than one OpenMP thread beside a busy neighbour makes small nets 10 to 100 times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more of the machine than of the code.
settings.register_profile("night", deadline=None, max_examples=examples.WHOLE)
settings.register_profile("change", deadline=None, max_examples=examples.SHARE)

MOST_WORKERS = 8
PROGRAMS = "LAZYTRAIN_PROGRAMS"
NICE = 10
"""Of `lazytrain work` and its jobs, where the settings don't say otherwise."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also what takes whole programs once more, in another variant")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `slow`, unless it is asked for: by --slow, or by its name."""
    if config.getoption("--slow") or any("::" in argument for argument in config.args):
        return
    left_out = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_configure(config: pytest.Config) -> None:
    """As nice as training that nobody watches: beside a busy test that gets a tenth of a core."""
    settings.load_profile("night" if config.getoption("--slow") else "change")
    if PROGRAMS not in os.environ:
        # What is compiled here is no matter of the user's cache; the processes that share the tests share it.
        folder = tempfile.TemporaryDirectory(prefix="lazytrain-programs-")
        config.add_cleanup(folder.cleanup)
        os.environ[PROGRAMS] = folder.name
    if hasattr(os, "nice") and os.nice(0) < NICE:
        os.nice(NICE - os.nice(0))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are cores, since many tests wait; tests that are named run in this process."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return 0
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


@pytest.fixture(autouse=True)
def as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """`work` in this process must not slow what is tested after it."""
    if hasattr(os, "setpriority"):
        monkeypatch.setattr(os, "setpriority", lambda *_: None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty LAZYTRAIN_HOME."""
    return tmp_path / "home"


@pytest.fixture
def bench(home: Path) -> Iterator[Bench]:
    """A home with a store, for runners on the CPU."""
    with Bench(home) as bench:
        yield bench


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training here rests between two events: what a test waits for meanwhile has the processor."""
    from lazytrain.engine.run.trainer import Trainer  # imports torch, which most tests need not

    obey, tick = Trainer._obey, threading.Event()

    def rest(trainer: Any) -> None:
        obey(trainer)
        tick.wait(0.02)

    monkeypatch.setattr(Trainer, "_obey", rest)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is saved."""
    monkeypatch.setattr("lazytrain.engine.run.saving.SAVE_SHARE", 100.0)
