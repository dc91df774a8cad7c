"""Going on without a screen: what the app's process does after the terminal is left, or lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.child_process import python_command
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.settings.niceness import step_back
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from lazytrain.tui.state.environment import Places
from lazytrain.tui.terminal.outlet import point_away

if TYPE_CHECKING:
    from lazytrain.engine.queue.runner import Runner
    from lazytrain.tui.terminal.diversion import Diversion
    from lazytrain.tui.terminal.parent import Link
    from lazytrain.tui.terminal.signals import Signals

MOST_LOG_BYTES = 1_000_000
DETACHED = 0x208
"""On Windows: DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP."""


def log_path(home: Path) -> Path:
    """Where a process without a terminal writes what there is to say."""
    return home / "lazytrain.log"


def write_log(home: Path, text: str) -> None:
    """Add a line to the log; a disk that takes none is no reason to stop. A long log is put aside once."""
    path = log_path(home)
    with contextlib.suppress(OSError):
        if path.exists() and path.stat().st_size > MOST_LOG_BYTES:
            path.replace(path.with_name("lazytrain.log.1"))
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} [{os.getpid()}] {text}\n")


def work_here(runner: Runner | None, runs: Sequence[Run], *, waits_too: bool = False) -> list[Run]:
    """What this process trains or is about to train: nothing while another process holds the device.

    `waits_too`: what is queued counts even then, since the other process may have come for one run only.
    """
    if runner is None or runner.status.phase in ("notifying", "ended"):
        return []
    if runner.status.phase == "waiting" and not (runner.holds_device or waits_too):
        return []
    # While torch is loaded, what seems to be trained is a dead process's: it is taken up first.
    here = runner.status.phase in ("training", "loading")
    # Programs of one's own are trained where they were started, and followed logs elsewhere.
    trained = (Kind.OWN, Kind.COMMAND)
    active = [run for run in runs if run.state.active and run.kind in trained] if here else []
    return active + [run for run in runs if run.state is State.QUEUED]


def describe_leaving(runs: Sequence[Run]) -> str:
    """What the parent prints as it gives the prompt back."""
    active = [run for run in runs if run.state.active]
    held = active and all(run.state is State.PAUSED for run in active)
    what = "the run stays paused" if held else "training goes on"
    return f"{what} in the background: `lazytrain` shows it, `lazytrain runs` lists, `lazytrain stop RUN` ends it"


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties a screen's process to its terminal."""

    link: Link
    signals: Signals
    diversion: Diversion | None


def detach(places: Places, ties: Ties, status: int, text: str = "") -> None:
    """Leave the terminal and the session, and release the parent, which prints `text` and ends with `status`."""
    ties.signals.forget_terminal()
    if ties.diversion is not None:
        ties.diversion.leave_terminal()
    else:
        point_away(log=log_path(places.home))
    # Fails where this process leads its group already, which no shell has a hand in then.
    with contextlib.suppress(OSError):
        os.setsid()
    for name in ("SIGHUP", "SIGTSTP", "SIGTTIN", "SIGTTOU"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    ties.link.release(status, text)


def go_on_alone(runner: Runner, places: Places, ties: Ties, *, status: int = 0, text: str = "") -> None:
    """Leave the terminal and the session, release the parent, and train until the queue is empty.

    The runner has been started. Training takes no notice of any of it.
    """
    runner.leave_screen()
    detach(places, ties, status, text)
    step_back(places.home)
    write_log(places.home, "goes on without a screen until the queue is empty")
    runner.join()
    write_log(places.home, f"ends: {runner.status.error or 'the queue is empty'}")


def hand_over(runner: Runner, places: Places, device: str, runs: Sequence[Run]) -> subprocess.Popen[bytes]:
    """Where a process can't leave its terminal: save what is trained, and have a new process of its own go on.

    Returns:
        The process of `lazytrain work`; it resumes `runs` and trains the queue.
    """
    runner.stop()
    runner.join()
    with Store(places.home, by="the screen, which was left,") as store:
        for run in runs:
            # A run that ended meanwhile, or was held by its user, stays as it is.
            with contextlib.suppress(NotPossible, RunNotFound):
                if store.run(run.id).state is State.STOPPED and run.state is not State.PAUSED:
                    store.resume(run.id)
    folders = ("--home", str(places.home), "--data", str(places.data))
    with log_path(places.home).open("ab") as log:
        return subprocess.Popen(
            python_command("lazytrain.__main__", "work", *folders, "--device", device),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=os.name != "nt",
            creationflags=DETACHED if os.name == "nt" else 0,
        )
