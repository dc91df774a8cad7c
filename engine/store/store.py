"""The run store: what clients ask of runs.

Screens, commands and trainers meet only here. A `Store` is one connection and belongs to the thread that opened it;
open another for another thread. What clients read is in `reading` beside this, what training writes in `journal`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.errors import encodable
from lazytrain.engine.records import CHUNK_POINTS, Answer, Kind, Run, State, Wanted
from lazytrain.engine.store.archive import write_run
from lazytrain.engine.store.connected import mending
from lazytrain.engine.store.database import StoreDamaged, StoreError, StoreTrouble, transaction
from lazytrain.engine.store.reading import LAST, Reader, RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets.plain_text import find_unsafe, harmless

if TYPE_CHECKING:
    from lazytrain.engine.configuration import CommandConfiguration, RunConfiguration

REPEAT_SECONDS = 30.0
"""A question that waits is marked as still wanted this often."""
LONGEST_NAME = 200
"""Characters of a name or tag that a person gives: a table is as wide as its longest."""


class NotPossible(ValueError):
    """The run's state doesn't allow it; the message says what would."""


class Store(Reader):
    """One connection to the run store in `home`, for looking and for asking.

    Args:
        by: who asks, for the logs of the runs that are asked of: `the screen`, `lazytrain stop`.
    """

    def __init__(
        self, home: Path, *, clock: Callable[[], float] = time.time, make: bool = True, by: str = "a program"
    ) -> None:
        super().__init__(home, clock=clock, make=make)
        self._by = f"{by} (process {os.getpid()})"

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────

    @mending
    def add_run(self, configuration: RunConfiguration, name: str | None = None, *, first: bool = False) -> Run:
        """Queue a run at the end (or in front, if `first`). A name that is taken gets a number.

        Raises NotPossible for a name that means another run.
        """
        values = configuration.hyperparameters
        wanted = harmless(configuration.suggested_name)
        if name is not None:
            wanted = _checked(name, "a run's name", longest=LONGEST_NAME)
        with transaction(self.connection):
            run_id = self._new_id()
            self._refuse_if_ambiguous(name or "", run_id)
            self.connection.execute(
                "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state,"
                " wanted, position, created, num_epochs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(run_id, self._free_name(wanted or configuration.suggested_name)),
                    configuration.model_dump_json(),
                    *(configuration.architecture_name, configuration.hyperparameters_name),
                    *(values.dataset, values.seed, State.QUEUED, Wanted.RUN),
                    *(self._queue_end(first=first), self.clock(), values.epochs),
                ),
            )
        self.archive(run_id)
        return self.run(run_id)

    @mending
    def add_command(
        self,
        configuration: CommandConfiguration,
        name: str | None = None,
        *,
        project: str = "",
        group: str = "",
        config: Mapping[str, Any] | None = None,
    ) -> Run:
        """Queue a command at the end. A name that is taken gets a number; by default it is the program's.

        Args:
            config: values that Compare and filters know the run by.

        Raises NotPossible for a name that means another run, or what can't be one.
        """
        wanted = harmless(configuration.suggested_name)
        if name is not None:
            wanted = _checked(name, "a run's name", longest=LONGEST_NAME).strip() or wanted
        _checked(project, "a project's name", longest=LONGEST_NAME)
        details = {
            "config": dict(config or {}),
            "command": configuration.line,
            "folder": configuration.folder,
            "queued": configuration.model_dump(mode="json"),
        }
        with transaction(self.connection):
            run_id = self._new_id()
            self._refuse_if_ambiguous(wanted, run_id)
            self.connection.execute(
                "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state,"
                " wanted, position, created, num_epochs, kind, project, run_group, details)"
                " VALUES (?, ?, '{}', '', '', '', 0, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
                (
                    *(run_id, self._free_name(wanted), State.QUEUED, Wanted.RUN, self._queue_end(), self.clock()),
                    *(Kind.COMMAND, encodable(project), encodable(group), json.dumps(details)),
                ),
            )
        self.archive(run_id)
        return self.run(run_id)

    @mending
    def rename(self, run_id: str, name: str) -> Run:
        """Give the run a name; one that is taken gets a number.

        Raises ValueError for one that can't be a name, NotPossible for one that means another run.
        """
        if not name.strip():
            raise ValueError("a run's name can't be empty")
        name = _checked(name, "a run's name", longest=LONGEST_NAME)
        with transaction(self.connection):
            self._refuse_if_ambiguous(name.strip(), run_id)
            self.connection.execute(
                "UPDATE runs SET name = ? WHERE id = ?", (self._free_name(name.strip(), run_id), run_id)
            )
        run = self.run(run_id)
        self.archive(run_id)
        return run

    @mending
    def tag(self, run_id: str, tags: Iterable[str]) -> Run:
        """Give the run these tags in place of those it had. Raises ValueError for an empty one or one with a comma or a
        space, RunNotFound."""
        # What an old store holds is no mistake of who adds to it.
        before = set(self.run(run_id).tags)
        chosen = sorted(
            {tag if tag in before else _checked(tag, "a tag", longest=LONGEST_NAME).strip() for tag in tags}
        )
        if wrong := [tag for tag in chosen if tag not in before and (not tag or set(tag) & set(", \t\n"))]:
            raise ValueError(f"tag {wrong[0]!r}: a tag is one word, without a comma")
        return self._label(run_id, tags=json.dumps(chosen, ensure_ascii=False))

    @mending
    def annotate(self, run_id: str, note: str) -> Run:
        """Keep a person's words beside the run, in place of earlier ones. Raises ValueError, RunNotFound."""
        return self._label(run_id, note=_checked(note, "a note", lines=True).strip())

    @mending
    def put_away(self, run_id: str, *, away: bool = True) -> Run:
        """Take the run out of the list (`archived`), or back into it.

        Raises:
            NotPossible: it is queued or being trained.
            RunNotFound: there is none.
        """
        run = self.run(run_id)
        if away and not run.state.over:
            raise NotPossible(f"{run.shown_name} is {run.state}: only a run that is over can be archived")
        return self._label(run_id, archived=int(away))

    @mending
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

    @mending
    def pause(self, run_id: str) -> Run:
        """Ask for a pause. Raises NotPossible if the run isn't being trained, RunNotFound."""
        return self._want(run_id, Wanted.PAUSE, "only a run that is being trained can be paused")

    @mending
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
                self._say(run_id, f"taken out of the queue by {self._by}")
        if run.state is State.QUEUED:
            self.archive(run_id)
            return self.run(run_id)
        return self._want(run_id, Wanted.STOP, "there is nothing to stop")

    @mending
    def resume(self, run_id: str) -> Run:
        """Let a paused run go on, even outside its hours; queue a stopped, failed or interrupted one again.

        Raises:
            NotPossible: it is running, queued or finished, or its stored configuration can't be used.
            RunNotFound: there is none.
        """
        run = self.run(run_id)
        if run.state.resumable and run.kind is Kind.OWN:
            try:
                self.configuration(run_id)
            except RunUnreadable as error:
                raise NotPossible(str(error)) from None
        with transaction(self.connection):
            run = self.run(run_id)
            _refuse_if_read(run)
            if run.state.active:
                self._refuse_if_discarded(run)
                if run.state is not State.PAUSED and run.wanted is not Wanted.PAUSE:
                    raise NotPossible(f"{run.shown_name} is {run.state} already")
                # What a person holds goes on; what only its hours hold goes on in spite of them.
                by_itself = run.wanted is Wanted.RUN and run.error is not None
                self._set(run_id, wanted=Wanted.ANYWAY if by_itself else Wanted.RUN)
                self._say(run_id, f"asked to go on{' anyway' if by_itself else ''} by {self._by}")
            elif run.state.resumable and run.kind is Kind.SCRIPT:
                raise NotPossible(
                    f"{run.shown_name} was trained by a program of your own: start that again, with"
                    f" lazytrain.init(project={run.project!r}, name={run.name!r}, resume='must')"
                )
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
                after = f" after step {run.step:,}" if run.step else ""
                if run.kind is Kind.COMMAND:
                    after = ", to be started again from its beginning,"
                self._say(run_id, f"queued again{after} by {self._by}")
            else:
                raise NotPossible(f"{run.shown_name} is {run.state}: there is nothing to resume")
        if not run.state.active:
            self.archive(run_id)
        return self.run(run_id)

    @mending
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
            row = self.line(run_id)
            while row is not None:
                write_run(self.run_folder(run_id), row)
                # Another may have changed and kept it meanwhile: whoever writes last writes what is there.
                written, row = row, self.line(run_id)
                if row == written:
                    return
            # Discarded in this moment: it must not come back when a store is rebuilt.
            self.remove_folder(run_id)

    def line(self, run_id: str) -> dict[str, Any] | None:
        """The run's line as its folder keeps it, without what changes with every step; None if there is none."""
        row = self.connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else {**dict(row), "progress": None}

    # ── questions to a runner ──────────────────────────────────────────────────────────────────────────────

    @mending
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
                raise NotPossible(f"{run.shown_name} is {run.state}: {otherwise}")
            self._refuse_if_discarded(run)
            _refuse_if_read(run)
            self._set(run_id, wanted=wanted)
            if run.wanted is not wanted:
                self._say(run_id, f"asked to {wanted} by {self._by}")
        return self.run(run_id)

    def _label(self, run_id: str, **columns: Any) -> Run:
        with transaction(self.connection):
            self.run(run_id)
            self._set(run_id, **columns)
        self.archive(run_id)
        return self.run(run_id)

    def _refuse_if_ambiguous(self, name: str, run_id: str) -> None:
        if name == LAST:
            raise NotPossible(f"a run can't be named {name!r}: that means the run made last; choose another name")
        taken = self.connection.execute("SELECT name FROM runs WHERE id = ? AND id != ?", (name, run_id)).fetchone()
        if taken is not None:
            raise NotPossible(
                f"a run can't be named {name!r}: that is the id of {harmless(taken['name'])}; choose another name"
            )

    def _refuse_if_discarded(self, run: Run) -> None:
        if run.wanted is Wanted.DISCARD:
            raise NotPossible(f"{run.shown_name} is being discarded: nothing else can be asked of it")

    def _set(self, run_id: str, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        # Reasons and notes hold names of files, which needn't be UTF-8; SQLite's texts are.
        values = (encodable(value) if isinstance(value, str) else value for value in columns.values())
        self.connection.execute(f"UPDATE runs SET {names} WHERE id = ?", (*values, run_id))

    def _say(self, run_id: str, text: str, level: str = "info") -> None:
        self.connection.execute(
            "INSERT INTO messages (run_id, time, level, text) VALUES (?, ?, ?, ?)",
            (run_id, self.clock(), level, encodable(text)),
        )

    def _new_id(self) -> str:
        while True:
            run_id = os.urandom(4).hex()
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


def _refuse_if_read(run: Run) -> None:
    if run.kind is Kind.LOGS:
        raise NotPossible(
            f"{run.shown_name} is read from the logs of another program, which knows nothing of lazytrain"
        )


def _checked(text: str, what: str, *, lines: bool = False, longest: int | None = None) -> str:
    """`text`, unless it holds what a terminal would obey, or is longer than a table bears. Raises NotPossible."""
    if longest is not None and len(text) > longest:
        raise NotPossible(f"{what} has {longest} characters at most, not {len(text):,}: a note holds more")
    if (unsafe := find_unsafe(text, lines=lines)) is not None:
        raise NotPossible(f"{what} can't hold {unsafe}: {harmless(text)}")
    return text


__all__ = ["CHUNK_POINTS", "NotPossible", "RunNotFound", "Store", "StoreDamaged", "StoreError", "StoreTrouble"]
