"""A process that trains one run for another process, which knows it as a `jobs.Job`, and ends with it."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lazytrain.engine.child_process import host_own_code
from lazytrain.engine.queue.jobs import HALT
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.queue.supervisor import queue_again
from lazytrain.engine.store.store import Store

FINISHED, FAILED = 0, 1
HALT_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the run; 0 once it is left, 1 if nothing could be trained."""
    options = _read(arguments)
    # Ctrl-C, Ctrl-Z and a hang-up are the business of the one who started it: it says what they mean.
    for name in ("SIGINT", "SIGHUP", "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    commands = _take_input()
    host_own_code()
    sys.stdout, sys.stderr = _Unheard(1).text(), _Unheard(2).text()
    began = time.time()
    runner = Runner(
        options.home,
        options.data,
        make=False,
        device=options.device,
        only=options.run,
        share=True,
        command=options.command,
        in_job=True,
        may_train=(lambda: None) if options.anyway else None,
        ended=(lambda _: None) if options.silent else None,
    )
    runner.screenless = True
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    orphaned = threading.Event()
    runner.start()
    threading.Thread(target=_listen, args=(commands, runner, orphaned), name="lazytrain-starter", daemon=True).start()
    runner.join()
    if orphaned.is_set():
        # Nobody wanted it stopped: the next runner is to go on with it.
        with Store(options.home, make=False, by=options.command) as store:
            queue_again(store, began)
    if runner.status.error:
        sys.stderr.write(f"lazytrain: {runner.status.error}\n")
        return FAILED
    return FINISHED


def _take_input() -> int:
    """What the starter says, read from a copy: a net that asks for input gets none, and takes nothing away."""
    copy, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return copy


class _Unheard(io.FileIO):
    """What is printed here may find no reader any more: that is no reason for a net to fail."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)

    def text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(
            io.BufferedWriter(self), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )


def _listen(commands: int, runner: Runner, orphaned: threading.Event) -> None:
    """Wait for the starter's word, or for its death, which closes the pipe."""
    while (said := os.read(commands, 1)) == HALT:
        # Frozen between two steps, not while it holds the store locked; the starter continues it.
        runner.halt(HALT_SECONDS)
        os.kill(os.getpid(), signal.SIGSTOP)
        runner.go_on()
    if not said:
        orphaned.set()
    runner.stop()


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lazytrain.engine.queue.job", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--command", default="lazytrain work")
    parser.add_argument("--anyway", action="store_true", help="whatever the hours and the battery say")
    parser.add_argument("--silent", action="store_true", help="notices are sent by whoever started it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that a net has left, and what it wants done at the end, hold nobody up.
    os._exit(ended)
