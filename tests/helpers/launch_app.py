"""The whole app without a runner, or with one that only does what a test tells it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot

from lazytrain.engine.queue.duty import RunnerStatus
from lazytrain.engine.queue.runner import Runner
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.preset_list import PresetList
from lazytrain.tui.screens.launch import LaunchScreen

V9 = """
title = "CoolNet v9"
layers = [
  { conv = 6, kernel = 5 }, "relu", { maxpool = 4 },
  { conv = 16, kernel = 5 }, "relu", { maxpool = 4 },
  { linear = 120 }, "relu", { linear = 84 }, "relu",
]
"""


class FakeRunner:
    """Counts what it is asked; `join` returns when `ended` is set."""

    def __init__(self, phase: str = "idle", text: str = "idle") -> None:
        self.status = RunnerStatus(phase=cast(Any, phase), text=text)
        self.holds_device = phase in ("idle", "training")
        self.asked: list[str] = []
        self.ended = threading.Event()

    def start(self) -> None:
        self.asked.append("start")

    def nudge(self) -> None:
        self.asked.append("nudge")

    def stop(self) -> None:
        self.asked.append("stop")

    def join(self, timeout: float | None = None) -> bool:
        return self.ended.wait(timeout or 30)


def make_app(home: Path, runner: FakeRunner | None = None) -> LazytrainApp:
    return LazytrainApp(home, home / "data", runner=cast("Runner | None", runner))


@asynccontextmanager
async def started(
    home: Path, *, size: tuple[int, int] = (120, 40), runner: FakeRunner | None = None
) -> AsyncIterator[tuple[LazytrainApp, Pilot[Any]]]:
    """The app on Launch, its dataset looked up."""
    app = make_app(home, runner)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield app, pilot


async def settle(pilot: Pilot[Any]) -> None:
    """Wait for what was pressed, and for datasets that are looked up."""
    await pilot.pause()
    while workers := [each for each in pilot.app.workers if each.group == "datasets" and not each.is_finished]:
        await pilot.app.workers.wait_for_complete(workers)
        await pilot.pause()
    await pilot.pause()


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Wait for a state. Raises AssertionError if it doesn't come in some ten seconds."""
    for _ in range(500):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("it never came to be")


def launch(app: LazytrainApp) -> LaunchScreen:
    return app.launch_screen


def text_of(app: LazytrainApp, selector: str) -> str:
    return str(app.launch_screen.query_one(selector).render())


def listed(app: LazytrainApp, selector: str) -> list[str]:
    """The lines of a preset list as they are drawn."""
    presets = app.launch_screen.query_one(selector, PresetList)
    return [presets.render_line(line).text.strip("▌ ") for line in range(len(presets.visible_rows))]


def toasts(app: LazytrainApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def write_preset(home: Path, kind: str, name: str, text: str) -> Path:
    path = home / "presets" / kind / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
