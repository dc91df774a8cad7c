"""`python -m benchmarks.startup`: how soon the screen is there, and whether torch's import is felt.

`lazytrain` is started in a pseudo-terminal, in turns with an app of Textual's that shows one word.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure, machine, table, write
from benchmarks.pty_app import PtyApp
from benchmarks.scripted import fill_store
from lazytrain.tui.replaced.parts import PARTS, SWITCH

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("here I am")
Empty().run()
"""
STALLS = """
import asyncio, sys, time
from pathlib import Path
from lazytrain.engine.queue.runner import Runner
from lazytrain.tui.app import LazytrainApp
home = Path(sys.argv[1])
app = LazytrainApp(home, home / "data", runner=Runner(home, home / "data"))
async def watch():
    worst, last = 0.0, time.perf_counter()
    while app.runner.status.phase == "loading":
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        worst, last = max(worst, now - last), now
    Path(sys.argv[2]).write_text(str(worst))
    app.exit()
def begin():
    app.runner.start()
    app.watching = asyncio.get_running_loop().create_task(watch())
app._start_runner = begin
app.run()
app.runner.stop()
"""
"""The app with a tick of 5 ms in its event loop, from the runner's start until torch is there."""

FRAMES = """
import asyncio, json, sys, time
from pathlib import Path
import plotext
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.screens import compare, monitor
home = Path(sys.argv[1])
took, shown, began = {}, [], time.thread_time()
app = LazytrainApp(home, home / "data")
def note():
    if app.screen_stack and app.screen_stack[0] is app.launch_screen:
        took.setdefault("first frame", time.thread_time() - began)
    shown.append((time.monotonic(), time.thread_time()))
app.post_display_hook = note
async def watch():
    for mode in ("monitor", "compare"):
        await rest()
        before = time.thread_time()
        await app.action_mode(mode)
        await rest()
        took[mode] = shown[-1][1] - before
    Path(sys.argv[2]).write_text(json.dumps(took))
    app.exit()
async def rest():
    while not shown or time.monotonic() - shown[-1][0] < 0.6:
        await asyncio.sleep(0.05)
def begin():
    app.watching = asyncio.get_running_loop().create_task(watch())
app._start_runner = begin
app.run()
"""
"""The app, which notes its thread's processor seconds to the first frame, and to Monitor and Compare opened first."""


def frames(home: Path, plain: str) -> dict[str, float]:
    """Processor seconds to the first frame, without imports, and of opening Monitor and Compare for the first time."""
    result = home / "frames"
    with PtyApp(["-c", FRAMES, str(home), str(result)], environment={SWITCH: plain}) as app:
        app.wait_until(lambda: app.process.poll() is not None, "the screens to be shown")
    return json.loads(result.read_text())


def compare_part(part: str, trials: int) -> dict[str, Any]:
    """`frames` with a part of Textual's replaced, and with the part itself, in turns; printed too."""
    measured: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill_store(home, epoch=12).close()
        frames(home, "")  # compiles what isn't yet
        for trial in range(trials):
            for name in ("with", "without") if trial % 2 else ("without", "with"):
                measured[name].append(frames(home, part if name == "without" else ""))
    results: dict[str, Any] = {}
    for what in measured["with"][0]:
        values = {name: [1000 * each[what] for each in taken] for name, taken in measured.items()}
        ratios = [with_it / without for with_it, without in zip(values["with"], values["without"], strict=True)]
        results[what] = [Figure.of(values["with"]), Figure.of(values["without"]), Figure.of(ratios)]
    rows = [[what, *figures] for what, figures in results.items()]
    print(table([f"CPU ms, {part}", "with it", "without it", "ratio of a pair"], rows))
    return results


def first_frame(home: Path) -> dict[str, float]:
    """Seconds to the preset list, from there until the cursor has moved, and from q to the end of the process."""
    with PtyApp(["-m", "lazytrain"], environment={"LAZYTRAIN_HOME": str(home)}) as app:
        shown = app.wait_for("CoolNet v10") - app.started
        seen = app.num_arrivals
        pressed = app.press("\x1b[B")
        app.wait_until(lambda: app.num_arrivals > seen, "the cursor to move")
        moved = app.last_arrival - pressed
        asked = app.press("q")
        app.wait_until(lambda: app.process.poll() is not None, "the end")
        left = time.perf_counter() - asked
        if app.process.returncode or "Traceback" in app.text():
            raise RuntimeError(f"it ended with {app.process.returncode}:\n{app.text()[-2000:]}")
    return {"lazytrain_s": shown, "cursor_s": moved, "quit_s": left}


def empty_frame() -> float:
    with PtyApp(["-c", EMPTY_APP]) as app:
        return app.wait_for("here I am") - app.started


def stall(home: Path) -> float:
    """The longest that the event loop stood still while torch was loaded, in seconds."""
    result = home / "stall"
    with PtyApp(["-c", STALLS, str(home), str(result)]) as app:
        app.wait_until(lambda: app.process.poll() is not None, "torch to be there")
    return float(result.read_text())


def command(*words: str) -> tuple[float, bool]:
    """Seconds that a command takes, and whether it imported torch."""
    code = (
        "import sys\nfrom lazytrain.__main__ import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(f'torch: {\"torch\" in sys.modules}')\n"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stderr.endswith("torch: True")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--plain", choices=PARTS, help="only what a screen costs, with and without this part in turns")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    if options.plain is not None:
        write(options.json, {"machine": machine(), **compare_part(options.plain, options.trials)})
        return
    seen: dict[str, list[float]] = {}
    torch_free = True
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        first_frame(home)  # compiles what isn't yet
        for _ in range(options.trials):
            frames = first_frame(home)
            frames["empty_s"] = empty_frame()
            frames["ratio"] = frames["lazytrain_s"] / frames["empty_s"]
            frames["stall_s"] = stall(home)
            for name in ("presets", "runs"):
                frames[f"{name}_s"], imported = command(name)
                torch_free &= not imported
            for name, value in frames.items():
                seen.setdefault(name, []).append(value)
    figures = {name: Figure.of(values) for name, values in seen.items()}
    rows = [
        ("first frame of lazytrain, s", figures["lazytrain_s"]),
        ("first frame of an empty Textual app, s", figures["empty_s"]),
        ("ratio of the two", figures["ratio"]),
        ("a key to the moved cursor, s", figures["cursor_s"]),
        ("q to the end, torch still loading, s", figures["quit_s"]),
        ("longest stall while torch loads, s", figures["stall_s"]),
        ("`lazytrain presets`, s", figures["presets_s"]),
        ("`lazytrain runs`, s", figures["runs_s"]),
        ("neither imports torch", torch_free),
    ]
    print(table(["startup", "median (middle half)"], rows))
    results: dict[str, Any] = {"machine": machine(), **figures, "torch_free": torch_free}
    write(options.json, results)


if __name__ == "__main__":
    main()
