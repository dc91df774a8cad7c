"""The run store: what clients ask of runs, and what they read of them.

Screens, commands and trainers meet only here. A `Store` is one connection and belongs to the thread that opened it;
open another for another thread. What training writes is in `engine.journal`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from engine.archive import write_run
from engine.configuration import RunConfiguration
from engine.database import StoreDamaged, StoreError, StoreTrouble, connect, damage, transaction
from engine.events import POINT_FORMAT, EpochRecord, Progress
from engine.locks import is_held, last_seen
from engine.rebuild import NOTICE, is_lost, rebuild
from engine.records import ACTIVE, CHUNK_POINTS, Answer, Message, Run, RunnerRecord, State, Wanted

SUSPENDED_SECONDS = 6.0
"""A trainer that was not seen for so long is frozen: a live one shows itself every two seconds."""
NOTICE_SECONDS = 24 * 3600.0

REPEAT_SECONDS = 30.0
"""A question that waits is marked as still wanted this often."""

_RUN_COLUMNS = ", ".join(field.name for field in fields(Run))
_EPOCH_COLUMNS = ", ".join(field.name for field in fields(EpochRecord))


class RunNotFound(LookupError):
    """No run, or more than one, goes by that reference; the message says which there are."""


class NotPossible(ValueError):
    """The run's state doesn't allow it; the message says what would."""


class Store:
    """One connection to the run store in `home`.

    One that is damaged or gone is set aside and rebuilt from the runs' folders; `notice` says so.

    Raises:
        StoreError: it can't be opened.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.home = home
        self.path = home / "store.sqlite3"
        self.clock = clock
        self._seen_version: int | None = None
        self._known: dict[str, tuple[tuple[object, ...], Run]] = {}
        try:
            if is_lost(self.path):
                raise StoreDamaged("the file is gone", "damaged")
            self._open()
        except StoreDamaged as found:
            rebuild(self.path, str(found).removeprefix(f"{self.path}: "))
            self._open()

    def _open(self) -> None:
        self.connection = connect(self.path)
        self._file = _identity(self.path)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────

    def changed(self) -> bool:
        """Whether another connection wrote since the last call (True the first time). Costs microseconds."""
        if self.replaced():
            self.connection.close()
            self._open()
            self._seen_version = None
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        changed, self._seen_version = version != self._seen_version, version
        return changed

    def reopen(self) -> None:
        """After StoreDamaged: look at the whole file, and rebuild it from the runs' folders if it is damaged.

        Raises:
            StoreError: that can't be done.
        """
        found = damage(self.connection)
        self.connection.close()
        if found is not None:
            rebuild(self.path, found)
        self._open()
        self._seen_version = None

    def replaced(self) -> bool:
        """Whether another process put a rebuilt store in this one's place; `changed` opens that."""
        return _identity(self.path) not in (self._file, None)

    @property
    def notice(self) -> str | None:
        """What everyone who uses this store should be told: that it was rebuilt within the last day, and why."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (NOTICE,)).fetchone()
        notice = json.loads(row["value"]) if row else {"time": 0.0, "text": ""}
        return notice["text"] if self.clock() - notice["time"] < NOTICE_SECONDS else None

    def runs(self) -> list[Run]:
        """Every run: the active ones, then the queue in its order, then the rest, newest first."""
        rows = self.connection.execute(f"SELECT {_RUN_COLUMNS} FROM runs").fetchall()
        # Of thousands of runs a few change: the others are taken as they were made last time.
        read = ((row["id"], tuple(row), row) for row in rows)
        known = self._known
        self._known = {
            run_id: known[run_id] if run_id in known and known[run_id][0] == values else (values, _run(row))
            for run_id, values, row in read
        }
        return sorted((run for _, run in self._known.values()), key=_list_order)

    def live_states(self) -> list[tuple[object, ...]]:
        """State, wish, name and place of each run that isn't over: the same as before if only figures changed."""
        live = (*ACTIVE, State.QUEUED)
        rows = self.connection.execute(
            f"SELECT id, state, wanted, name, position, error FROM runs WHERE state IN ({', '.join('?' * len(live))})",
            live,
        )
        return [tuple(row) for row in rows]

    def run(self, run_id: str) -> Run:
        """One run. Raises RunNotFound."""
        row = self.connection.execute(f"SELECT {_RUN_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        return _run(row)

    def find(self, reference: str) -> Run:
        """The run meant by an id, an unambiguous beginning of one, a name, or `last` (the one made last).

        Raises:
            RunNotFound: none or several fit.
        """
        select = f"SELECT {_RUN_COLUMNS} FROM runs "
        if reference == "last":
            rows = self.connection.execute(select + "ORDER BY created DESC, rowid DESC LIMIT 1").fetchall()
        else:
            rows = self.connection.execute(select + "WHERE id = ? OR name = ?", (reference, reference)).fetchall()
            rows = (
                rows
                or self.connection.execute(
                    select + "WHERE substr(id, 1, ?) = ?", (len(reference), reference)
                ).fetchall()
            )
        if len(rows) == 1:
            return _run(rows[0])
        if not rows:
            raise RunNotFound(f"no run {reference!r}: `lazytrain runs` lists them")
        several = ", ".join(f"{row['id']} ({row['name']})" for row in rows[:5])
        raise RunNotFound(f"{reference!r} fits {len(rows)} runs: {several}; write more of the id")

    def configuration(self, run_id: str) -> RunConfiguration:
        """What was frozen when the run was queued. Raises RunNotFound."""
        row = self.connection.execute("SELECT configuration FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise RunNotFound(f"no run {run_id!r}")
        return RunConfiguration.model_validate_json(row["configuration"])

    def packed_points(self, run_id: str, since: int = 0) -> bytes:
        """The run's points from number `since` on, packed by `POINT_FORMAT`."""
        first, skipped = divmod(since, CHUNK_POINTS)
        rows = self.connection.execute(
            "SELECT data FROM chunks WHERE run_id = ? AND number >= ? ORDER BY number", (run_id, first)
        )
        return b"".join(row["data"] for row in rows)[skipped * POINT_FORMAT.size :]

    def epochs(self, run_id: str, since: int = 0) -> list[EpochRecord]:
        """The run's finished epochs after epoch `since`, in order."""
        rows = self.connection.execute(
            f"SELECT {_EPOCH_COLUMNS} FROM epochs WHERE run_id = ? AND epoch > ? ORDER BY epoch", (run_id, since)
        )
        return [_epoch(row) for row in rows]

    def messages(self, run_id: str | None = None, since: int = 0, limit: int = 1000) -> list[Message]:
        """The newest `limit` messages after id `since`, oldest first; of all runs if none is named."""
        rows = self.connection.execute(
            "SELECT id, run_id, time, level, text FROM messages WHERE (?1 IS NULL OR run_id = ?1) AND id > ?2 "
            "ORDER BY id DESC LIMIT ?3",
            (run_id, since, limit),
        )
        return [Message(**dict(row)) for row in rows][::-1]

    def runners(self) -> list[RunnerRecord]:
        """The processes that hold a device now."""
        columns = ", ".join(field.name for field in fields(RunnerRecord) if field.name != "seen")
        rows = self.connection.execute(f"SELECT {columns} FROM runners ORDER BY started").fetchall()
        held = ((row, self.lock_path(row["lock"])) for row in rows)
        return [RunnerRecord(**dict(row), seen=last_seen(lock) or 0.0) for row, lock in held if is_held(lock)]

    def last_seen(self, run: Run) -> float | None:
        """When the run's trainer last showed that it isn't frozen, in Unix seconds; None before the first time."""
        return last_seen(self.run_folder(run.id) / "lock")

    def is_suspended(self, run: Run, after: float = SUSPENDED_SECONDS) -> bool:
        """Whether the run's trainer is frozen (Ctrl-Z, SIGSTOP) or gone, not seen for `after` seconds.

        Costs a look at a file. The store doesn't change by it: look again about each second while a run is active.
        """
        return run.state.active and self.clock() - (self.last_seen(run) or 0.0) > after

    # ── places ─────────────────────────────────────────────────────────────────────────────────────────────

    def lock_path(self, name: str) -> Path:
        """The lock file of a device's runner."""
        return self.home / "locks" / name

    def run_folder(self, run_id: str) -> Path:
        """Where the run's checkpoints and its lock lie; deleted with it."""
        return self.home / "runs" / run_id

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────

    def add_run(self, configuration: RunConfiguration, name: str | None = None, *, first: bool = False) -> Run:
        """Queue a run at the end (or in front, if `first`). A name that is taken gets a number."""
        values = configuration.hyperparameters
        with transaction(self.connection):
            run_id = self._new_id()
            self.connection.execute(
                "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state,"
                " wanted, position, created, num_epochs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(run_id, self._free_name(name or configuration.suggested_name)),
                    configuration.model_dump_json(),
                    *(configuration.architecture_name, configuration.hyperparameters_name),
                    *(values.dataset, values.seed, State.QUEUED, Wanted.RUN),
                    *(self._queue_end(first=first), self.clock(), values.epochs),
                ),
            )
        self.archive(run_id)
        return self.run(run_id)

    def rename(self, run_id: str, name: str) -> Run:
        """Give the run a name; one that is taken gets a number. Raises ValueError for an empty one."""
        if not name.strip():
            raise ValueError("a run's name can't be empty")
        with transaction(self.connection):
            self.connection.execute(
                "UPDATE runs SET name = ? WHERE id = ?", (self._free_name(name.strip(), run_id), run_id)
            )
        run = self.run(run_id)
        self.archive(run_id)
        return run

    def move(self, run_id: str, places: int) -> None:
        """Move a queued run by `places` in the queue: -1 is one earlier. Does nothing past an end."""
        with transaction(self.connection):
            rows = self.connection.execute(
                "SELECT id FROM runs WHERE state = ? ORDER BY position, rowid", (State.QUEUED,)
            )
            order = [row["id"] for row in rows]
            if run_id not in order:
                return
            index = order.index(run_id)
            order.insert(max(0, index + places), order.pop(index))
            self.connection.executemany(
                "UPDATE runs SET position = ? WHERE id = ?", [(float(place), each) for place, each in enumerate(order)]
            )

    def pause(self, run_id: str) -> Run:
        """Ask for a pause. Raises NotPossible if the run isn't being trained, RunNotFound."""
        return self._want(run_id, Wanted.PAUSE, "only a run that is being trained can be paused")

    def stop(self, run_id: str) -> Run:
        """Ask for a checkpoint and an end that can be resumed; a queued run leaves the queue at once.

        Raises:
            NotPossible: it is over already.
            RunNotFound: there is none.
        """
        with transaction(self.connection):
            run = self.run(run_id)
            if run.state is State.QUEUED:
                self._set(run_id, state=State.STOPPED, ended=self.clock())
                self._say(run_id, "taken out of the queue")
        if run.state is State.QUEUED:
            self.archive(run_id)
            return self.run(run_id)
        return self._want(run_id, Wanted.STOP, "there is nothing to stop")

    def resume(self, run_id: str) -> Run:
        """Let a paused run go on, even outside its hours; queue a stopped, failed or interrupted one again.

        Raises:
            NotPossible: it is running, queued or finished.
            RunNotFound: there is none.
        """
        with transaction(self.connection):
            run = self.run(run_id)
            if run.state.active:
                self._refuse_if_discarded(run)
                if run.state is not State.PAUSED and run.wanted is not Wanted.PAUSE:
                    raise NotPossible(f"{run.name} is {run.state} already")
                # What a person holds goes on; what only its hours hold goes on in spite of them.
                by_itself = run.wanted is Wanted.RUN and run.error is not None
                self._set(run_id, wanted=Wanted.ANYWAY if by_itself else Wanted.RUN)
            elif run.state.resumable:
                self._set(
                    run_id,
                    state=State.QUEUED,
                    wanted=Wanted.RUN,
                    position=self._queue_end(),
                    ended=None,
                    error=None,
                    outcome=None,
                    attempts=0,
                )
                self._say(run_id, f"queued again after step {run.step:,}" if run.step else "queued again")
            else:
                raise NotPossible(f"{run.name} is {run.state}: there is nothing to resume")
        if not run.state.active:
            self.archive(run_id)
        return self.run(run_id)

    def discard(self, run_id: str) -> None:
        """Delete a run and its files; one that is being trained is left by its trainer first. Raises RunNotFound."""
        with transaction(self.connection):
            if self.run(run_id).state.active:
                self._set(run_id, wanted=Wanted.DISCARD)
                return
            self.connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        self.remove_folder(run_id)

    def remove_folder(self, run_id: str) -> None:
        """Delete the files of a run that is gone."""
        shutil.rmtree(self.run_folder(run_id), ignore_errors=True)

    def archive(self, run_id: str) -> None:
        """Keep the run's line in its folder, from which a damaged store is rebuilt."""
        # Where it can't be written now, it is written with the run's next change.
        with contextlib.suppress(OSError, StoreTrouble):
            row = self.connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is not None:
                write_run(self.run_folder(run_id), {**dict(row), "progress": None})
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                # Discarded in this moment: it must not come back when a store is rebuilt.
                self.remove_folder(run_id)

    # ── questions to a runner ──────────────────────────────────────────────────────────────────────────────

    def ask(self, key: str, question: Mapping[str, Any]) -> Answer:
        """The answer under `key`, or an empty one after leaving the question for the next runner that has time.

        Ask again while you wait, as on every look at the store: a question nobody repeats is dropped after a while.
        """
        row = self.connection.execute(
            "SELECT asked, result, error, answered FROM questions WHERE key = ?", (key,)
        ).fetchone()
        now = self.clock()
        if row is None or (row["answered"] is None and now - row["asked"] > REPEAT_SECONDS):
            with transaction(self.connection):
                self.connection.execute(
                    "INSERT INTO questions (key, question, asked) VALUES (?, ?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET asked = excluded.asked",
                    (key, json.dumps(question), now),
                )
        if row is None:
            return Answer()
        return Answer(
            result=None if row["result"] is None else json.loads(row["result"]),
            error=row["error"],
            answered=row["answered"],
        )

    # ── shared with the journal ────────────────────────────────────────────────────────────────────────────

    def _want(self, run_id: str, wanted: Wanted, otherwise: str) -> Run:
        with transaction(self.connection):
            run = self.run(run_id)
            if not run.state.active:
                raise NotPossible(f"{run.name} is {run.state}: {otherwise}")
            self._refuse_if_discarded(run)
            self._set(run_id, wanted=wanted)
        return self.run(run_id)

    def _refuse_if_discarded(self, run: Run) -> None:
        if run.wanted is Wanted.DISCARD:
            raise NotPossible(f"{run.name} is being discarded: nothing else can be asked of it")

    def _set(self, run_id: str, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self.connection.execute(f"UPDATE runs SET {names} WHERE id = ?", (*columns.values(), run_id))

    def _say(self, run_id: str, text: str, level: str = "info") -> None:
        self.connection.execute(
            "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, ?, ?)", (run_id, self.clock(), level, text)
        )

    def _new_id(self) -> str:
        while True:
            run_id = secrets.token_hex(4)
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                return run_id

    def _free_name(self, name: str, run_id: str = "") -> str:
        taken = {row["name"] for row in self.connection.execute("SELECT name FROM runs WHERE id != ?", (run_id,))}
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name} #{number}", number + 1
        return candidate

    def _queue_end(self, *, first: bool = False) -> float:
        row = self.connection.execute(
            f"SELECT {'min' if first else 'max'}(position) AS edge FROM runs WHERE state = ?", (State.QUEUED,)
        ).fetchone()
        return (row["edge"] or 0.0) + (-1.0 if first else 1.0)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path`; None if there is none for the moment."""
    try:
        status = os.stat(path)  # noqa: PTH116  asked ten times a second
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _list_order(run: Run) -> tuple[float, ...]:
    if run.state in ACTIVE:
        return (0, run.position, run.created)
    if run.state is State.QUEUED:
        return (1, run.position, run.created)
    return (2, -(run.ended or run.created), -run.created)


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values["state"], values["wanted"] = State(values["state"]), Wanted(values["wanted"])
    if values["progress"] is not None:
        values["progress"] = Progress(**json.loads(values["progress"]))
    return Run(**values)


def _epoch(row: sqlite3.Row) -> EpochRecord:
    # SQLite keeps NaN as NULL: a figure that is missing where there must be one was NaN.
    never_null = {name: float("nan") for name in _ALWAYS_THERE if row[name] is None}
    return EpochRecord(**{**dict(row), **never_null})


_ALWAYS_THERE: Sequence[str] = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")

__all__ = ["CHUNK_POINTS", "NotPossible", "RunNotFound", "Store", "StoreDamaged", "StoreError", "StoreTrouble"]
