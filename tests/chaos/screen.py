"""The screen, whose process shows which phase it is in: `python -m tests.chaos.screen BOARD`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runner import Runner
from tests.chaos.board import Board

if TYPE_CHECKING:
    from engine.device import DeviceChoice  # imports torch
    from engine.journal import Journal
    from engine.records import Run


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
    from tui.__main__ import main as start

    sys.exit(start([]))


if __name__ == "__main__":
    main()
