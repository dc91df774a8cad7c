"""`python -m benchmarks.store`: a store of many runs and points: its list, its largest run, the memory they take, and
what a frame costs while one of them trains.

The real app in a pseudo-terminal; times are from the key to the last of what it brings to the terminal.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, table, write
from benchmarks.screen import measure_large_store, measure_live

LARGE_RUN_POINTS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="runs in the store")
    parser.add_argument("--points", type=int, default=10_000_000, help="points of all of them together")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    large = min(LARGE_RUN_POINTS, options.points // 2)
    each = (options.points - large) // options.runs
    measured = measure_large_store(options.runs, each, large, options.trials)
    busy = measure_live(1.0, 2 * options.trials, num_over=options.runs)
    rows: list[list[object]] = [
        [f"from 2 to the list of {options.runs:,} runs, ms", measured["list_ms"]],
        ["processor time of that and the half second after, ms", measured["list_cpu_ms"]],
        [f"from a key to the charts of {large:,} points, ms", measured["open_ms"]],
        ["processor time of that and the half second after, ms", measured["open_cpu_ms"]],
        ["memory above idle after both, MB", measured["memory_mb"]],
        [f"processor time of a frame while one of {options.runs:,} trains, ms", busy["frame_ms"]],
    ]
    print(table([f"store of {options.runs:,} runs, {options.points:,} points", "median (middle half)"], rows))
    results: dict[str, Any] = {
        "machine": machine(),
        "runs": options.runs,
        "points": options.points,
        **measured,
        "busy": busy,
    }
    write(options.json, results)


if __name__ == "__main__":
    main()
