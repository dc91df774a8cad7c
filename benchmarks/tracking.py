"""What `import lazytrain` costs a program: its import, a `log` of two values, many values opened in the store.

`python -m benchmarks.tracking`. Side by side with TensorBoard's SummaryWriter, where that is installed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import lazytrain
from lazytrain.engine.analysis.metrics import RunMetrics
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample

NUM_LOGS = 20_000
BREATH_EVERY = 200
"""A training does something between two logs; a loop of nothing else would measure how fast memory fills."""


def time_logs(log: Callable[[Mapping[str, float]], object], count: int = NUM_LOGS) -> list[float]:
    """Microseconds of each of `count` calls with two values."""
    taken: list[float] = []
    for number in range(count):
        values = {"train/loss": 1 / (number + 1), "val/acc": 0.5}
        began = time.perf_counter()
        log(values)
        taken.append(1e6 * (time.perf_counter() - began))
        if number % BREATH_EVERY == 0:
            time.sleep(0.002)  # the training that stands between two logs
    return taken


def time_import(module: str) -> float:
    """Milliseconds of importing it in a fresh Python, over those of an empty one."""

    def run(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return 1e3 * (time.perf_counter() - began)

    pairs = [(run(f"import {module}"), run("pass")) for _ in range(9)]
    return statistics.median(one for one, _ in pairs) - statistics.median(other for _, other in pairs)


def time_opening(num_metrics: int, num_values: int) -> float:
    """Milliseconds until all values of all metrics are arrays."""
    with tempfile.TemporaryDirectory() as folder, ScriptJournal(Path(folder)) as journal:
        run = journal.add_script("many", details={})
        samples = [Sample(step, float(step), step / num_values) for step in range(num_values)]
        for number in range(num_metrics):
            journal.write_series(run.id, {f"m{number}": samples}, {})
        began = time.perf_counter()
        metrics = RunMetrics(journal, run.id)
        metrics.update()
        found = metrics.series(metric.name for metric in metrics.metrics)
        taken = 1e3 * (time.perf_counter() - began)
        if sum(series.num_read for series in found.values()) != num_metrics * num_values:
            raise RuntimeError("not all values were read")
        return taken


def tell(name: str, taken: list[float]) -> None:
    taken = sorted(taken)
    worst = taken[int(len(taken) * 0.99)]
    print(f"{name:<28} median {statistics.median(taken):6.1f} µs   99 % {worst:7.1f} µs   worst {taken[-1]:8.0f} µs")


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.tracking", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lazytrain.init(project="benchmark", home=folder)
        tell("lazytrain.log, two values", time_logs(lazytrain.log))
        lazytrain.finish()
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            print("SummaryWriter isn't here: pip install 'lazytrain[tensorboard]'")
        else:
            steps = iter(range(10**9))
            with SummaryWriter(folder) as writer:

                def add(values: Mapping[str, float]) -> None:
                    step = next(steps)
                    for name, value in values.items():
                        writer.add_scalar(name, value, step)

                tell("SummaryWriter, two scalars", time_logs(add, NUM_LOGS // 10))
    print(f"import lazytrain             {time_import('lazytrain'):.1f} ms over an empty Python")
    print(f"1 metric × 1,000,000 values  {time_opening(1, 1_000_000):.0f} ms to open")
    print(f"200 metrics × 5,000 values   {time_opening(200, 5_000):.0f} ms to open")


if __name__ == "__main__":
    main()
