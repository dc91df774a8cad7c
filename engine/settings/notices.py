"""Notices that a run has ended: a command of the user's own, or a webhook. Off unless `settings.toml` asks for them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Run, State, iso
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import StoreError

if TYPE_CHECKING:
    from lazytrain.engine.settings.settings import Settings

COMMAND_SECONDS = 30.0
"""A command is ended after so long, with what it started."""
WEBHOOK_SECONDS = 10.0


class Herald:
    """Called with each run that ended: notifies of it in threads of its own, so that nothing waits for it.

    What goes wrong becomes a warning in the run's log.

    Args:
        settings: gives the settings as they stand now.
    """

    def __init__(self, home: Path, settings: Callable[[], Settings]) -> None:
        self._home = home
        self._settings = settings
        self._threads: list[threading.Thread] = []

    def __call__(self, run: Run) -> None:
        settings = self._settings()
        if run.state.value not in settings.notify_on:
            return
        facts = describe(run, self._home)
        if settings.notify_command is not None:
            self._start(run, lambda: run_command(settings.notify_command or "", facts))
        if settings.notify_webhook is not None:
            self._start(run, lambda: post(settings.notify_webhook or "", facts))

    def join(self) -> None:
        """Wait until all notices are out."""
        for thread in self._threads:
            thread.join()

    def _start(self, run: Run, notify: Callable[[], str | None]) -> None:
        # Not a daemon: a process whose last run has ended stays until the notice is out, which has its time limit.
        thread = threading.Thread(target=self._notify, args=(run, notify), name="lazytrain-notice")
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _notify(self, run: Run, notify: Callable[[], str | None]) -> None:
        problem = notify()
        # A run that was discarded meanwhile, or a disk that is full: then nobody can be told.
        with contextlib.suppress(StoreError, sqlite3.IntegrityError):
            if problem is not None:
                with Journal(self._home) as journal:
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
        return f"{run.name} failed: {run.error or 'no reason was recorded'}"
    best = f": best {run.best_accuracy * 100:.1f} % at epoch {run.best_epoch}" if run.best_accuracy is not None else ""
    return f"{run.name} {run.state.value}{best}"


def run_command(command: str, facts: Mapping[str, Any], seconds: float = COMMAND_SECONDS) -> str | None:
    """Have the shell run `command`, detached from this terminal; returns what went wrong, for a person.

    Each fact is in an environment variable (`LAZYTRAIN_NAME`, `LAZYTRAIN_BEST_ACCURACY` …; empty where there is none),
    and all are on standard input as JSON.
    """
    environment = {f"LAZYTRAIN_{name.upper()}": "" if value is None else str(value) for name, value in facts.items()}
    try:
        process = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        return f"notify_command could not be started: {error}"
    try:
        _, errors = process.communicate(json.dumps(facts).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        _end_group(process)
        return f"notify_command took longer than {seconds:g} s and was ended"
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return f"notify_command ended with status {process.returncode}" + (f": {last[0]}" if last else "")
    return None


def post(address: str, facts: Mapping[str, Any], seconds: float = WEBHOOK_SECONDS) -> str | None:
    """POST the facts as JSON to `address` (http or https); returns what went wrong, for a person."""
    # Imported for the one who wants it: no business of a first frame.
    import urllib.error
    import urllib.request

    request = urllib.request.Request(
        address,
        data=json.dumps(facts).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "lazytrain"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        return f"notify_webhook {address}: answered {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return f"notify_webhook {address}: {reason}"


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
