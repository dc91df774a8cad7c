"""What a user's own program writes into the run store about the run that it trains."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazytrain.engine.records import Kind, Run, State, Wanted
from lazytrain.engine.store.archive import SeriesHistory
from lazytrain.engine.store.database import transaction
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.printed import SPARE_LINES, Line, append_lines, drop_old_lines
from lazytrain.engine.store.series import MetricRefused, Sample, append_samples
from lazytrain.engine.store.store import NotPossible, RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets.plain_text import harmless


class ScriptJournal(Journal):
    """A journal of runs of the kind `Kind.SCRIPT`."""

    def add_script(
        self,
        name: str,
        *,
        project: str = "",
        group: str = "",
        tags: Sequence[str] = (),
        note: str = "",
        details: Mapping[str, Any],
        kind: Kind = Kind.SCRIPT,
        state: State = State.STARTING,
        began: float | None = None,
        text: str | None = None,
    ) -> Run:
        """A run that begins now, or began then. A name that is taken gets a number.

        Args:
            details: what there is of it beside its series, as JSON: `config`, `summary`, `command`, …
            text: for its log; by default, who began it.

        Raises:
            NotPossible: the name means another run.
        """
        now = self.clock() if began is None else began
        wanted = harmless(name).strip() or "run"
        with transaction(self.connection):
            run_id = self._new_id()
            self._refuse_if_ambiguous(wanted, run_id)
            self.connection.execute(
                "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state,"
                " wanted, position, created, started, updated, num_epochs, kind, project, run_group, tags, note,"
                " details)"
                " VALUES (?, ?, '{}', '', '', '', 0, ?, ?, 0, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
                (
                    *(run_id, self._free_name(wanted), state, Wanted.RUN, now, now, now, kind),
                    *(harmless(project), harmless(group)),
                    json.dumps(sorted({harmless(tag) for tag in tags}), ensure_ascii=False),
                    *(harmless(note), json.dumps(details, ensure_ascii=False)),
                ),
            )
            self._say(run_id, text or f"begun by {details.get('command') or 'a program'} (process {os.getpid()})")
        self.archive(run_id)
        return self.run(run_id)

    def write_series(
        self, run_id: str, series: Mapping[str, Iterable[Sample]], columns: Mapping[str, Any]
    ) -> dict[str, MetricRefused]:
        """Add samples, and set columns of the run's line.

        Returns:
            Name → why it can't be kept, of the metrics that can't.

        Raises:
            RunNotFound: the run was deleted.
        """
        refused: dict[str, MetricRefused] = {}
        with transaction(self.connection, counted=False):
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                raise RunNotFound(f"no run {run_id!r}")
            for name, samples in series.items():
                try:
                    append_samples(self.connection, run_id, {name: samples})
                except MetricRefused as error:
                    refused[name] = error
            self._set(run_id, updated=self.clock(), **columns)
        return refused

    def end(
        self, run_id: str, state: State, *, outcome: str | None = None, error: str | None = None, **columns: Any
    ) -> None:
        super().end(run_id, state, outcome=outcome, error=error, **columns)
        self.keep_series(run_id)

    def keep_series(self, run_id: str) -> None:
        """Write the run's series into its folder, from which a lost store is rebuilt."""
        # The store has them; without the room for a second copy the run has ended all the same.
        folder = self.run_folder(run_id)
        with contextlib.suppress(OSError):
            if folder.is_dir():
                SeriesHistory(folder).save(self, run_id)

    _num_printed = 0

    def write_printed(self, run_id: str, lines: Sequence[Line]) -> None:
        """Add what its program printed; the oldest goes. Raises RunNotFound."""
        with transaction(self.connection, counted=False):
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                raise RunNotFound(f"no run {run_id!r}")
            self._append_printed(run_id, lines)

    def _append_printed(self, run_id: str, lines: Sequence[Line]) -> None:
        append_lines(self.connection, run_id, lines)
        self._num_printed += len(lines)
        if self._num_printed >= SPARE_LINES:
            drop_old_lines(self.connection, run_id)
            self._num_printed = 0

    def adopt_command(
        self, run_id: str, *, goes_on: bool, waits: bool, project: str, group: str, tags: Sequence[str], note: str
    ) -> Run:
        """The program of a command that runs begins to log to its run.

        Args:
            goes_on: with what an earlier start of it logged; else that is taken back.
            waits: whether it waits through pauses by itself.
            project, group, tags, note: added where the run has none.

        Raises:
            RunNotFound: there is no such run.
            NotPossible: it is no command, or it doesn't run; or its program has logged to it before.
        """
        with transaction(self.connection):
            run = self.run(run_id)
            if run.kind is not Kind.COMMAND or not run.state.active:
                raise NotPossible(f"{run.shown_name} is no command that runs")
            if self.details(run_id).get("logs_itself"):
                raise NotPossible(f"{run.shown_name}: its program has logged to it before")
            if not goes_on:
                self._forget_series(run_id)
            all_tags = sorted({*run.tags, *map(harmless, tags)})
            self._set(
                run_id,
                project=run.project or harmless(project),
                run_group=run.run_group or harmless(group),
                tags=json.dumps(all_tags, ensure_ascii=False),
                note=run.note or harmless(note),
            )
            self._merge_details(run_id, {"logs_itself": True, "waits_itself": waits, "from_output": []})
            self._say(run_id, f"its program logs to it now (process {os.getpid()})")
        return self.run(run_id)

    def find_script(self, project: str, name: str) -> Run | None:
        """The newest run of that name in that project."""
        row = self.connection.execute(
            "SELECT id FROM runs WHERE kind = ? AND project = ? AND name = ? ORDER BY created DESC LIMIT 1",
            (Kind.SCRIPT, project, name),
        ).fetchone()
        return None if row is None else self.run(row["id"])

    def continue_script(self, run_id: str) -> Run:
        """A run whose lock the caller holds goes on. Raises RunNotFound, or NotPossible where it isn't a script's."""
        with transaction(self.connection):
            run = self.run(run_id)
            if run.kind is not Kind.SCRIPT:
                raise NotPossible(f"{run.shown_name} is trained by lazytrain: a script can't go on with it")
            anew = {"ended": None, "error": None, "outcome": None, "updated": self.clock()}
            self._set(run_id, state=State.STARTING, wanted=Wanted.RUN, **anew)
            self._say(run_id, f"goes on after step {run.step:,} in process {os.getpid()}")
        return self.run(run_id)

    def set_details(self, run_id: str, details: Mapping[str, Any]) -> None:
        """Put `details` in the place of what there was under the same keys: others are another process's to write."""
        with transaction(self.connection):
            self._merge_details(run_id, details)

    def _merge_details(self, run_id: str, details: Mapping[str, Any]) -> None:
        try:
            merged = {**self.details(run_id), **details}
        except RunUnreadable:
            merged = details  # damaged: what is known now is better
        self._set(run_id, details=json.dumps(merged, ensure_ascii=False))

    def _forget_series(self, run_id: str) -> None:
        """Take back all that was logged: the program begins anew."""
        self.connection.execute("DELETE FROM metrics WHERE run_id = ?", (run_id,))
        self.connection.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))
        self._set(run_id, step=0, num_steps=None, seconds=0.0, progress=None)
