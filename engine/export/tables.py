"""CSV: one line a point, and a second file with one line an epoch; runs are told apart by their first two columns.

Tidy (one observation a line), units in the column's name where there is one, numbers with all their digits (Python's
`repr`, which reads back as the same float), NaN as `nan`, and nothing where there is no figure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lazytrain.engine.analysis.gathered import Gathered
from lazytrain.presets.plain_text import harmless_cell

POINT_COLUMNS = (
    *("run_id", "run_name", "step", "epoch", "train_loss", "train_accuracy_fraction", "learning_rate"),
    *("images_per_second", "seconds"),
)
EPOCH_COLUMNS = (
    *("run_id", "run_name", "epoch", "step", "train_loss", "train_accuracy_fraction", "test_loss"),
    *("test_accuracy_fraction", "validation_loss", "validation_accuracy_fraction", "learning_rate"),
    *("epoch_seconds", "evaluation_seconds", "best"),
)
CHUNK_LINES = 10_000


def epochs_path(points: Path) -> Path:
    """Where the epochs go, beside the points: `runs.csv` → `runs-epochs.csv`."""
    return points.with_name(f"{points.stem}-epochs{points.suffix}")


def write_points(runs: Sequence[Gathered], file: BinaryIO) -> None:
    """One line a point: means over the window of steps that ends at `step`; seconds since the start, without pauses."""
    write_table(POINT_COLUMNS, _point_lines(runs), file)


def write_epochs(runs: Sequence[Gathered], file: BinaryIO) -> None:
    """One line a finished epoch; `best` is 1 for the best one so far, else 0."""
    write_table(EPOCH_COLUMNS, _epoch_lines(runs), file)


def _point_lines(runs: Sequence[Gathered]) -> Iterator[tuple[object, ...]]:
    for gathered in runs:
        run = gathered.run
        for point in gathered.points():
            yield (
                *(run.id, run.name, point.step, gathered.epoch_of(point.step), point.loss, point.accuracy),
                *(point.learning_rate, point.images_per_second, point.seconds),
            )


def _epoch_lines(runs: Sequence[Gathered]) -> Iterator[tuple[object, ...]]:
    for gathered in runs:
        run = gathered.run
        for record in gathered.epochs:
            yield (
                *(run.id, run.name, record.epoch, record.step, record.train_loss, record.train_accuracy),
                *(record.test_loss, record.test_accuracy, record.validation_loss, record.validation_accuracy),
                *(record.learning_rate, record.seconds, record.evaluation_seconds),
                int(record.epoch == run.best_epoch),
            )


def _cell(value: object) -> object:
    return harmless_cell(value) if isinstance(value, str) else value  # numbers stay numbers


def write_table(columns: Sequence[str], lines: Iterable[tuple[object, ...]], file: BinaryIO) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for number, line in enumerate(lines, start=1):
        writer.writerow([_cell(value) for value in line])  # floats are written by their repr, None as nothing
        if number % CHUNK_LINES == 0:
            file.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    file.write(text.getvalue().encode())
