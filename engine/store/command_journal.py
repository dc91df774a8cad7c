"""What is written into the run store about a command while it runs: its log, what was read off that, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazytrain.engine.records import State
from lazytrain.engine.store.database import transaction
from lazytrain.engine.store.printed import Line
from lazytrain.engine.store.reading import RunNotFound
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import MetricRefused, Sample, append_samples
from lazytrain.engine.store.stored_configuration import RunUnreadable


class CommandJournal(ScriptJournal):
    """A journal of runs of the kind `Kind.COMMAND`."""

    def told(self, run_id: str) -> dict[str, Any]:
        """The run's details; nothing where they are damaged, which is no reason to let go of a command."""
        try:
            return self.details(run_id)
        except RunUnreadable:
            return {}

    def prepare_command(self, run_id: str, device: str, reason: str) -> None:
        """The command is about to be started. What an earlier start printed figures of is taken back, unless its
        program logged itself: that says whether it goes on."""
        with transaction(self.connection):
            before = self.told(run_id)
            if not before.get("logs_itself"):
                self._forget_series(run_id)
            anew = {"logs_itself": False, "from_output": [], "exit_status": None}
            self._merge_details(run_id, {**anew, "starts": before.get("starts", 0) + 1})
            self._set(run_id, device=device, device_reason=reason, seconds=0.0, progress=None)

    def command_started(self, run_id: str, text: str, process: int, host: str) -> None:
        """It runs, as that process; `text` is for the run's log."""
        with transaction(self.connection):
            self._merge_details(run_id, {"process": process, "host": host})
            self._set(run_id, state=State.RUNNING, updated=self.clock())
            self._say(run_id, text)

    def write_output(
        self,
        run_id: str,
        lines: Sequence[Line],
        series: Mapping[str, Iterable[Sample]],
        columns: Mapping[str, Any],
    ) -> None:
        """Add what it printed, and what was read off that. Raises RunNotFound."""
        with transaction(self.connection, counted=False):
            if not self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                raise RunNotFound(f"no run {run_id!r}")
            self._append_printed(run_id, lines)
            for name, samples in series.items():
                try:
                    append_samples(self.connection, run_id, {name: samples})
                except MetricRefused:
                    continue  # the reader keeps to names and numbers that are allowed; a script's own may fill them up
            self._set(run_id, updated=self.clock(), **columns)
