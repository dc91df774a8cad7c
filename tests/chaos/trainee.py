"""A process that trains one run, or the queue, and shows which phase it is in: `python -m tests.chaos.trainee`.

It saves far more often than a real one, and stays a moment in the phases of a save, so that kills can meet them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tests.chaos.board import Board

STALL_SECONDS = 0.004


class _StallingOs:
    """`os` for the checkpoints alone, whose `fsync` takes as long as on a slow disk."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        time.sleep(STALL_SECONDS)
        os.fsync(descriptor)


def main() -> None:
    """With arguments: train. Without: wait, torch imported, for lines of arguments, and fork a process for each."""
    if len(sys.argv) > 1:
        train(*sys.argv[1:])
    import lazytrain.engine.run.trainer  # noqa: F401  so that the forked processes needn't

    _tell("ready")
    for line in sys.stdin:
        process = os.fork()
        if not process:
            train(*line.rstrip("\n").split("\t"))
        _tell(process)
        _, status = os.waitpid(process, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def train(home: str, board_path: str, only: str) -> NoReturn:
    """Train the run `only`, or the queue (`-`), and end the process."""
    board = Board(Path(board_path))
    board.phase = "start-up"
    show_phases(board)
    from lazytrain.engine.queue.runner import Runner

    runner = Runner(Path(home), Path(home), device="cpu", only=only if only != "-" else None, until_empty=only == "-")
    runner.start()
    runner.join()
    board.phase = "ended"
    if runner.status.error:
        sys.stderr.write(f"{runner.status.error}\n")
        sys.stderr.flush()
    os._exit(1 if runner.status.error else 0)


def show_phases(board: Board) -> None:
    from lazytrain.engine.run import saving, trainer
    from lazytrain.engine.store import archive, checkpoint, journal

    saving.SAVE_SECONDS, saving.SAVE_SHARE = 0.15, 0.3

    def show(owner: Any, name: str, phase: str, stall: float = 0.0) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def shown(*arguments: Any, **named: Any) -> Any:
            before, board.phase = board.phase, phase
            try:
                time.sleep(stall)
                return original(*arguments, **named)
            finally:
                board.phase = before

        setattr(owner, name, shown)

    def obey(self: Any, original: Callable[[Any], None] = trainer.Trainer._obey) -> None:
        original(self)
        if self._training is not None:
            board.phase = "evaluating" if self._training._phase == "evaluation" else "training"

    trainer.Trainer._obey = obey
    show(trainer.Trainer, "_prepare", "preparing")
    show(trainer.Trainer, "_resume", "resuming")
    show(journal.Journal, "write", "writing points")
    show(journal.Journal, "note_weights", "saving: renamed", STALL_SECONDS)
    show(journal.Journal, "sync", "saving: store", STALL_SECONDS)
    show(archive.History, "save", "saving: curve", STALL_SECONDS)
    show(saving, "save_best", "saving: best", STALL_SECONDS)
    # Outer first: what is shown inside of it wins.
    show(saving, "save_checkpoint", "saving: checkpoint")
    show(checkpoint, "_sync_folder", "saving: renamed", STALL_SECONDS)
    checkpoint.os = _StallingOs()  # type: ignore[assignment]  # stands in for the module


if __name__ == "__main__":
    main()
