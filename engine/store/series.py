"""Named series of a run: any metric, each with steps of its own, packed in chunks as the curve's points are."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from lazytrain.engine.store.database import Connection

MOST_METRICS = 10_000
"""Names a run may have: beyond that it is a mistake, such as a name with the step in it."""
LONGEST_NAME = 200
EVALUATED = "test/"
"""How the names of an own training's series begin that an evaluation gives."""
CHUNK_SAMPLES = 256
"""Samples a row of the store holds: few enough that adding to hundreds of series rewrites little."""


class MetricRefused(ValueError):
    """A metric can't be kept; the message says why, and what to do."""


class Sample(NamedTuple):
    """One value of a metric."""

    step: int
    seconds: float
    """Since the run's start."""
    value: float
    """NaN and infinities are values too."""


SAMPLE_FORMAT = struct.Struct("<qdd")
"""How a `Sample` is packed in the store: 24 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is known of a metric without reading its series."""

    name: str
    num_values: int
    highest_step: int
    """Steps may go back: it need not be the last one's."""
    last: float | None
    """None stands for NaN, which SQLite doesn't keep; so it does below, where no value is a number."""
    smallest: float | None
    largest: float | None


_COLUMNS = ", ".join(field.name for field in fields(Metric))


def read_metrics(connection: Connection, run_id: str) -> list[Metric]:
    """The run's metrics, in the order in which they first came."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM metrics WHERE run_id = ? ORDER BY id", (run_id,))
    return [Metric(**dict(row)) for row in rows]


def read_some_metrics(
    connection: Connection, run_ids: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[str, Metric]]:
    """(run id, metric) of these runs and names, as far as they are there; `run_ids` are as many as a query takes."""
    for name in names:
        rows = connection.execute(
            f"SELECT run_id, {_COLUMNS} FROM metrics WHERE name = ? AND run_id IN ({', '.join('?' * len(run_ids))})",
            (name, *run_ids),
        )
        for row in rows:
            values = dict(row)
            yield values.pop("run_id"), Metric(**values)


def read_series(connection: Connection, run_id: str, names: Sequence[str], since: int = 0) -> dict[str, bytes]:
    """Name → its samples from number `since` on, packed by `SAMPLE_FORMAT`; of a name that the run lacks, nothing."""
    first, skipped = divmod(since, CHUNK_SAMPLES)
    packed: dict[str, bytes] = {}
    for name in names:
        rows = connection.execute(
            "SELECT data FROM samples JOIN metrics ON metrics.id = metric_id"
            " WHERE run_id = ? AND name = ? AND number >= ? ORDER BY number",
            (run_id, name, first),
        )
        packed[name] = whole(b"".join(row["data"] for row in rows), SAMPLE_FORMAT)[skipped * SAMPLE_FORMAT.size :]
    return packed


def whole(packed: bytes, form: struct.Struct) -> bytes:
    """As many whole records as there are: a damaged store may hold half a one."""
    return packed[: len(packed) - len(packed) % form.size]


def append_samples(connection: Connection, run_id: str, series: Mapping[str, Iterable[Sample]]) -> None:
    """Add samples to a run's series, inside the caller's transaction.

    Raises:
        MetricRefused: a name can't be kept, or the run has too many; nothing of it is written.
    """
    for name in series:
        check_name(name)  # before SQLite meets it, which takes no lone surrogate
    for name, samples in series.items():
        added = list(samples)
        if added:
            _append(connection, run_id, name, added)


def take_back(connection: Connection, run_id: str, step: int, evaluated: int | None = None) -> None:
    """Delete what series hold of the steps after `step`, inside the caller's transaction.

    `evaluated` is the step of the last evaluation that stays, if that is another: a checkpoint may lie between an
    epoch's last step and its evaluation, which is then made anew.
    """
    evaluated = step if evaluated is None else min(step, evaluated)
    found = connection.execute(
        "SELECT name, highest_step FROM metrics WHERE run_id = ? AND highest_step > ?", (run_id, evaluated)
    )
    last = {row["name"]: evaluated if row["name"].startswith(EVALUATED) else step for row in found}
    for name, last_step in last.items():
        packed = read_series(connection, run_id, [name])[name]
        kept = [Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed) if values[0] <= last_step]
        connection.execute("DELETE FROM metrics WHERE run_id = ? AND name = ?", (run_id, name))
        append_samples(connection, run_id, {name: kept})


def check_name(name: str) -> str:
    """The name, if a metric can have it. Raises MetricRefused."""
    if not name or len(name) > LONGEST_NAME:
        raise MetricRefused(f"a metric's name has 1 to {LONGEST_NAME} characters, not {len(name)}: {name[:40]!r}")
    if not name.isprintable():
        raise MetricRefused(f"{name!r}: a metric's name has no control characters")
    return name


def _append(connection: Connection, run_id: str, name: str, samples: list[Sample]) -> None:
    row = connection.execute(
        "SELECT id, num_values, highest_step, smallest, largest FROM metrics WHERE run_id = ? AND name = ?",
        (run_id, name),
    ).fetchone()
    if row is None:
        metric, count, highest = _add_metric(connection, run_id, name), 0, 0
        bounds: list[float] = []
    else:
        metric, count, highest = row["id"], row["num_values"], row["highest_step"]
        bounds = [bound for bound in (row["smallest"], row["largest"]) if bound is not None]
    packed = b"".join(SAMPLE_FORMAT.pack(*sample) for sample in samples)
    done = 0
    while done < len(packed):
        number, filled = divmod(count, CHUNK_SAMPLES)
        part = packed[done : done + (CHUNK_SAMPLES - filled) * SAMPLE_FORMAT.size]
        connection.execute(
            "INSERT INTO samples (metric_id, number, data) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET data = CAST(data || excluded.data AS BLOB)",
            (metric, number, part),
        )
        done += len(part)
        count += len(part) // SAMPLE_FORMAT.size
    bounds += [sample.value for sample in samples if not math.isnan(sample.value)]
    connection.execute(
        "UPDATE metrics SET num_values = ?, highest_step = ?, last = ?, smallest = ?, largest = ? WHERE id = ?",
        (
            count,
            max(highest, *(sample.step for sample in samples)),
            samples[-1].value,
            min(bounds, default=None),
            max(bounds, default=None),
            metric,
        ),
    )


def _add_metric(connection: Connection, run_id: str, name: str) -> int:
    known = connection.execute("SELECT count(*) FROM metrics WHERE run_id = ?", (run_id,)).fetchone()[0]
    if known >= MOST_METRICS:
        raise MetricRefused(
            f"{name!r}: the run has {known:,} metrics already, which is the most; is a step or an id part of the name?"
        )
    return connection.execute("INSERT INTO metrics (run_id, name) VALUES (?, ?)", (run_id, name)).lastrowid
