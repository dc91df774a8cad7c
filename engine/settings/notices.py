"""Notices that a run has ended: a command of the user's own, the services that apprise knows, or a webhook.

Off unless `settings.toml` asks for them. Each is sent by a process of its own, which is ended at its time limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.child_process import outer_environment, python_command
from lazytrain.engine.records import Kind, Run, State, iso
from lazytrain.engine.settings.recipients import INSTALL, has_apprise, masked, without_parts
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import StoreError

if TYPE_CHECKING:
    from lazytrain.engine.settings.settings import Settings

NOTICE_SECONDS = 30.0
"""A notice that isn't out after so long is ended, with what it started."""
SENDER = "lazytrain.engine.settings.send_notice"
_KINDS = {State.FINISHED: "success", State.FAILED: "failure"}
"""Of apprise's; the rest is a warning."""


class Herald:
    """Called with each run that ended: notifies of it in threads of its own, so that training doesn't wait for it.

    What goes wrong becomes a warning in the run's log.

    Args:
        settings: gives the settings as they stand now.
        seconds: after so long a notice is given up.
    """

    def __init__(self, home: Path, settings: Callable[[], Settings], seconds: float = NOTICE_SECONDS) -> None:
        self._home = home
        self._settings = settings
        self._seconds = seconds
        self._threads: list[threading.Thread] = []

    def __call__(self, run: Run) -> None:
        settings = self._settings()
        if run.state.value not in settings.notify_on:
            return
        facts = describe(run, self._home)
        for notify in self._notices(settings, run, facts):
            # Not a daemon: a process whose last run has ended stays until the notice is out, which has its time limit.
            thread = threading.Thread(target=self._notify, args=(run, notify), name="lazytrain-notice")
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    @property
    def busy(self) -> bool:
        """Whether a notice isn't out yet."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """Wait until all notices are out, or given up."""
        for thread in self._threads:
            thread.join()

    def _notices(self, settings: Settings, run: Run, facts: Mapping[str, Any]) -> Iterator[Callable[[], str | None]]:
        """What is to be done, each returning what went wrong."""
        if (command := settings.notify_command) is not None:
            yield lambda: run_command(command, facts, self._seconds)
        if (webhook := settings.notify_webhook) is not None:
            yield partial(send, "notify_webhook", webhook, {"webhook": webhook, "facts": facts}, self._seconds)
        if settings.notify and not has_apprise():
            yield lambda: f"notify: nobody was told, since apprise isn't installed: `{INSTALL}` brings it"
            return
        kind = _KINDS.get(run.state, "warning")
        words = {"title": f"{run.shown_name} {run.state.value}", "body": describe_briefly(run), "kind": kind}
        for number, address in enumerate(settings.notify, 1):
            yield partial(send, f"notify, entry {number}", address, {"service": address, **words}, self._seconds)

    def _notify(self, run: Run, notify: Callable[[], str | None]) -> None:
        problem = notify()
        # A run that was discarded meanwhile, or a disk that is full: then nobody can be told.
        with contextlib.suppress(StoreError, sqlite3.IntegrityError, OSError):
            if problem is not None:
                with Journal(self._home, make=False) as journal:
                    journal.say(run.id, problem, "warning")


def describe(run: Run, home: Path) -> dict[str, Any]:
    """The facts of a notice, ready for JSON. Accuracies are fractions, times ISO 8601, seconds of training."""
    return {
        "text": sentence(run),
        "event": run.state.value,
        "run": run.id,
        "name": run.name,
        "error": run.error,
        "outcome": run.outcome,
        "epoch": run.epoch,
        "num_epochs": run.num_epochs,
        "best_accuracy": run.best_accuracy,
        "best_epoch": run.best_epoch,
        "test_accuracy": run.test_accuracy,
        "seconds": round(run.seconds, 3),
        "started": iso(run.started),
        "ended": iso(run.ended),
        "device": run.device,
        "home": str(home),
    }


def sentence(run: Run) -> str:
    """`coolnet-v10 quick finished: best 62.4 % at epoch 14`, `… failed: loss became NaN at step 1,551`."""
    if run.state is State.FAILED:
        return f"{run.shown_name} failed: {run.error or 'no reason was recorded'}"
    best = f": best {run.best_accuracy * 100:.1f} % at epoch {run.best_epoch}" if run.best_accuracy is not None else ""
    return f"{run.shown_name} {run.state.value}{best}"


def describe_briefly(run: Run) -> str:
    """What a message says: `coolnet-v10 finished: best 62.4 % at epoch 14`, and a line of how far, how long, where."""
    on = f" on {run.device}" if run.device else ""
    seconds = timedelta(seconds=round(run.seconds))
    done = f"{run.epoch} of {run.num_epochs} epochs" if run.kind is Kind.OWN else f"{run.step:,} steps"
    return f"{sentence(run)}\n{done} in {seconds}{on}, run {run.id}"


def run_command(command: str, facts: Mapping[str, Any], seconds: float = NOTICE_SECONDS) -> str | None:
    """Have the shell run `command`, detached from this terminal; returns what went wrong, for a person.

    Each fact is in an environment variable (`LAZYTRAIN_NAME`, `LAZYTRAIN_BEST_ACCURACY` …; empty where there is none),
    and all are on standard input as JSON.
    """
    environment = {f"LAZYTRAIN_{name.upper()}": "" if value is None else str(value) for name, value in facts.items()}
    try:
        status, last = _run(command, facts, seconds, environment)
    except (OSError, ValueError) as error:
        return f"notify_command could not be started: {error}"
    except subprocess.TimeoutExpired:
        return f"notify_command took longer than {seconds:g} s and was ended"
    return f"notify_command ended with status {status}" + (f": {last}" if last else "") if status else None


def send(name: str, address: str, order: Mapping[str, Any], seconds: float = NOTICE_SECONDS) -> str | None:
    """Have `send_notice` do what `order` says; returns what went wrong, without the keys in `address`.

    Args:
        name: what the settings call it.
    """
    what = f"{name} ({masked(address)})"
    try:
        status, last = _run(python_command(SENDER), order, seconds)
    except OSError as error:
        return f"{what} could not be started: {error}"
    except subprocess.TimeoutExpired:
        return f"{what}: no answer within {seconds:g} s"
    return f"{what}: {without_parts(last, address) or f'ended with status {status}'}" if status else None


def _run(
    command: str | list[str], content: Mapping[str, Any], seconds: float, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command line or a program, detached from this terminal, with `content` as JSON on standard input.

    Returns:
        Its exit status, and the last line that it wrote on standard error.

    Raises:
        OSError: it can't be started.
        ValueError: nor with these facts in its environment: one holds a character that can't be written there.
        subprocess.TimeoutExpired: it took longer than `seconds`, and was ended with what it started.
    """
    process = subprocess.Popen(
        command,
        shell=isinstance(command, str),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**outer_environment(), **(environment or {})},
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(json.dumps(content).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        _end_group(process)
        raise
    return process.returncode, "".join(errors.decode(errors="replace").strip().splitlines()[-1:])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command with everything it started, and let go of its pipes."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
