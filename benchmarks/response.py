"""`python -m benchmarks.response`: how soon a run is paused, by a key in the screen that hosts it, and from elsewhere.

From the key, or from the other process's wish, until the store says that training has confirmed it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.hosted import Hosted, host
from benchmarks.measuring import Figure, machine, table, write
from lazytrain.engine.records import State


def pause_by_key(hosted: Hosted) -> float:
    return hosted.app.press(" ")


def pause_from_elsewhere(hosted: Hosted) -> float:
    began = time.perf_counter()
    hosted.store.pause(hosted.run.id)
    return began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="coolnet-v10")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LAZYTRAIN_DATA", "data")))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "net": options.net, "dataset": options.dataset}
    rows: list[list[object]] = []
    with host("screen", options.net, options.dataset, options.data) as hosted:
        hosted.app.wait_for("accuracy")
        step_ms = 1000 / hosted.rate(2.0, 1.0)
        for name, words, ask in (
            ("key", "from space in the hosting screen to paused, ms", pause_by_key),
            ("elsewhere", "from another process's wish to paused, ms", pause_from_elsewhere),
        ):
            took: list[float] = []
            for trial in range(options.trials):
                time.sleep(0.1 + 0.013 * (trial % 11))  # so that not every one meets training at the same place
                asked = ask(hosted)
                took.append(1000 * (hosted.wait(lambda run: run.state is State.PAUSED, "paused") - asked))
                hosted.store.resume(hosted.run.id)
                hosted.wait(lambda run: run.state is State.RUNNING, "running")
            results[f"{name}_ms"], results[f"{name}_worst_ms"] = Figure.of(took), max(took)
            rows.append([words, Figure.of(took), f"{max(took):.1f}"])
    results["step_ms"] = step_ms
    rows.append(["one step, ms", f"{step_ms:.2f}", ""])
    print(table([f"{options.net}, batch 4, n = {options.trials}", "median (middle half)", "worst"], rows))
    write(options.json, results)


if __name__ == "__main__":
    main()
