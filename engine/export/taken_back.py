"""Runs that were taken away as JSON, put into a store again: of this machine or another, with all but their weights.

What stands in a file may be anybody's: each field is checked before anything is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.export.files import ExportError
from lazytrain.engine.export.record import FORMAT
from lazytrain.engine.places import make_folder
from lazytrain.engine.records import Kind, Message, State, Wanted
from lazytrain.engine.store.archive import SeriesHistory, write_history, write_run
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.series import Sample
from lazytrain.presets.errors import explain
from lazytrain.presets.plain_text import harmless

_BAD = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

Number = Annotated[float, BeforeValidator(lambda value: _BAD.get(value, value) if isinstance(value, str) else value)]
"""As `record.exact` writes it."""
Text = Annotated[str, BeforeValidator(lambda value: harmless(value) if isinstance(value, str) else value)]
Step = Annotated[int, Field(ge=0, lt=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Epoch(_Part):
    epoch: Step
    step: Step
    train_loss: Number
    train_accuracy: Number
    test_loss: Number
    test_accuracy: Number
    validation_loss: Number | None = None
    validation_accuracy: Number | None = None
    learning_rate: Number
    seconds: Number
    evaluation_seconds: Number = 0.0


class _Line(_Part):
    time: Number
    level: Annotated[str, Field(pattern="^[a-z]{1,20}$")]
    text: Text


class _Points(_Part):
    rows: list[tuple[Step, Number, Number, Number, Number, Number]] = []


class _Values(_Part):
    rows: list[tuple[Step, Number, Number]] = []


class _Record(_Part):
    """One run of the file; what isn't here is of the moment, or follows from the rest."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
    name: Annotated[Text, Field(min_length=1, max_length=500)]
    kind: Kind = Kind.OWN
    configuration: dict[str, Any] | None = None
    architecture: Text = ""
    hyperparameters: Text = ""
    dataset: Text = ""
    seed: int = 0
    state: State
    created: Number
    started: Number | None = None
    ended: Number | None = None
    updated: Number | None = None
    device: Text | None = None
    device_reason: Text | None = None
    path: Text | None = None
    threads: int | None = None
    num_epochs: Step = 0
    step: Step = 0
    num_steps: Step | None = None
    seconds: Number = 0.0
    error: Text | None = None
    outcome: Text | None = None
    weights_sha256: Text | None = None
    micro_batches: Annotated[int, Field(ge=1)] = 1
    tags: list[Text] = []
    note: Text = ""
    archived: bool = False
    versions: Text | None = None
    project: Text = ""
    run_group: Text = ""
    epochs: list[_Epoch] = []
    log: list[_Line] = []
    points: _Points = _Points()
    metrics: dict[str, _Values] = {}
    details: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of a file's runs."""

    added: tuple[str, ...]
    """Ids."""
    num_known: int
    """Runs that the store had already."""
    num_values: int
    """Points, epochs, and values of metrics, of the added ones."""


def is_runs_file(path: Path) -> bool:
    """Whether it looks like an export of runs as JSON."""
    try:
        with path.open("rb") as file:
            return FORMAT.encode() in file.read(200)
    except OSError:
        return False


def take_back(journal: Journal, path: Path) -> TakenBack:
    """Add the runs of an exported file that the store doesn't have, finished or not as they were then.

    One that was at work when it was taken away counts as interrupted.

    Raises:
        ExportError: the file can't be read, or something in it can't be: then none of its runs was added.
        StoreError, OSError: they can't be written.
    """
    records = _read(path)
    known = {run.id for run in journal.runs()}
    new = [each for each in records if each.id not in known]
    for record in new:
        _add(journal, record, path)
    return TakenBack(
        added=tuple(each.id for each in new),
        num_known=len(records) - len(new),
        num_values=sum(map(_num_values, new)),
    )


def _read(path: Path) -> list[_Record]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ExportError(f"{path}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ExportError(f"{path}: is no JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("runs"), list):
        raise ExportError(f"{path}: is no export of runs: `lazytrain export RUN… --format json` makes such a file")
    return [_check(values, number, path) for number, values in enumerate(content["runs"], start=1)]


def _check(values: object, number: int, path: Path) -> _Record:
    which = f"{path}, run {number}"
    try:
        record = _Record.model_validate(values)
        if record.kind is Kind.OWN:
            RunConfiguration.model_validate(record.configuration)
    except ValidationError as error:
        raise ExportError(str(explain(error, which))) from None
    return record


def _add(journal: Journal, record: _Record, path: Path) -> None:
    folder = journal.run_folder(record.id)
    make_folder(folder, 2)
    write_run(folder, _row(record))
    points = b"".join(POINT_FORMAT.pack(*row) for row in record.points.rows)
    write_history(folder, points, [EpochRecord(**each.model_dump()) for each in record.epochs])
    series = {name: [Sample(*row) for row in values.rows] for name, values in record.metrics.items()}
    log = [Message(id=0, run_id=record.id, time=each.time, level=each.level, text=each.text) for each in record.log]
    if not journal.take_in(record.id, log, series, f"taken in from {path.name}"):
        journal.remove_folder(record.id)
        raise ExportError(f"{path}: run {record.id} ({record.name}) holds what no store takes")
    SeriesHistory(folder).save(journal, record.id)


def _num_values(record: _Record) -> int:
    logged = sum(len(values.rows) for values in record.metrics.values())
    return len(record.points.rows) + len(record.epochs) + logged


def _row(record: _Record) -> dict[str, Any]:
    """The run's line in the store."""
    kept = record.model_dump(exclude={"configuration", "epochs", "log", "points", "metrics", "details", "tags"})
    own = record.kind is Kind.OWN
    return {
        **kept,
        "configuration": json.dumps(record.configuration, ensure_ascii=False) if own else "{}",
        "state": State.INTERRUPTED if record.state.active or record.state is State.QUEUED else record.state,
        "wanted": Wanted.RUN,
        "position": 0.0,
        "archived": int(record.archived),
        "tags": json.dumps(record.tags, ensure_ascii=False),
        "details": json.dumps(record.details, ensure_ascii=False),
    }
