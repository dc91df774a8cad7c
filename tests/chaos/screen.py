"""The screen, whose process shows which phase it is in: `python -m tests.chaos.screen BOARD`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.queue.runner import Runner
from tests.chaos.board import Board

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice  # imports torch
    from lazytrain.engine.records import Run
    from lazytrain.engine.store.journal import Journal


def main() -> None:
    board = Board(Path(sys.argv[1]))
    board.phase = "start-up"
    train = Runner._train
    shown: list[bool] = []

    def show_and_train(self: Runner, journal: Journal, run: Run, choice: DeviceChoice) -> None:
        from tests.chaos.trainee import show_phases  # imports torch, as the runner just did

        if not shown:
            show_phases(board)
            shown.append(True)
        train(self, journal, run, choice)
        board.phase = "ended"

    Runner._train = show_and_train
    from lazytrain.__main__ import main as start

    sys.exit(start([]))


if __name__ == "__main__":
    main()
