"""The whole program in a real terminal: start, pick, train on digits, pause, resume, stop, quit, and find it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from lazytrain.tui.words.text import STATE_LOOKS
from tests.helpers.launch_app import write_preset
from tests.helpers.leaving import COMMAND, House
from tests.helpers.terminals import PtyTerminal, Terminal, TmuxTerminal, has_tmux, see, wait_for_exit, wait_until

LISTED = "coolnet-v10 l"
"""What the list has room for of the run's name."""
TERMINALS = {"pty": PtyTerminal, "tmux": TmuxTerminal}


# A terminal alone stands in for tmux where that is missing.
@pytest.fixture(params=[pytest.param("pty", marks=pytest.mark.slow if has_tmux() else ()), "tmux"])
def kind(request: pytest.FixtureRequest) -> type[PtyTerminal] | type[TmuxTerminal]:
    if request.param == "tmux" and not has_tmux():
        pytest.skip("tmux is not installed")
    return TERMINALS[request.param]


@pytest.fixture
def house(home: Path, tmp_path: Path) -> Iterator[House]:
    """With a preset of the user's own that trains for longer than the test."""
    write_preset(home, "hyperparameters", "long", 'title = "a long one"\ndataset = "digits"\nepochs = 5000\n')
    with House(home, tmp_path) as house:
        yield house


def wait_for_run(terminal: Terminal, store: Store, state: State, after_step: int = -1) -> Run:
    """The newest run, once it is in `state` and past a step."""

    def holds() -> bool:
        runs = store.runs()
        return bool(runs) and runs[0].state is state and runs[0].step > after_step and runs[0].pending is None

    wait_until(terminal, holds, f"a run that is {state} after step {after_step}")
    return store.find("last")


def pick(terminal: Terminal, title: str) -> None:
    """Go down the second list until `title` is chosen."""
    see(terminal, title)
    terminal.press("right")
    while f"× {title} " not in terminal.text():
        before = terminal.text()
        terminal.press("down")
        wait_until(terminal, lambda before=before: terminal.text() != before, "another choice")


def test_a_run_from_start_to_start_again(
    kind: type[PtyTerminal] | type[TmuxTerminal], house: House, tmp_path: Path
) -> None:
    store = house.store
    with kind(COMMAND, tmp_path, house.environment) as terminal:
        see(terminal, "1 Launch", "2 Monitor", "Architecture", "Hyperparameters", "CoolNet v10 × quick")
        pick(terminal, "a long one")
        terminal.press("enter")
        see(terminal, "Runs", "loss", "accuracy")
        running = wait_for_run(terminal, store, State.RUNNING, after_step=0)
        assert running.hyperparameters == "long"
        assert running.name.startswith(LISTED)
        see(terminal, LISTED, str(STATE_LOOKS[State.RUNNING]), "images/s")

        terminal.press("space")
        paused = wait_for_run(terminal, store, State.PAUSED)
        see(terminal, str(STATE_LOOKS[State.PAUSED]))
        for _ in range(10):
            terminal.rest()
        assert store.run(paused.id).step == paused.step, "a paused run takes no step"

        terminal.press("space")
        wait_for_run(terminal, store, State.RUNNING, after_step=paused.step)
        see(terminal, str(STATE_LOOKS[State.RUNNING]))

        terminal.press("s")
        stopped = wait_for_run(terminal, store, State.STOPPED)
        see(terminal, str(STATE_LOOKS[State.STOPPED]))
        assert stopped.step > paused.step
        terminal.press("q")
        assert wait_for_exit(terminal) == 0

    again = tmp_path / "again"
    again.mkdir()
    with kind(COMMAND, again, house.environment) as terminal:
        see(terminal, "1 Launch", "Hyperparameters")
        terminal.press("2")
        see(terminal, LISTED, str(STATE_LOOKS[State.STOPPED]))
        terminal.press("r")
        wait_for_run(terminal, store, State.RUNNING, after_step=stopped.step)
        terminal.press("q")
        see(terminal, "leave lazytrain?", "stop and keep")
        terminal.press("down", "enter")
        assert wait_for_exit(terminal) == 0
    kept = store.run(running.id)
    assert kept.state is State.STOPPED
    assert kept.step > stopped.step
