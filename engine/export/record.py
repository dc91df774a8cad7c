"""JSON: everything the store knows of a run, in one object; `{"format": …, "runs": [ … ]}` for one run and for many.

Field names are the store's own. Times are Unix seconds, durations seconds, accuracies fractions. JSON has no number for
NaN and the infinities: such a figure is the text `"NaN"`, `"Infinity"` or `"-Infinity"`, which Python's `float` reads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

from lazytrain.engine.analysis.gathered import Gathered
from lazytrain.engine.events import Point

FORMAT = "lazytrain runs 1"


def write_json(runs: Sequence[Gathered], file: BinaryIO, *, points: bool = True) -> None:
    """`runs` as UTF-8, indented, a point a line.

    Without `points`, the windows within epochs, it takes a tenth of the room.
    """
    records = [(run_record(gathered), gathered) for gathered in runs]
    head = json.dumps({"format": FORMAT}, indent=1)[:-2]
    file.write(f'{head},\n "runs": ['.encode())
    for number, (record, gathered) in enumerate(records):
        body = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
        file.write(f'{"," if number else ""}\n{body},\n  "points": {{\n'.encode())
        file.write(f'    "columns": {json.dumps(Point._fields)},\n    "rows": ['.encode())
        for place, point in enumerate(gathered.points() if points else ()):
            row = json.dumps([exact(value) for value in point], allow_nan=False)
            file.write(f"{',' if place else ''}\n      {row}".encode())
        file.write(b"\n    ]\n  }\n}")
    file.write(b"\n ]\n}\n")


def run_record(gathered: Gathered) -> dict[str, Any]:
    """Everything but the points, as plain values."""
    run = asdict(gathered.run)
    for gone in ("progress", "wanted", "position"):
        del run[gone]  # they are of the moment, not of the run
    return exact(
        {
            **run,
            "state": gathered.run.state.value,
            "configuration": gathered.configuration.model_dump(mode="json"),
            "epochs": [asdict(record) for record in gathered.epochs],
            "log": [
                {"time": message.time, "level": message.level, "text": message.text} for message in gathered.messages
            ],
        }
    )


def exact(value: Any) -> Any:
    """`value` with every NaN and infinity as text."""
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {key: exact(each) for key, each in value.items()}
        case list() | tuple():
            return [exact(each) for each in value]
        case _:
            return value
