"""How much memory the screen takes as a run goes on for very many epochs, and how steep that is at the end.

A run is written as training would write it, far faster than any trains, while Monitor shows it: 100,000 epochs are in
the store in some minutes. `python -m benchmarks.memory --epochs 100000`
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, write
from benchmarks.pty_app import PtyApp
from benchmarks.scripted import begin, loss_at
from lazytrain.engine.events import EpochRecord, Point, Progress
from lazytrain.engine.store.journal import Journal

STEPS = 360
"""Of an epoch of the digits, in batches of four."""
AT_ONCE = 20
"""Epochs that come between two looks, about."""


def measure(num_epochs: int, num_marks: int) -> list[tuple[int, float]]:
    """(epoch, MB that are resident), so many times, evenly over the run."""
    found: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Journal(home) as journal:
            run_id = begin(journal, "lazynet", epochs=100_000)
            with PtyApp(["-m", "benchmarks.screen_app", str(home), "4"]) as app:
                app.wait_for("CoolNet")
                app.wait_for_rest()
                since = app.num_arrivals
                app.press("2")
                app.wait_for("Runs · 1", since)
                for mark in range(num_marks):
                    first = mark * num_epochs // num_marks
                    write_epochs(journal, run_id, first, (mark + 1) * num_epochs // num_marks)
                    app.wait_for_quiet()
                    found.append(((mark + 1) * num_epochs // num_marks, app.memory() / 1e6))
    return found


def write_epochs(journal: Journal, run_id: str, first: int, last: int) -> None:
    noise = random.Random(first)
    for epoch in range(first + 1, last + 1):
        step, loss = epoch * STEPS, loss_at(epoch * STEPS, noise)
        record = EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=loss,
            train_accuracy=0.5,
            test_loss=loss + 0.1,
            test_accuracy=0.5,
            learning_rate=0.01,
            seconds=0.02,
        )
        progress = Progress(phase="training", done=0, total=STEPS, step=step, epoch=epoch, loss=loss)
        journal.write(run_id, points=[Point(step, loss, 0.5, 0.01, 5_000.0, epoch * 0.02)], record=record)
        if epoch % AT_ONCE == 0:
            journal.write(run_id, progress=progress)


def slope(found: list[tuple[int, float]]) -> float:
    """Kilobytes an epoch, over the second half."""
    half = found[len(found) // 2 :]
    return 1000 * (half[-1][1] - half[0][1]) / (half[-1][0] - half[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100_000)
    parser.add_argument("--marks", type=int, default=20, help="how often it is looked")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    found = measure(options.epochs, options.marks)
    for epoch, megabytes in found:
        print(f"{epoch:>9,} epochs {megabytes:8.1f} MB")
    print(f"in the second half {slope(found):.3f} kB an epoch")
    results: dict[str, Any] = {"machine": machine(), "memory": found, "kb_an_epoch": slope(found)}
    write(options.json, results)


if __name__ == "__main__":
    main()
