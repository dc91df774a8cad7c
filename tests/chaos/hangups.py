"""The terminal of a screen closed at random moments: the run goes on, nothing is lost, and nothing spins."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.records import Run, State
from tests.chaos.board import Board
from tests.helpers.leaving import House, check_whole, comes_to_rest, wait_for
from tests.helpers.terminals import PtyTerminal

MOMENTS = ("start-up", "loading", "training", "evaluating", "saving", "paused")
EPOCHS = 60
"""Long enough for a hang-up to meet it."""


@dataclass
class HangUps:
    """What the hang-ups met, and what came of the runs."""

    seed: int
    met: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        met = ", ".join(f"{moment} {self.met[moment]}" for moment in MOMENTS)
        return f"seed {self.seed}: {self.met.total()} hang-ups ({met}); faults: {'; '.join(self.faults) or 'none'}"


def hang_up_often(folder: Path, count: int, seed: int, *, each: int = 0) -> HangUps:
    """Close `count` terminals or more, until each moment was met `each` times; half of them without a signal.

    Each has a screen and a run of its own.
    """
    chance, outcome, number = random.Random(seed), HangUps(seed), 0
    while number < count or min(outcome.met[moment] for moment in MOMENTS) < each:
        aim = min(MOMENTS, key=lambda moment: (outcome.met[moment], chance.random()))
        place = folder / str(number)
        place.mkdir(parents=True)
        with House(place / "home", place) as house:
            try:
                outcome.met[_hang_up(house, house.queue(EPOCHS), aim, chance)] += 1
            except AssertionError as fault:
                outcome.faults.append(f"number {number} ({aim}): {fault}")
                outcome.met[aim] += 1
        number += 1
    return outcome


def _hang_up(house: House, run: Run, aim: str, chance: random.Random) -> str:
    """Close the terminal; returns the moment that this met, when the run has ended as it should."""
    path = house.folder / "board"
    board = Board(path)
    command = (sys.executable, "-m", "tests.chaos.screen", str(path))
    with house.open(command=command, controlling=chance.random() < 0.5) as terminal:
        _meet(house, run, aim, chance, terminal, board)
        met = "paused" if aim == "paused" else _moment(board, aim)
        terminal.hang_up()
        if aim == "paused":
            wait_for(lambda: len(house.processes()) == 1, "the waiting parent to end")
            assert comes_to_rest(house.trainer()), "the paused process doesn't come to rest"
            assert house.store.run(run.id).state is State.PAUSED, "the pause was lost"
            house.store.resume(run.id)
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()
    return met


def _meet(house: House, run: Run, aim: str, chance: random.Random, terminal: PtyTerminal, board: Board) -> None:
    if aim == "start-up":
        # Before the command has forked there is nothing yet that could go on.
        wait_for(lambda: len(house.processes()) == 2, "the command to fork")
        time.sleep(chance.uniform(0.0, 0.4))
    elif aim == "loading":
        wait_for(lambda: "1 Launch" in terminal.text(), "the screen", terminal)
        time.sleep(chance.uniform(0.0, 0.5))
    elif aim == "paused":
        house.wait(State.RUNNING, 0, terminal)
        house.store.pause(run.id)
        house.wait(State.PAUSED, -1, terminal)
    else:
        sightings, before = chance.randrange(1, 6), aim
        while sightings and board.phase != "ended":
            terminal.text()
            now = _moment(board, aim)
            sightings -= now == aim and before != aim
            before = now
            time.sleep(0.0003)


def _moment(board: Board, aim: str) -> str:
    """What the process is at."""
    phase = board.phase
    if phase.startswith("saving"):
        return "saving"
    if phase == "evaluating":
        return phase
    if phase in ("start-up", "preparing", "resuming"):
        return aim if aim in ("start-up", "loading") else "loading"
    return "training"
