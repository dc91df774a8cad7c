"""A process that runs one command for another process, which knows it as a `jobs.Job`; it ends with that one."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from lazytrain.engine.commands.life import CommandLife
from lazytrain.engine.places import make_folder
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.engine.store.reading import RunNotFound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns once the run is left, or another process has it."""
    options = _read(arguments)
    for name in ("SIGINT", "SIGHUP", "SIGTSTP"):
        # The starter says what they mean. Ignored they would be by the command too.
        signal.signal(getattr(signal, name), lambda *_: None)
    asked_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())
    commands = os.dup(0)
    with CommandJournal(options.home, make=False) as journal:
        lock = FileLock(journal.run_folder(options.run) / "lock")
        make_folder(lock.path.parent, 2)
        try:
            lock.acquire()
        except LockHeld:
            return 0
        try:
            run = journal.claim(options.run, f"{options.command} (process {os.getpid()})")
            if run is None:
                return 0
            may_train = (lambda: None) if options.anyway else None
            CommandLife(
                *(journal, run, lock, options.device, commands),
                asked_to_end=asked_to_end.is_set,
                may_train=may_train,
            ).live()
        finally:
            lock.release()
            with contextlib.suppress(OSError):
                _remove_if_gone(journal, options.run)
    return 0


def _remove_if_gone(journal: CommandJournal, run_id: str) -> None:
    """A run that was discarded meanwhile leaves nothing behind, its lock included."""
    try:
        journal.run(run_id)
    except RunNotFound:
        journal.remove_folder(run_id)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lazytrain.engine.commands.job", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--command", default="lazytrain work")
    parser.add_argument("--anyway", action="store_true", help="whatever the hours and the battery say")
    parser.add_argument("--silent", action="store_true", help="notices are sent by whoever started it, always")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
