"""The life of a command that a node runs, written down here."""

from __future__ import annotations

from typing import Any

from lazytrain.engine.cluster.remote_command import RemoteGroup
from lazytrain.engine.cluster.tasks import Tasks
from lazytrain.engine.commands.ending import WITH_RUNNER, Why
from lazytrain.engine.commands.group import Group
from lazytrain.engine.commands.life import CommandLife
from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.records import State, Wanted
from lazytrain.engine.run.trainer import WorkerLost


class _NotStarted(Exception):
    """It was to be left while it waited for room."""


class RemoteLife(CommandLife):
    """As `CommandLife`; its processes are a task of the cluster."""

    def __init__(self, *arguments: Any, tasks: Tasks, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._tasks, self._remote = tasks, None

    _remote: RemoteGroup | None

    def live(self) -> None:
        """Start it and stay with it to its end."""
        journal, run_id = self._journal, self._run_id
        try:
            super().live()
        except _NotStarted:
            if self._wanted is Wanted.DISCARD or self._ledger.is_gone:
                self._ledger.insist(lambda: journal.forget(run_id))
                return
            outcome = "before it was started" if self._wanted is Wanted.STOP else WITH_RUNNER
            self._ledger.insist(lambda: journal.end(run_id, State.STOPPED, outcome=outcome))
        except WorkerLost as loss:
            outcome = f"{loss}, before the command was started"
            self._ledger.insist(lambda: journal.end(run_id, State.INTERRUPTED, outcome=outcome))

    def _prepare(self) -> CommandConfiguration:
        configuration = self._journal.command(self._run_id)
        self._journal.prepare_command(self._run_id, self._device, "waits for room in the cluster")
        return configuration

    def _start(self, configuration: CommandConfiguration) -> Group:
        self._remote = RemoteGroup(self._tasks, self._run_id, configuration, self._while_waiting, self._tell_of_end)
        device = f"{'cpu' if configuration.needs == 'cpu' or not self._tasks.has_gpus else 'gpu'}@{self._remote.node}"
        self._ledger.attempt(
            lambda: self._journal.confirm(self._run_id, State.STARTING, device=device, device_reason="what Ray gave it")
        )
        return self._remote

    def _while_waiting(self) -> None:
        self._ledger.attempt(self._read_wishes)
        leaves = self._asked_to_end() or self._ledger.is_gone
        if leaves or self._wanted in (Wanted.STOP, Wanted.DISCARD):
            raise _NotStarted

    @property
    def _host(self) -> str:
        return self._remote.node if self._remote is not None else ""

    def _end(self) -> None:
        if self._remote is not None and self._remote.lost is not None and self._ending.why is None:
            self._ending.begin(Why.ORPHANED)
            lost = self._remote.lost
            self._ledger.attempt(lambda: self._journal.say(self._run_id, lost, "warning"))
        super()._end()
