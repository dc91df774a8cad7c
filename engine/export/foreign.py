"""Runs that somebody else trains, taken away: what they logged as CSV, and all that is known of them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

from lazytrain.engine.export.record import FORMAT, exact
from lazytrain.engine.export.tables import write_table
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.series import SAMPLE_FORMAT

COLUMNS = ("run_id", "run_name", "metric", "step", "seconds", "value")
MOST_MESSAGES = 20_000

Series = dict[str, bytes]
"""Metric → its samples, packed."""


class ForeignRun:
    """One such run as it was at one moment.

    Raises:
        RunNotFound: it is gone.
        RunUnreadable: its stored details are damaged.
    """

    def __init__(self, reader: Reader, run_id: str) -> None:
        self.run: Run = reader.run(run_id)
        self.details = reader.details(run_id)
        self.series: Series = reader.packed_series(run_id, [metric.name for metric in reader.metrics(run_id)])
        self.messages = reader.messages(run_id, limit=MOST_MESSAGES, details=True)

    def record(self) -> dict[str, Any]:
        """All that is known of it, as plain values."""
        run = asdict(self.run)
        for gone in ("progress", "wanted", "position"):
            del run[gone]  # they are of the moment, not of the run
        metrics = {
            name: {"columns": COLUMNS[3:], "rows": list(SAMPLE_FORMAT.iter_unpack(packed))}
            for name, packed in self.series.items()
        }
        log = [{"time": each.time, "level": each.level, "text": each.text} for each in self.messages]
        words = {"state": self.run.state.value, "kind": self.run.kind.value, "trainer": self.run.trainer.value}
        return exact({**run, **words, "details": self.details, "metrics": metrics, "log": log})

    def lines(self) -> Iterator[tuple[object, ...]]:
        """A line a value."""
        for name, packed in self.series.items():
            for sample in SAMPLE_FORMAT.iter_unpack(packed):
                yield (self.run.id, self.run.name, name, *sample)


def write_values(runs: Sequence[ForeignRun], file: BinaryIO) -> None:
    """CSV: one line a value of a metric."""
    write_table(COLUMNS, (line for each in runs for line in each.lines()), file)


def write_foreign_json(runs: Sequence[ForeignRun], file: BinaryIO) -> None:
    """As of runs of one's own: `{"format": …, "runs": [ … ]}`."""
    records = {"format": FORMAT, "runs": [each.record() for each in runs]}
    file.write(json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
