"""A process that trains one run for a supervisor (`engine.queue.supervisor`), and ends with it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.queue.supervisor import HALT, queue_again
from lazytrain.engine.store.store import Store

FINISHED, FAILED = 0, 1
HALT_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the run; 0 once it is left, 1 if nothing could be trained."""
    options = _read(arguments)
    # Ctrl-C, Ctrl-Z and a hang-up are the supervisor's business: it says what they mean.
    for name in ("SIGINT", "SIGHUP", "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    began = time.time()
    runner = Runner(
        options.home, options.data, device=options.device, only=options.run, share=True, command=options.command
    )
    runner.screenless = True
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    orphaned = threading.Event()
    runner.start()
    threading.Thread(target=_listen, args=(runner, orphaned), name="lazytrain-supervisor", daemon=True).start()
    runner.join()
    if orphaned.is_set():
        # Nobody wanted it stopped: the next runner is to go on with it.
        with Store(options.home, by=options.command) as store:
            queue_again(store, began)
    if runner.status.error:
        sys.stderr.write(f"lazytrain: {runner.status.error}\n")
        return FAILED
    return FINISHED


def _listen(runner: Runner, orphaned: threading.Event) -> None:
    """Wait for the supervisor's word, or for its death, which closes the pipe."""
    while (said := os.read(sys.stdin.fileno(), 1)) == HALT:
        # Frozen between two steps, not while it holds the store locked; the supervisor continues it.
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
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
