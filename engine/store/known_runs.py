"""The runs as a reader saw them last, made from the store's rows no more often than those change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import takewhile

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
    """A run from its row."""
    values = dict(row)
    values["state"], values["wanted"] = State(values["state"]), Wanted(values["wanted"])
    values["kind"] = Kind(values["kind"])
    values["tags"], values["archived"] = tuple(json.loads(values["tags"])), bool(values["archived"])
    if values["progress"] is not None:
        values["progress"] = Progress(**json.loads(values["progress"]))
    return Run(**values)
