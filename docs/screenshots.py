"""`python docs/screenshots.py`: the README's pictures, from real trainings on the digits in a store of their own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from lazytrain.presets import load_catalogue, override
from lazytrain.tui.app import LazytrainApp

SIZE = (120, 40)
DOCS = Path(__file__).resolve().parent
PATIENCE_SECONDS = 300.0
SHOWN_FRACTION = 0.62
"""How far the run on the picture is."""


def configuration(architecture: str, **changes: object) -> RunConfiguration:
    """An architecture with `quick`, and what is changed of it."""
    catalogue = load_catalogue()
    return RunConfiguration(
        architecture_name=architecture,
        architecture=catalogue.architecture(architecture),
        hyperparameters_name="quick",
        hyperparameters=override(catalogue.hyperparameter_preset("quick"), changes, "screenshots"),
        edits=tuple(changes),
    )


async def wait_until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    """Let the app run until `holds`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen never came to look like that")
        await pilot.pause(0.1)


async def take(home: Path) -> None:
    """Train, and take the pictures on the way."""
    with Store(home) as store:
        for each in (configuration("lazynet"), configuration("boringnet-relu", loss="mse", learning_rate=100.0)):
            store.add_run(each)
    before = Runner(home, home / "data", until_empty=True)
    before.start()
    before.join()

    runner = Runner(home, home / "data")
    app = LazytrainApp(home, home / "data", runner=runner)
    async with app.run_test(size=SIZE) as pilot:
        await wait_until(pilot, lambda: "measured" in text(app))
        save(app, "launch")
        shown = app.store.add_run(configuration("coolnet-v10"))
        app.store.add_run(configuration("coolnet-v7"))
        app.store.add_run(configuration("coolnet-v10", learning_rate=0.1))
        app.nudge()
        app.open_monitor(shown.id)
        await wait_until(pilot, lambda: app.store.run(shown.id).fraction >= SHOWN_FRACTION)
        await pilot.pause(0.5)
        save(app, "monitor")
        if app.store.run(shown.id).state is not State.RUNNING:
            raise RuntimeError("the run was over before its picture was taken")
        # The runs after it, far enough to have curves.
        others = [run for run in app.store.runs() if run.architecture.startswith("coolnet")]
        await wait_until(pilot, lambda: all(_has_curves(app.store.run(run.id)) for run in others))
        await pilot.press("3", "M")
        await wait_until(pilot, lambda: "compared" in text(app))
        await pilot.pause(2.0)
        save(app, "compare")
        runner.stop()
        await wait_until(pilot, lambda: runner.join(0))


def _has_curves(run: Run) -> bool:
    """Whether it is far enough to be compared, or won't get further."""
    return run.epoch >= 8 or run.state.over


def text(app: LazytrainApp) -> str:
    """What is on the screen, without colours."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def save(app: LazytrainApp, name: str) -> None:
    """Write `docs/<name>.svg`."""
    path = DOCS / f"{name}.svg"
    path.write_text(app.export_screenshot(title="lazytrain"), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asyncio.run(take(Path(folder)))
