"""The first frame comes without what takes long to import."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.launch_app import make_app, started, until


@pytest.mark.parametrize(
    "module",
    [
        "lazytrain.tui.app",
        "lazytrain.__main__",
        "lazytrain.tui.start",
        "lazytrain.tui.leave",
        "lazytrain.tui.terminal.signals",
        "lazytrain.tui.terminal.parent",
    ],
)
def test_importing_the_screen_imports_nothing_heavy(module: str) -> None:
    heavy = ("torch", "torchvision", "numpy", "plotext", "typer", "sklearn", "PIL", "matplotlib")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_first_frame_lists_the_presets_without_what_checks_them(home: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.preset_list import PresetList
app = LazytrainApp(Path({str(home)!r}), Path({str(home)!r}))
app.arrival.begin = lambda: None  # what comes after the first frame
async def look():
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("down")
        presets = app.launch_screen.query_one("#architectures", PresetList)
        named = ("pydantic", "lazytrain.presets.catalogue", "lazytrain.tui.commands.cli")
        heavy = [name for name in named if name in sys.modules]
        print(len(presets.rows), presets.render_line(1).text.split()[:3], heavy)
asyncio.run(look())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("16 ['▌CoolNet', 'v7'] []", "")


async def test_the_garbage_collector_works_again_after_the_first_frame(home: Path) -> None:
    gc.disable()
    try:
        async with started(home) as (_, pilot):
            await until(pilot, gc.isenabled)
    finally:
        gc.enable()
        gc.unfreeze()


async def test_a_key_that_comes_before_the_presets_are_read_is_obeyed(home: Path) -> None:
    app = make_app(home)
    app.arrival.begin = lambda: None  # type: ignore[method-assign, assignment]
    async with app.run_test() as pilot:
        await pilot.press("down", "a")
        assert [run.architecture for run in app.store.runs()] == ["coolnet-v7"]
