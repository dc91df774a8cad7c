"""What is written into the run store of logs that other programs have written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lazytrain.engine.places import make_folder
from lazytrain.engine.records import Kind, Run, State, Wanted
from lazytrain.engine.store.database import transaction
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import MetricRefused, Sample, append_samples, take_back
from lazytrain.engine.store.store import RunNotFound


class LogJournal(ScriptJournal):
    """A journal of runs of the kind `Kind.LOGS`."""

    def logs(self) -> dict[str, str]:
        """Where its logs lie → a run's id, as they were read before."""
        rows = self.connection.execute("SELECT id, details FROM runs WHERE kind = ?", (Kind.LOGS,))
        found = {row["id"]: json.loads(row["details"]).get("source") for row in rows}
        return {source: run_id for run_id, source in found.items() if source}

    def add_log(self, name: str, *, project: str, details: Mapping[str, Any], began: float, text: str) -> Run:
        """A run whose logs were found, `text` for its log. A name that is taken gets a number."""
        return self.add_script(
            name, project=project, details=details, kind=Kind.LOGS, state=State.FINISHED, began=began, text=text
        )

    def write_log(
        self,
        run_id: str,
        series: Mapping[str, Iterable[Sample]],
        details: Mapping[str, Any],
        *,
        after: int | None = None,
        anew: bool = False,
        updated: float | None = None,
        text: str | None = None,
    ) -> dict[str, MetricRefused]:
        """Add samples, and say in `details` how far was read: both or neither.

        Args:
            after: what there is of the steps after this one is taken back first.
            anew: all there is is taken back first.
            text: for the run's log.

        Returns:
            Name → why it can't be kept, of the metrics that can't.

        Raises:
            RunNotFound: the run was deleted.
        """
        refused: dict[str, MetricRefused] = {}
        columns: dict[str, Any] = {"details": json.dumps(details, ensure_ascii=False)}
        with transaction(self.connection, counted=anew or after is not None):
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                raise RunNotFound(f"no run {run_id!r}")
            if anew:
                self.connection.execute("DELETE FROM metrics WHERE run_id = ?", (run_id,))
            elif after is not None:
                take_back(self.connection, run_id, after)
            if anew or after is not None:
                self.connection.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))
            step, seconds = -1, 0.0
            for name, samples in series.items():
                kept = list(samples)
                try:
                    append_samples(self.connection, run_id, {name: kept})
                except MetricRefused as error:
                    refused[name] = error
                    continue
                step = max(step, *(sample.step for sample in kept))
                seconds = max(seconds, kept[-1].seconds)
            if step >= 0:
                columns |= {"step": step, "seconds": seconds}
            if updated:
                columns["updated"] = updated
            self._set(run_id, **columns)
            if text is not None:
                self._say(run_id, text, "warning")
        return refused

    def set_log_state(self, run_id: str, state: State, changed: float, outcome: str) -> None:
        """What its logs tell of the run: it runs, or has ended when they were last written to."""
        over = state is not State.RUNNING
        with transaction(self.connection):
            ended = {"ended": changed if over else None, "outcome": outcome if over else None}
            self._set(run_id, state=state, wanted=Wanted.RUN, error=outcome if state is State.FAILED else None, **ended)

    def hold_lock(self, run_id: str) -> FileLock | None:
        """The lock of a run that runs, so that it counts as alive; None where another has it."""
        lock = FileLock(self.run_folder(run_id) / "lock")
        make_folder(lock.path.parent, 2)
        try:
            lock.acquire()
        except LockHeld:
            return None
        return lock
