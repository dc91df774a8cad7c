"""What is read from the run store: runs, their curves and logs, and who trains."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, EpochRecord
from lazytrain.engine.records import ACTIVE, CHUNK_POINTS, Kind, Message, Run, RunnerRecord, State, TrainerState
from lazytrain.engine.store.connected import Connected, mending
from lazytrain.engine.store.database import num_changes
from lazytrain.engine.store.known_runs import KnownRuns, list_order, make_run
from lazytrain.engine.store.locks import is_held, last_seen
from lazytrain.engine.store.series import Metric, read_metrics, read_series, read_some_metrics, whole
from lazytrain.engine.store.stored_configuration import (
    RunUnreadable,
    read_command,
    read_configuration,
    read_details,
    stored_settings,
)
from lazytrain.presets.plain_text import harmless

if TYPE_CHECKING:
    from lazytrain.engine.configuration import CommandConfiguration, RunConfiguration

SUSPENDED_SECONDS = 6.0
"""A trainer that was not seen for so long is frozen: a live one shows itself every two seconds."""
LAST = "last"
"""Refers to the run made last."""
MOST_PARAMETERS = 500
"""Of one query: SQLite may be built for no more than 999."""

_RUN_COLUMNS = ", ".join(field.name for field in fields(Run) if field.name != "trainer")
_EPOCH_COLUMNS = ", ".join(field.name for field in fields(EpochRecord))


class RunNotFound(LookupError):
    """No run, or more than one, goes by that reference; the message says which there are."""


class Reader(Connected):
    """One connection to the run store in `home`, for looking.

    One that is damaged or gone is set aside and rebuilt from the runs' folders; `notice` says so. So is one that is
    damaged while it is open, unless `mends` says that this is somebody else's business.

    Raises:
        StoreError: it can't be opened.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time, make: bool = True) -> None:
        self._known = KnownRuns()
        self._known_version: tuple[int, int, int] | None = None
        """Of the store, when `_known` was all of it."""
        self._known_changes: tuple[int, int, int] | None = None
        """The same, as far as it isn't figures of runs at work."""
        super().__init__(home, clock=clock, make=make)

    @mending
    def runs(self) -> list[Run]:
        """Every run: the active ones, then the queue in its order, then the rest, newest first."""
        # Looked at before the runs: what is written in between shows up at the next look.
        version = self.generation, self._data_version(), self.connection.total_changes
        if version != self._known_version:
            changes = self.generation, num_changes(self.connection), self.connection.total_changes
            # Ten times a second it is figures of a run at work, of thousands that are not.
            if changes != self._known_changes or not self._known.update(self._run_rows(of_active=True)):
                self._known.replace(self._run_rows(of_active=False))
            # What a transaction has written may be taken back, and the number of changes isn't.
            sure = not self.connection.in_transaction
            self._known_version, self._known_changes = (version, changes) if sure else (None, None)
        active = sorted((self._with_trainer(run) for run in self._known.active), key=list_order)
        return active + self._known.others

    def _run_rows(self, *, of_active: bool) -> list[sqlite3.Row]:
        where = f" WHERE state IN ({', '.join('?' * len(ACTIVE))})" if of_active else ""
        parameters = tuple(ACTIVE) if of_active else ()
        return self.connection.execute(f"SELECT {_RUN_COLUMNS} FROM runs{where}", parameters).fetchall()

    @mending
    def run(self, run_id: str) -> Run:
        """One run. Raises RunNotFound."""
        row = self.connection.execute(f"SELECT {_RUN_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        return self._with_trainer(make_run(row))

    @mending
    def find(self, reference: str, *prefer: Collection[State]) -> Run:
        """The run meant by `last`, an id, a name, or an unambiguous beginning of an id: the first of these that fits.

        Args:
            prefer: `last` is the run made last; of those in the first states given that any is in, the one that ended
                last, or was made last.

        Raises:
            RunNotFound: none or several fit.
        """
        if not _is_text(reference):
            raise RunNotFound(f"no run '{harmless(reference)}': `lazytrain runs` lists them")
        select = f"SELECT {_RUN_COLUMNS} FROM runs "
        if reference == LAST:
            ranks = "".join(f"state IN ({', '.join('?' * len(states))}) DESC, " for states in prefer)
            ended = "ended DESC, " if prefer else ""
            rows = self.connection.execute(
                f"{select} ORDER BY {ranks}{ended}created DESC, rowid DESC LIMIT 1",
                [state for states in prefer for state in states],
            ).fetchall()
        else:
            rows = (
                self.connection.execute(select + "WHERE id = ?", (reference,)).fetchall()
                or self.connection.execute(select + "WHERE name = ?", (reference,)).fetchall()
                or self.connection.execute(
                    select + "WHERE substr(id, 1, ?) = ?", (len(reference), reference)
                ).fetchall()
            )
        if len(rows) == 1:
            return self._with_trainer(make_run(rows[0]))
        if not rows:
            raise RunNotFound(f"no run {reference!r}: `lazytrain runs` lists them")
        several = ", ".join(f"{row['id']} ({harmless(row['name'])})" for row in rows[:5])
        more = ", …" if len(rows) > 5 else ""
        raise RunNotFound(f"{reference!r} fits {len(rows)} runs: {several}{more}; write more of the id")

    @mending
    def configuration(self, run_id: str) -> RunConfiguration:
        """What was frozen when the run was queued. Raises RunNotFound, RunUnreadable."""
        row = self.connection.execute("SELECT name, kind, configuration FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        # A damaged kind counts as our own, as in the list of runs: the configuration tells.
        if row["kind"] in (Kind.SCRIPT, Kind.COMMAND, Kind.LOGS):
            what = "a command of your own" if row["kind"] == Kind.COMMAND else "trained by another program"
            raise RunUnreadable(f"{harmless(row['name'])} ({run_id}) is {what}: that needs a run of presets")
        return read_configuration(run_id, row["name"], row["configuration"])

    @mending
    def command(self, run_id: str) -> CommandConfiguration:
        """What was queued of a run that is a command. Raises RunNotFound, RunUnreadable."""
        row = self.connection.execute("SELECT name, details FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        return read_command(run_id, row["name"], row["details"])

    @mending
    def details(self, run_id: str) -> dict[str, Any]:
        """What there is of a run that somebody else trains, beside its series: config, summary, command, … .

        Raises RunNotFound, RunUnreadable.
        """
        row = self.connection.execute("SELECT name, details FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        return read_details(run_id, row["name"], row["details"])

    @mending
    def details_of(self, run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Run id → `details`, of those that are there, that somebody else trains, and that can be read."""
        found: dict[str, dict[str, Any]] = {}
        for batch in _batches(run_ids):
            rows = self.connection.execute(
                f"SELECT id, name, details FROM runs WHERE kind != ? AND id IN ({', '.join('?' * len(batch))})",
                (Kind.OWN, *batch),
            )
            for row in rows:
                with contextlib.suppress(RunUnreadable):
                    found[row["id"]] = read_details(row["id"], row["name"], row["details"])
        return found

    @mending
    def metric_names(self) -> list[str]:
        """The names of all runs' metrics, each once."""
        return [row["name"] for row in self.connection.execute("SELECT DISTINCT name FROM metrics ORDER BY name")]

    @mending
    def metrics_of(self, run_ids: Iterable[str], names: Sequence[str]) -> dict[str, dict[str, Metric]]:
        """Run id → name → metric, of these runs and names, as far as they are there."""
        found: dict[str, dict[str, Metric]] = {}
        for batch in _batches(run_ids):
            for run_id, metric in read_some_metrics(self.connection, batch, names):
                found.setdefault(run_id, {})[metric.name] = metric
        return found

    @mending
    def settings(self, run_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Run id → its hyperparameters by dotted name, as they were written; missing where there are none.

        Unlike `configuration` it checks nothing, and so costs a tenth: for looking through thousands of runs.
        """
        found: dict[str, dict[str, Any]] = {}
        for batch in _batches(run_ids):
            rows = self.connection.execute(
                f"SELECT id, configuration FROM runs WHERE id IN ({', '.join('?' * len(batch))})", batch
            )
            for row in rows:
                settings = stored_settings(row["configuration"])
                if settings is not None:
                    found[row["id"]] = settings
        return found

    @mending
    def packed_points(self, run_id: str, since: int = 0) -> bytes:
        """The run's points from number `since` on, packed by `POINT_FORMAT`."""
        first, skipped = divmod(since, CHUNK_POINTS)
        rows = self.connection.execute(
            "SELECT data FROM chunks WHERE run_id = ? AND number >= ? ORDER BY number", (run_id, first)
        )
        return whole(b"".join(row["data"] for row in rows), POINT_FORMAT)[skipped * POINT_FORMAT.size :]

    @mending
    def revision(self, run_id: str) -> int:
        """Goes up when what there is of a run was taken back: read it anew. 0 for one that is gone."""
        row = self.connection.execute("SELECT revision FROM runs WHERE id = ?", (run_id,)).fetchone()
        return row["revision"] if row is not None else 0

    @mending
    def metrics(self, run_id: str) -> list[Metric]:
        """The run's named series beside its curve, in the order in which they first came."""
        return read_metrics(self.connection, run_id)

    @mending
    def packed_series(self, run_id: str, names: Sequence[str], since: int = 0) -> dict[str, bytes]:
        """Name → samples of that series from number `since` on, packed by `SAMPLE_FORMAT`."""
        return read_series(self.connection, run_id, names, since)

    @mending
    def epochs(self, run_id: str, since: int = 0) -> list[EpochRecord]:
        """The run's finished epochs after epoch `since`, in order."""
        rows = self.connection.execute(
            f"SELECT {_EPOCH_COLUMNS} FROM epochs WHERE run_id = ? AND epoch > ? ORDER BY epoch", (run_id, since)
        )
        return [_epoch(row) for row in rows]

    @mending
    def validated(self) -> frozenset[str]:
        """Ids of the runs whose best epoch is chosen on images held out for that, not on the test images."""
        rows = self.connection.execute(
            "SELECT id FROM runs WHERE CASE WHEN json_valid(configuration) THEN"
            " json_extract(configuration, '$.hyperparameters.validation_fraction') > 0 END"
        )
        return frozenset(row["id"] for row in rows)

    @mending
    def confusions(self, run_id: str) -> dict[int, Confusion]:
        """Epoch → confusion matrix over the test images: of the best epoch and of the last, as far as there are any."""
        rows = self.connection.execute(
            "SELECT epoch, classes, counts FROM confusions WHERE run_id = ? ORDER BY epoch", (run_id,)
        )
        read = ((row["epoch"], _confusion(row)) for row in rows)
        return {epoch: confusion for epoch, confusion in read if confusion is not None}

    @mending
    def messages(
        self, run_id: str | None = None, since: int = 0, limit: int = 1000, *, details: bool = False
    ) -> list[Message]:
        """The newest `limit` messages after id `since`, oldest first; of all runs if none is named.

        `details`: with what is said of every epoch and save, and what a command printed.
        """
        rows = self.connection.execute(
            "SELECT id, run_id, time, level, text FROM messages WHERE (?1 IS NULL OR run_id = ?1) AND id > ?2 "
            "AND (?4 OR level NOT IN ('detail', 'stdout', 'stderr')) ORDER BY id DESC LIMIT ?3",
            (run_id, since, limit, details),
        )
        return [Message(**dict(row)) for row in rows][::-1]

    @mending
    def printed(self, run_id: str, since: int = 0, limit: int = 1000) -> list[Message]:
        """The newest `limit` lines after message `since` that a command printed, oldest first."""
        rows = self.connection.execute(
            "SELECT id, run_id, time, level, text FROM messages WHERE run_id = ? AND id > ? "
            "AND level IN ('stdout', 'stderr') ORDER BY id DESC LIMIT ?",
            (run_id, since, limit),
        )
        return [Message(**dict(row)) for row in rows][::-1]

    @mending
    def runners(self) -> list[RunnerRecord]:
        """The processes that hold a device now."""
        columns = ", ".join(field.name for field in fields(RunnerRecord) if field.name != "seen")
        rows = self.connection.execute(f"SELECT {columns} FROM runners ORDER BY started").fetchall()
        held = ((row, self.lock_path(row["lock"])) for row in rows)
        return [RunnerRecord(**dict(row), seen=last_seen(lock) or 0.0) for row, lock in held if is_held(lock)]

    def trainer(self, run_id: str, after: float = SUSPENDED_SECONDS) -> TrainerState:
        """How the process that holds an active run is: suspended or gone if it wasn't seen for `after` seconds.

        Costs a look at a file. The store doesn't change by it. Before the run has a lock nothing is known: ALIVE.
        """
        lock = self.run_folder(run_id) / "lock"
        seen = last_seen(lock)
        # Only one that was silent is asked whether it lives: asking takes its lock for a moment.
        if seen is None or self.clock() - seen <= after:
            return TrainerState.ALIVE
        return TrainerState.SUSPENDED if is_held(lock) else TrainerState.GONE

    def _with_trainer(self, run: Run) -> Run:
        trainer = self.trainer(run.id) if run.state in ACTIVE else TrainerState.ALIVE
        return run if trainer is run.trainer else replace(run, trainer=trainer)

    # ── places ─────────────────────────────────────────────────────────────────────────────────────────────

    def lock_path(self, name: str) -> Path:
        """The lock file of a device's runner."""
        return self.home / "locks" / name

    def run_folder(self, run_id: str) -> Path:
        """Where the run's checkpoints and its lock lie; deleted with it."""
        return self.home / "runs" / run_id


def _batches(values: Iterable[str]) -> Iterator[list[str]]:
    """As many at a time as a query takes, with room for others."""
    wanted = list(values)
    for start in range(0, len(wanted), MOST_PARAMETERS):
        yield wanted[start : start + MOST_PARAMETERS]


def _epoch(row: sqlite3.Row) -> EpochRecord:
    # SQLite keeps NaN as NULL: a figure that is missing where there must be one was NaN.
    never_null = {name: float("nan") for name in _ALWAYS_THERE if row[name] is None}
    return EpochRecord(**{**dict(row), **never_null})


def _confusion(row: sqlite3.Row) -> Confusion | None:
    """None where it is damaged: it counts as one that was never kept, and is counted anew where it is wanted."""
    try:
        return Confusion.unpack(json.loads(row["classes"]), row["counts"])
    except (ValueError, TypeError, RecursionError):
        return None


_ALWAYS_THERE: Sequence[str] = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def _is_text(reference: str) -> bool:
    """Whether it can be asked for: an argument that isn't UTF-8 is no run's id or name."""
    return not any("\ud800" <= character <= "\udfff" for character in reference)
