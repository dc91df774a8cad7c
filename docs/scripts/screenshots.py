"""`python -m docs.scripts.screenshots`: the stills, from real trainings on the digits in a store of their own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from docs.scripts.stage import IMAGES, configuration, has_curves, open_app, text, train_before, wait_until
from lazytrain.engine.records import State
from lazytrain.tui.app import LazytrainApp

SIZE = (120, 40)
SHOWN_FRACTION = 0.62
"""How far the run on the picture is."""


async def take(home: Path) -> None:
    """Train, and take the pictures on the way."""
    train_before(home, configuration("lazynet"), configuration("boringnet-relu", loss="mse", learning_rate=100.0))
    async with open_app(home, SIZE) as (app, pilot):
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
        await wait_until(pilot, lambda: all(has_curves(app.store.run(run.id)) for run in others))
        await pilot.press("3", "M")
        await wait_until(pilot, lambda: "compared" in text(app))
        await pilot.pause(2.0)
        save(app, "compare")


def save(app: LazytrainApp, name: str) -> None:
    """Write `docs/images/<name>.svg`."""
    path = IMAGES / f"{name}.svg"
    path.write_text(app.export_screenshot(title="lazytrain"), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asyncio.run(take(Path(folder)))
