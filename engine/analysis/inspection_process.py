"""Looking into a net in a process of its own, this module's `main`: nothing of a training beside it changes.

Not its random numbers, its threads, its interpreter or its modules; a user's net that hangs or dies takes nobody with
it, and leaving is a kill. The process ends with the one that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from lazytrain.engine.analysis.findings import FirstLook, Inspection, InspectionError
from lazytrain.engine.child_process import begin_helper, host_own_code, python_command
from lazytrain.engine.errors import describe, text_of
from lazytrain.engine.events import Progress
from lazytrain.engine.store.stored_configuration import RunUnreadable

TELL_SECONDS = 0.1
NICE = 5
"""How far it steps back for what trains."""


class Inspector:
    """An inspection under way. What it has come to is read at any time, from any thread.

    Args:
        best: by the weights of the best epoch, instead of the newest checkpoint's.
    """

    def __init__(self, home: Path, data: Path, run_id: str, *, best: bool = False) -> None:
        self.progress: Progress | None = None
        """None while torch is loaded."""
        self.first_look: FirstLook | None = None
        """What comes before the result."""
        self.result: Inspection | None = None
        self.error: str | None = None
        options = ("--home", str(home), "--data", str(data), *(("--best",) if best else ()))
        self._process = subprocess.Popen(
            python_command("lazytrain.engine.analysis.inspection_process", run_id, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._stopped = False
        self._listener = threading.Thread(target=self._listen, name=f"lazytrain-inspect-{run_id}", daemon=True)
        self._listener.start()

    @property
    def done(self) -> bool:
        """Whether there is a result or an error."""
        return self.result is not None or self.error is not None

    def stop(self) -> None:
        """Leave it, at once; does nothing if it is done."""
        self._stopped = True
        self._process.kill()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended."""
        self._listener.join(seconds)

    def _listen(self) -> None:
        with self._process as process:
            for line in _lines(process.stdout):
                match json.loads(line):
                    case {"progress": progress}:
                        self.progress = Progress(**progress)
                    case {"first_look": record}:
                        self.first_look = FirstLook.from_record(record)
                    case {"result": result}:
                        self.result = Inspection.from_record(result)
                    case {"error": error}:
                        self.error = error
        if not self.done and not self._stopped:
            ended = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
            self.error = f"looking into the net ended without an answer ({ended}): out of memory, maybe; try again"


def _lines(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the process was started without a pipe to read from")
    return stream


# ── in the process of its own ──────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> int:
    """Inspect a run; says its progress, then the result or an error, each a line of JSON on standard output."""
    options = _read(arguments)
    answers = begin_helper()
    host_own_code()

    def tell(**answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        tell(result=_inspect(options, tell).to_record())
    except (InspectionError, RunUnreadable) as error:
        tell(error=text_of(error))
    except BaseException as error:  # noqa: BLE001  a user's net may raise anything, and it is told where it was asked for
        tell(error=f"looking into the net failed: {describe(error)}")
    return 0


def _inspect(options: argparse.Namespace, tell: Callable[..., None]) -> Inspection:
    from lazytrain.engine.settings.niceness import be_nice

    be_nice(NICE)
    # Seconds of imports: after the starter's death is listened for, and stepping back.
    import torch

    from lazytrain.engine.analysis.inspection import inspect_run

    torch.set_num_threads(1)
    steps = inspect_run(options.home, options.data, options.run, best=options.best)
    told = 0.0
    while True:
        try:
            found = next(steps)
        except StopIteration as end:
            return end.value
        if isinstance(found, FirstLook):
            tell(first_look=found.to_record())
        elif time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            tell(progress=asdict(found))


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lazytrain.engine.analysis.inspection_process", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--best", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
