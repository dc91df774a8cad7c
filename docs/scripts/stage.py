"""What the scripts that take pictures share: runs on the digits, and a real app in a store of its own to show them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.presets import load_catalogue, override
from lazytrain.tui.app import LazytrainApp

IMAGES = Path(__file__).resolve().parent.parent / "images"
PATIENCE_SECONDS = 500.0


def configuration(
    architecture: str, preset: str = "quick", presets_folder: Path | None = None, **changes: object
) -> RunConfiguration:
    """An architecture with a preset, shipped or of the user's folder, and what is changed of it."""
    catalogue = load_catalogue(presets_folder)
    return RunConfiguration(
        architecture_name=architecture,
        architecture=catalogue.architecture(architecture),
        hyperparameters_name=preset,
        hyperparameters=override(catalogue.hyperparameter_preset(preset), changes, "docs"),
        edits=tuple(changes),
    )


def train_before(home: Path, *configurations: RunConfiguration) -> None:
    """Train these, one after another, so that the screen has runs to show when it opens."""
    with Store(home) as store:
        for each in configurations:
            store.add_run(each)
    runner = Runner(home, home / "data", until_empty=True)
    runner.start()
    runner.join()


@asynccontextmanager
async def open_app(home: Path, size: tuple[int, int]) -> AsyncIterator[tuple[LazytrainApp, Pilot[int]]]:
    """The real app on `home`, which trains; what it trains at the end is stopped."""
    runner = Runner(home, home / "data")
    app = LazytrainApp(home, home / "data", runner=runner)
    async with app.run_test(size=size) as pilot:
        yield app, pilot
        runner.stop()
        await wait_until(pilot, lambda: runner.join(0))


async def wait_until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    """Let the app run until `holds`. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen never came to look like that")
        await pilot.pause(0.05)


def has_curves(run: Run) -> bool:
    """Whether it is far enough to be compared, or won't get further."""
    return run.epoch >= 8 or run.state.over


def text(app: LazytrainApp) -> str:
    """What is on the screen, without colours."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
