"""Processes that train runs, and are killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Self

from lazytrain.engine.store.store import Store
from tests.chaos.board import Board
from tests.helpers.bench import Result, result

REPOSITORY = Path(__file__).parent.parent.parent


class Trainee:
    """A process that trains, started by a `Nursery`."""

    def __init__(self, process: int, board: Board, output: IO[bytes]) -> None:
        self.process = process
        self.board = board
        self._output = output
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it lives."""
        if self._status is None and select.select([self._output], [], [], 0)[0]:
            self._status = int(self._output.readline())
        return self._status

    def wait(self) -> int:
        """Its exit status, when it has ended."""
        if self._status is None:
            self._status = int(self._output.readline())
        return self._status

    def send(self, number: signal.Signals) -> None:
        """A signal, if it lives."""
        if self.poll() is None:
            os.kill(self.process, number)

    def kill(self) -> None:
        """kill -9."""
        self.send(signal.SIGKILL)
        self.wait()


class Nursery:
    """A process with torch imported that forks trainees, one at a time: starting each anew takes seconds."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.trainee"],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._parent.stdout is not None
        assert self._parent.stdout.readline() == b"ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def start(self, home: Path, only: str = "-") -> Trainee:
        """Train the run `only` of a home, or its queue until it is empty."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        path = home / "board"
        board = Board(path)
        board.phase = "start-up"
        self._parent.stdin.write(f"{home}\t{path}\t{only}\n".encode())
        return Trainee(int(self._parent.stdout.readline()), board, self._parent.stdout)

    def train(self, store: Store, run_id: str) -> Result:
        """Train the run to its end, undisturbed."""
        status = self.start(store.home, run_id).wait()
        assert status == 0
        return result(store, run_id)
