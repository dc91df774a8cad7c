"""`python -m benchmarks.screen`: what the screen sends and costs, with the real app in a pseudo-terminal.

A scripted journal writes figures as a training does, ten times a second; the app reads them from the store like any
client. Bytes are counted at the terminal's end, processor time is the kernel's for the whole process.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure, machine, table, write
from benchmarks.pty_app import PtyApp
from benchmarks.scripted import STEPS_PER_EPOCH, ScriptedTraining, fill_large_store, fill_store
from lazytrain.engine.analysis.series import first_bad
from lazytrain.tui.replaced.parts import PARTS, SWITCH


def watch(app: PtyApp, training: ScriptedTraining | None, seconds: int) -> list[tuple[float, float]]:
    """Bytes and processor seconds a second, of every two; figures are written all the while if there is a training."""
    slices: list[tuple[float, float]] = []
    sent, cpu = app.num_bytes, app.cpu_seconds()
    began = time.perf_counter()
    for second in range(2, seconds + 1, 2):
        while (left := began + second - time.perf_counter()) > 0:
            if training is not None:
                training.go_on()
            time.sleep(min(0.1, left))  # the window that is measured has to pass
        slices.append(((app.num_bytes - sent) / 2, (app.cpu_seconds() - cpu) / 2))
        sent, cpu = app.num_bytes, app.cpu_seconds()
    return slices


@contextmanager
def open_monitor(home: Path, redraws: float, environment: dict[str, str] | None = None) -> Iterator[PtyApp]:
    """The app on Monitor, at rest."""
    with PtyApp(["-m", "benchmarks.screen_app", str(home), str(redraws)], environment=environment) as app:
        app.wait_for("CoolNet")
        app.wait_for_quiet()
        app.press("2")
        app.wait_for("accuracy")
        app.wait_for_quiet(1.0)
        yield app


def measure_live(
    redraws: float, seconds: int, *, plain: str = "", num_points: int = 0, num_over: int = 3
) -> dict[str, Any]:
    """A run that trains beside some that are over, on Monitor: bytes, processor time, then the same while idle."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        training = fill_store(home, num_points=num_points, num_over=num_over)
        with open_monitor(home, redraws, {SWITCH: plain}) as app:
            # The x axis has doubled by then: what that sends is measured apart.
            watch(app, training, 6)
            since = app.num_arrivals
            live = watch(app, training, seconds)
            # Counted, not taken for granted: where frames are dear they come more rarely.
            shown = app.num_frames(since) / (2 * len(live))
            app.wait_for_quiet(2.5)
            idle = watch(app, None, max(5, seconds // 3))
        training.close()
    rest = Figure.of([cpu for _, cpu in idle])
    return {
        "bytes_per_second": Figure.of([sent for sent, _ in live]),
        "mean_bytes_per_second": sum(sent for sent, _ in live) / len(live),
        "idle_bytes": round(2 * sum(sent for sent, _ in idle)),
        "redraws_per_second": shown,
        "frame_ms": Figure.of([1000 * (cpu - rest.median) / shown for _, cpu in live]),
        "share_percent": Figure.of([100 * cpu for _, cpu in live]),
        "idle_share_percent": Figure.of([100 * cpu for _, cpu in idle]),
    }


def compare_part(part: str, seconds: int, pairs: int) -> dict[str, Any]:
    """The live charts, at four redraws a second, with a part of Textual's or plotext's replaced, and with the part
    itself; printed too.
    """
    measured: dict[str, list[dict[str, Any]]] = {"with": [], "without": []}
    for pair in range(pairs):
        for name in ("with", "without") if pair % 2 else ("without", "with"):
            measured[name].append(measure_live(4.0, seconds, plain=part if name == "without" else ""))
    results: dict[str, Any] = {}
    rows: list[list[object]] = []
    for key, said in (("mean_bytes_per_second", "bytes/s"), ("frame_ms", "CPU ms/frame")):
        values = {name: [_middle(live[key]) for live in each] for name, each in measured.items()}
        ratios = [with_it / without for with_it, without in zip(values["with"], values["without"], strict=True)]
        results[key] = {"with": Figure.of(values["with"]), "without": Figure.of(values["without"])}
        results[key]["ratio"] = Figure.of(ratios)
        rows.append([said, *results[key].values()])
    print(table([f"two live charts, 120×40, 4 redraws/s, {part}", "with it", "without it", "ratio of a pair"], rows))
    return results


def _middle(value: Figure | float) -> float:
    return value.median if isinstance(value, Figure) else value


def measure_axis_change(trials: int) -> Figure:
    """Bytes of the frame in which the x axis doubles."""
    sent: list[float] = []
    for _ in range(trials):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            # The axis ends at 12.5 epochs: a quarter of the plan.
            training = fill_store(home, epoch=12.49)
            with open_monitor(home, 1.0) as app:
                before = app.num_bytes
                training.train_to(int(12.6 * STEPS_PER_EPOCH))
                app.wait_until(lambda app=app, before=before: app.num_bytes - before > 400, "the new axis")
                app.wait_for_quiet(1.2)
                sent.append(app.num_bytes - before)
            training.close()
    return Figure.of(sent)


def measure_large_chart(num_points: int, trials: int) -> Figure:
    """Milliseconds of processor time in which a chart over many points is composed and drawn anew."""
    import numpy as np
    from textual.app import App

    from lazytrain.tui.charts.chart import MetricChart
    from lazytrain.tui.charts.data import ChartData, Curve

    steps = np.arange(1, num_points + 1)
    noise = np.random.default_rng(0)
    losses = 0.25 + 1.95 * np.exp(-steps / num_points * 5) + noise.normal(0, 0.05, num_points)
    tests = steps[:: num_points // 50].astype("f8")
    chart = MetricChart("loss")

    class ChartApp(App[None]):
        def compose(self) -> Iterator[MetricChart]:
            yield chart

    async def measure() -> list[float]:
        took: list[float] = []
        async with ChartApp().run_test(size=(80, 17)):
            for trial in range(trials):
                # Each time some more points, and a spike, so that the picture is another one.
                count = num_points - 1000 * (trials - trial)
                ordinary, losses[count - 1] = losses[count - 1], 0.5 + trial % 7 / 4
                began = time.thread_time()
                scale = 50 / num_points
                test = losses[:: num_points // 50]
                data = ChartData(
                    key="run",
                    curves=(
                        Curve(label="train", x=steps[:count], y=losses[:count], x_scale=scale, tone="train"),
                        Curve(label="test", x=tests, y=test, x_scale=scale, tone="test", stroke="dots"),
                    ),
                    x_end=50,
                    newest=count * scale,
                )
                first_bad(losses[:count])
                chart.show(data)
                took.append(1000 * (time.thread_time() - began))
                losses[count - 1] = ordinary
        if chart.num_drawn < trials // 2:
            raise RuntimeError("the chart was hardly ever drawn")
        return took[3:]

    return Figure.of(asyncio.run(measure()))


def measure_large_store(num_runs: int, points_each: int, num_points: int, trials: int) -> dict[str, Any]:
    """Milliseconds from a key to what it asks for, and memory: a long list, and a run of many points."""
    listed: list[float] = []
    opened: list[float] = []
    list_cpu: list[float] = []
    open_cpu: list[float] = []
    grown: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill_large_store(home, num_runs, points_each, num_points)
        for _ in range(trials):
            with PtyApp(["-m", "benchmarks.screen_app", str(home), "1"]) as app:
                app.wait_for("CoolNet")
                app.wait_for_rest()
                idle = app.memory()
                spent, since, pressed = app.cpu_seconds(), app.num_arrivals, app.press("2")
                listed.append(1000 * (app.wait_for(f"Runs · {num_runs + 1:,}", since) - pressed))
                app.wait_for_quiet()
                list_cpu.append(1000 * (app.cpu_seconds() - spent))
                spent, since, pressed = app.cpu_seconds(), app.num_arrivals, app.press("\x1b[F")
                app.wait_for("large run", since)
                opened.append(1000 * (app.wait_for_quiet() - pressed))
                open_cpu.append(1000 * (app.cpu_seconds() - spent))
                grown.append((app.memory() - idle) / 1e6)
    return {
        "list_ms": Figure.of(listed),
        "list_cpu_ms": Figure.of(list_cpu),
        "open_ms": Figure.of(opened),
        "open_cpu_ms": Figure.of(open_cpu),
        "memory_mb": Figure.of(grown),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="how long each rate is watched")
    parser.add_argument("--runs", type=int, default=2000, help="runs in the large store")
    parser.add_argument("--points", type=int, default=5000, help="points of each of them")
    parser.add_argument("--plain", choices=PARTS, help="only the live charts, with and without this part in turns")
    parser.add_argument("--pairs", type=int, default=5, help="of runs with and without it")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    if options.plain is not None:
        write(options.json, {"machine": machine(), **compare_part(options.plain, options.seconds, options.pairs)})
        return
    results: dict[str, Any] = {"machine": machine()}
    rows: list[list[object]] = []
    for name, redraws, plain in (
        ("1 redraw a second", 1.0, ""),
        ("4 redraws a second", 4.0, ""),
        ("1 redraw a second, without the cell diff", 1.0, "cell_diff"),
    ):
        live = measure_live(redraws, options.seconds, plain=plain)
        results[name] = live
        rows.append(
            [
                name,
                live["bytes_per_second"],
                f"{live['mean_bytes_per_second']:.0f}",
                live["idle_bytes"],
                f"{live['redraws_per_second']:.2f}",
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
                "redraws/s",
                "CPU ms/frame",
                "share of a core, %",
                "idle, %",
            ],
            rows,
        )
    )
    results["axis_change_bytes"] = measure_axis_change(3)
    results["large_chart_ms"] = measure_large_chart(1_000_000, 40)
    large = measure_large_store(options.runs, options.points, 1_000_000, 5)
    results |= large
    rows = [
        ["an axis that doubles, bytes", results["axis_change_bytes"]],
        ["a chart over 1,000,000 points drawn anew, CPU ms", results["large_chart_ms"]],
        [f"from 2 to the list of {options.runs:,} runs, ms", results["list_ms"]],
        ["from a key to the charts of 1,000,000 points, ms", results["open_ms"]],
        ["memory above idle after both, MB", results["memory_mb"]],
    ]
    print()
    print(table(["large", "median (middle half)"], rows))
    write(options.json, results)


if __name__ == "__main__":
    main()
