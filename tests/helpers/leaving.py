"""A home with runs, screens and commands on it that are left, lost and ended, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from tests.helpers import ROOT
from tests.helpers.bench import configuration
from tests.helpers.terminals import PATIENCE_SECONDS, PtyTerminal

COMMAND = (sys.executable, "-m", "lazytrain")
LONG = 20_000
"""Epochs that no test waits for."""


class House:
    """A home with a store, and every process on it, which end with the test."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.store = Store(home)
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("LAZYTRAIN_", "TMUX", "TEXTUAL"))
            },
            **{"LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
        }

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.store.close()

    def queue(self, epochs: int = LONG) -> Run:
        """A LazyNet on digits."""
        return self.store.add_run(configuration(epochs=epochs))

    def open(self, *arguments: str, controlling: bool = True, command: Sequence[str] = COMMAND) -> PtyTerminal:
        """A terminal with `lazytrain ARGUMENTS` in it."""
        return PtyTerminal((*command, *arguments), self.folder, self.environment, controlling=controlling)

    def processes(self) -> list[psutil.Process]:
        """Everything alive that works on this home."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = process.environ().get("LAZYTRAIN_HOME") == str(self.home)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def screen_processes(self) -> list[psutil.Process]:
        """The processes of `lazytrain` among them, not the shells and terminals around."""
        return [process for process in self.processes() if _command(process)[1:3] == ["-m", "lazytrain"]]

    def trainer(self) -> psutil.Process:
        """The process that holds the device; where a user's own net trains in another, the one that started that."""
        return psutil.Process(self.store.runners()[0].pid)

    def wait(self, state: State, after_step: int = -1, terminal: PtyTerminal | None = None) -> Run:
        """The newest run, once it is in `state` and past a step; `terminal` is read meanwhile."""

        def holds() -> bool:
            run = self.store.find("last")
            if run.state.over and run.state is not state:
                raise AssertionError(f"{run.state} ({run.error or run.outcome}) instead of {state}")
            return run.state is state and run.step > after_step and run.pending is None

        wait_for(holds, f"a run that is {state} after step {after_step}", terminal)
        return self.store.find("last")

    def wait_for_end(self) -> None:
        """Until no process is left here."""
        wait_for(lambda: not self.processes(), "every process to end")

    def checkpoints(self, run: Run) -> list[Path]:
        return sorted((self.store.run_folder(run.id) / "checkpoints").glob("*"))


def _command(process: psutil.Process) -> list[str]:
    """Its command line, empty once it has ended: it may do so while one looks."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def wait_for(holds: Callable[[], bool], what: str, terminal: PtyTerminal | None = None) -> None:
    """Look until `holds`, at most a minute, reading what `terminal` is sent."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}" + (f":\n{terminal.text()}" if terminal else ""))
        if terminal is not None:
            terminal.text()
        pause.wait(0.02)


def check_whole(store: Store, run: Run) -> None:
    """Every epoch and every point is there, once."""
    assert [record.epoch for record in store.epochs(run.id)] == list(range(1, run.num_epochs + 1))
    assert run.step == run.num_steps
    assert run.attempts == 0
    assert run.revision == 0, "nothing was taken back, so nothing was done twice"


def comes_to_rest(process: psutil.Process) -> bool:
    """Whether it soon uses next to no processor time for a second; a spinning thread never does."""
    return any(_processor_time_of_a_second(process) < 0.3 for _ in range(10))


def _processor_time_of_a_second(process: psutil.Process) -> float:
    before = sum(process.cpu_times()[:2])
    threading.Event().wait(1.0)
    return sum(process.cpu_times()[:2]) - before
