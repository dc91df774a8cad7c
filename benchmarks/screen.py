"""`python -m benchmarks.screen`: what the screen sends and costs, with the real app in a pseudo-terminal.

A scripted journal writes figures as a training does, ten times a second; the app reads them from the store like any
client. Bytes are counted at the terminal's end, processor time is the kernel's for the whole process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure, machine, table, write
from benchmarks.pty_app import PtyApp
from benchmarks.scripted import ScriptedTraining, fill_store


def watch(app: PtyApp, training: ScriptedTraining | None, seconds: int) -> list[tuple[int, float]]:
    """Bytes and processor seconds of each second, figures being written all the while if there is a training."""
    slices: list[tuple[int, float]] = []
    sent, cpu = app.num_bytes, app.cpu_seconds()
    began = time.perf_counter()
    for second in range(1, seconds + 1):
        while (left := began + second - time.perf_counter()) > 0:
            if training is not None:
                training.go_on()
            time.sleep(min(0.1, left))
        slices.append((app.num_bytes - sent, app.cpu_seconds() - cpu))
        sent, cpu = app.num_bytes, app.cpu_seconds()
    return slices


def measure_live(redraws: float, seconds: int, *, cell_diff: bool = True, num_points: int = 0) -> dict[str, Any]:
    """A run that trains beside some that are over, on Monitor: bytes, processor time, then the same while idle."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        training = fill_store(home, num_points=num_points)
        environment = {"LAZYTRAIN_CELL_DIFF": str(int(cell_diff))}
        arguments = ["-m", "benchmarks.screen_app", str(home), str(redraws)]
        with PtyApp(arguments, environment=environment) as app:
            app.wait_for("CoolNet")
            app.wait_for_quiet()
            app.press("2")
            app.wait_for("accuracy")
            app.wait_for_quiet(1.0)
            watch(app, training, 3)
            live = watch(app, training, seconds)
            app.wait_for_quiet(1.5)
            idle = watch(app, None, max(5, seconds // 3))
        training.close()
    rest = Figure.of([cpu for _, cpu in idle])
    return {
        "bytes_per_second": Figure.of([sent for sent, _ in live]),
        "mean_bytes_per_second": sum(sent for sent, _ in live) / len(live),
        "idle_bytes": sum(sent for sent, _ in idle),
        "frame_ms": Figure.of([1000 * (cpu - rest.median) / redraws for _, cpu in live]),
        "share_percent": Figure.of([100 * cpu for _, cpu in live]),
        "idle_share_percent": Figure.of([100 * cpu for _, cpu in idle]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="how long each rate is watched")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    rows: list[list[object]] = []
    for name, redraws, cell_diff in (
        ("1 redraw a second", 1.0, True),
        ("4 redraws a second", 4.0, True),
        ("1 redraw a second, without the cell diff", 1.0, False),
    ):
        live = measure_live(redraws, options.seconds, cell_diff=cell_diff)
        results[name] = live
        rows.append(
            [
                name,
                live["bytes_per_second"],
                f"{live['mean_bytes_per_second']:.0f}",
                live["idle_bytes"],
                live["frame_ms"],
                live["share_percent"],
                live["idle_share_percent"],
            ]
        )
    print(
        table(
            [
                "two live charts, 120×40",
                "bytes/s",
                "mean",
                "bytes idle",
                "CPU ms/frame",
                "share of a core, %",
                "idle, %",
            ],
            rows,
        )
    )
    write(options.json, results)


if __name__ == "__main__":
    main()
