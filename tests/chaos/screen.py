"""The screen, whose process shows which phase it is in: `python -m tests.chaos.screen BOARD`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.queue.turns import Turns
from tests.chaos.board import Board

if TYPE_CHECKING:
    from lazytrain.engine.records import Run


def main() -> None:
    board = Board(Path(sys.argv[1]))
    board.phase = "start-up"
    train = Turns._train
    shown: list[bool] = []

    def show_and_train(self: Turns, run: Run) -> None:
        from tests.chaos.trainee import show_phases  # imports torch, as the runner just did

        if not shown:
            show_phases(board)
            shown.append(True)
        train(self, run)
        board.phase = "ended"

    Turns._train = show_and_train
    from lazytrain.__main__ import main as start

    sys.exit(start([]))


if __name__ == "__main__":
    main()
