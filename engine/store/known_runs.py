"""The runs as a reader saw them last, made from the store's rows no more often than those change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from lazytrain.engine.events import Progress
from lazytrain.engine.records import ACTIVE, Kind, Run, State, Wanted


class KnownRuns:
    """The runs as they were read last: of thousands a few change, and the others are taken as they were made."""

    def __init__(self) -> None:
        self._active: dict[str, Run] = {}
        self._made: dict[str, tuple[tuple[object, ...], Run]] = {}
        self.others: list[Run] = []
        """Those that nobody trains, as they are listed."""

    @property
    def active(self) -> list[Run]:
        """Those that are trained, or were when their trainer died."""
        return list(self._active.values())

    def update(self, rows: Sequence[sqlite3.Row]) -> bool:
        """Take over the rows of active runs; False, and nothing is taken over, if others were active before."""
        if {row["id"] for row in rows} != self._active.keys():
            return False
        self._active = {row["id"]: make_run(row) for row in rows}
        return True

    def replace(self, rows: Sequence[sqlite3.Row]) -> None:
        """Take over the rows of all runs."""
        read = ((row["id"], tuple(row), row) for row in rows)
        made = self._made
        self._made = {
            run_id: made[run_id] if run_id in made and made[run_id][0] == values else (values, make_run(row))
            for run_id, values, row in read
        }
        runs = [run for _, run in self._made.values()]
        self._active = {run.id: run for run in runs if run.state in ACTIVE}
        self.others = sorted((run for run in runs if run.state not in ACTIVE), key=list_order)


def live_states(runs: Sequence[Run]) -> list[tuple[object, ...]]:
    """State, wish, name, place and trainer of each run that isn't over: as before if only figures changed.

    Args:
        runs: as `Reader.runs` lists them. A trainer that freezes or dies writes nothing: look there about each second,
            changes or none.
    """
    live = takewhile(lambda run: run.state in ACTIVE or run.state is State.QUEUED, runs)
    return [(run.id, run.state, run.wanted, run.name, run.position, run.error, run.trainer) for run in live]


def list_order(run: Run) -> tuple[float, ...]:
    """The active ones, then the queue in its order, then the rest, newest first."""
    if run.state in ACTIVE:
        return (0, run.position, run.created)
    if run.state is State.QUEUED:
        return (1, run.position, run.created)
    return (2, -(run.ended or run.created), -run.created)


def make_run(row: sqlite3.Row) -> Run:
    """A run from its row.

    What can't be read of a damaged one ends no list: it is left out and said in `error`, and a run of which nobody can
    tell how it stands counts as failed.
    """
    # Not dict(row), which looks each name up in turn.
    values, unread = dict(zip(row.keys(), row, strict=True)), dict[str, object]()
    for column, read, otherwise in _READ:
        try:
            values[column] = read(values[column])
        except (ValueError, TypeError, RecursionError):
            unread[column] = values[column]
            values[column] = otherwise
    if unread.keys() & {"state", "wanted", "kind"}:
        values["state"], values["wanted"] = State.FAILED, Wanted.RUN
    if unread and values["state"] not in ACTIVE:
        values["error"] = _damage(row["id"], unread)
    return Run(**values)


def _damage(run_id: str, unread: Mapping[str, object]) -> str:
    told = ", ".join(f"{column} = {value!r:.80}" for column, value in unread.items())
    return (
        f"its line in the run store is damaged: {told}. `lazytrain resume {run_id}` goes on from its last checkpoint;"
        f" `lazytrain discard {run_id}` deletes the run"
    )


def _tags(stored: str) -> tuple[str, ...]:
    tags = json.loads(stored)
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("no list of words")
    return tuple(tags)


def _progress(stored: str | None) -> Progress | None:
    return None if stored is None else Progress(**json.loads(stored))


def _count(stored: int | None) -> int | None:
    if stored is not None and not 0 <= stored <= _MOST:
        raise ValueError("no count")
    return stored


_MOST = 2**53
"""Above it a float, by which charts reckon, isn't exact."""
_READ: tuple[tuple[str, Callable[[Any], Any], Any], ...] = (
    ("state", State, State.FAILED),
    ("wanted", Wanted, Wanted.RUN),
    ("kind", Kind, Kind.OWN),
    ("tags", _tags, ()),
    ("archived", bool, False),
    ("progress", _progress, None),
    *((column, _count, 0) for column in ("epoch", "num_epochs", "step", "num_points", "attempts")),
    *((column, _count, None) for column in ("num_steps", "best_epoch", "threads")),
    ("micro_batches", _count, 1),
)
"""Column → what makes the run's value of it, and what stands for one that can't be read."""
