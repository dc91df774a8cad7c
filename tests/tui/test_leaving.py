"""Leaving the screen, losing it and ending it, on real processes in real terminals: training takes no notice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import State, TrainerState
from lazytrain.engine.store.store import Store
from lazytrain.tui.leave import hand_over
from lazytrain.tui.state.environment import Places
from lazytrain.tui.state.last_session import recall
from tests.helpers.leaving import House, check_whole, comes_to_rest, wait_for
from tests.helpers.terminals import (
    PATIENCE_SECONDS,
    PtyTerminal,
    TmuxTerminal,
    has_tmux,
    see,
    wait_for_exit,
    wait_until,
)

FINISHES = 100
"""Epochs that take some seconds: longer than it takes to leave."""


@pytest.fixture
def house(home: Path, tmp_path: Path) -> Iterator[House]:
    with House(home, tmp_path) as house:
        yield house


def leave(terminal: PtyTerminal, *keys: str) -> int:
    terminal.press("q")
    see(terminal, "leave lazytrain?", "keep training", "stop and keep", "cancel")
    terminal.press(*keys, "enter")
    return wait_for_exit(terminal)


# ── leaving ────────────────────────────────────────────────────────────────────────────────────────────────


def test_left_with_training_on_the_prompt_is_back_and_no_step_is_missed(house: House) -> None:
    house.queue(FINISHES)
    with house.open() as terminal:
        see(terminal, "1 Launch")
        house.wait(State.RUNNING, 0, terminal)
        trainer = house.trainer()
        assert leave(terminal) == 0
        see(terminal, "training goes on in the background: `lazytrain` shows it")
        assert terminal.restored
        left = house.wait(State.RUNNING)
        assert house.trainer() == trainer
        terminal.hang_up()  # the shell ends too
        house.wait(State.RUNNING, left.step)
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()
    log = (house.home / "lazytrain.log").read_text()
    assert "goes on without a screen" in log
    assert "ends: the queue is empty" in log


@pytest.mark.slow
def test_a_client_that_is_left_changes_nothing_and_one_that_waits_takes_over(house: House) -> None:
    house.queue()
    with house.open() as first:
        house.wait(State.RUNNING, 0, first)
        trainer = house.trainer()
        with house.open() as client:
            see(client, "training in the background")
            client.press("q")
            assert wait_for_exit(client) == 0
        check_a_waiting_screen_takes_over(house, first, trainer)


def check_a_waiting_screen_takes_over(house: House, first: PtyTerminal, trainer: psutil.Process) -> None:
    with house.open() as second:
        see(second, "training in the background")
        assert leave(first, "down") == 0
        stopped = house.wait(State.STOPPED)
        wait_for(lambda: bool(house.store.runners()), "the second screen to take over", second)
        assert house.trainer() != trainer
        house.store.resume(stopped.id)
        house.wait(State.RUNNING, stopped.step, second)


def test_coming_back_opens_monitor_on_the_run_and_a_screen_that_never_trained_ends_with_its_terminal(
    house: House,
) -> None:
    house.queue()
    with house.open() as first:
        see(first, "1 Launch")
        house.wait(State.RUNNING, 0, first)
        assert leave(first) == 0
    trainer = house.trainer()
    house.queue()  # what waits is the trainer's to take, not the lost screen's
    with house.open() as second:
        see(second, "training in the background: ", "images/s", "filter")
        second.hang_up()
        wait_for(lambda: house.screen_processes() == [trainer], "the screen to end", second)
    assert [run.state for run in house.store.runs()] == [State.RUNNING, State.QUEUED]


@pytest.mark.slow
def test_without_fork_the_run_is_handed_to_a_process_of_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = house.queue(50)
    runner = Runner(house.home, house.home / "data", device="cpu")
    runner.start()
    house.wait(State.RUNNING, 0)
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    process = hand_over(runner, Places(home=house.home, data=house.home / "data"), "cpu", house.store.runs())
    assert house.store.run(run.id).state is not State.STOPPED
    assert process.wait(PATIENCE_SECONDS) == 0
    assert house.store.run(run.id).state is State.FINISHED
    assert [record.epoch for record in house.store.epochs(run.id)] == list(range(1, 51))


def test_quitting_does_not_wait_for_torch(house: House, tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "torch.py").write_text("import threading\nthreading.Event().wait()\n")
    house.environment["PYTHONPATH"] = os.pathsep.join((str(fake), house.environment["PYTHONPATH"]))
    with house.open() as terminal:
        see(terminal, "loading torch")
        terminal.press("down")
        see(terminal, "CoolNet v7 ×")
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
        assert "Traceback" not in terminal.text()
        assert terminal.restored
    house.wait_for_end()
    assert recall(house.home / "screen.json").architecture == "coolnet-v7", "what is kept is written before the end"
    assert house.store.runs() == []


def test_quitting_gives_the_prompt_back_and_waits_for_notices_in_the_background(house: House) -> None:
    gate = house.home / "gate"
    command = f"touch {gate}.asked; while [ ! -e {gate} ]; do sleep 0.05; done; exit 7"
    (house.home / "settings.toml").write_text(f'notify_command = "{command}"', encoding="utf-8")
    run = house.queue(1)
    with house.open() as terminal:
        see(terminal, "1 Launch")
        house.wait(State.FINISHED, 0, terminal)
        wait_for(lambda: Path(f"{gate}.asked").exists(), "the command to be started", terminal)
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
        assert terminal.restored
        assert house.screen_processes() != [], "it waits for the notice"
    gate.touch()
    house.wait_for_end()
    texts = [message.text for message in house.store.messages(run.id) if message.level == "warning"]
    assert texts == ["notify_command ended with status 7"]


# ── losing the terminal ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moment", "controlling"),
    [
        ("start-up", True),
        pytest.param("start-up", False, marks=pytest.mark.slow),
        pytest.param("loading", True, marks=pytest.mark.slow),
        ("training", True),
        pytest.param("training", False, marks=pytest.mark.slow),
    ],
)
def test_a_hang_up_is_no_event_in_the_life_of_a_run(house: House, moment: str, controlling: bool) -> None:
    house.queue(50 if moment == "training" else 10)
    with house.open(controlling=controlling) as terminal:
        if moment == "start-up":
            wait_for(lambda: len(house.processes()) == 2, "the command to fork")
        elif moment == "loading":
            see(terminal, "1 Launch")
        else:
            house.wait(State.RUNNING, 0, terminal)
        terminal.hang_up()
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()


@pytest.mark.slow
def test_a_paused_run_stays_paused_through_a_hang_up_and_nothing_spins(house: House) -> None:
    run = house.queue(FINISHES)
    with house.open() as terminal:
        house.wait(State.RUNNING, 0, terminal)
        house.store.pause(run.id)
        paused = house.wait(State.PAUSED, -1, terminal)
        trainer = house.trainer()
        terminal.hang_up()
        wait_for(lambda: len(house.processes()) == 1, "the waiting parent to end")
        assert comes_to_rest(trainer)
        assert house.store.run(run.id).step == paused.step
        assert house.store.run(run.id).state is State.PAUSED
        house.store.resume(run.id)
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()


def test_a_hang_up_with_nothing_to_train_ends_the_screen(house: House) -> None:
    with house.open() as terminal:
        see(terminal, "1 Launch")
        terminal.hang_up()
        house.wait_for_end()


@pytest.mark.parametrize(
    "arguments",
    [("train", "lazynet", "quick", "--set", "epochs=50"), pytest.param(("work",), marks=pytest.mark.slow)],
    ids=" ".join,
)
def test_commands_that_train_go_on_through_a_hang_up(house: House, arguments: tuple[str, ...]) -> None:
    if arguments == ("work",):
        house.queue(50)
    with house.open(*arguments) as terminal:
        wait_for(lambda: bool(house.store.runs()), "the run", terminal)
        house.wait(State.RUNNING, 0, terminal)
        terminal.hang_up()
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()


@pytest.mark.slow
def test_a_terminal_that_takes_nothing_holds_up_no_step(house: House) -> None:
    house.queue()
    with house.open() as terminal:
        see(terminal, "1 Launch")
        terminal.press("2")
        run = house.wait(State.RUNNING, 0, terminal)
        # From here on nobody reads; what it would draw, key by key, is more than the terminal's buffer holds.
        terminal.press(*("1", "2") * 60)
        for step in (run.step + 10_000, run.step + 40_000):
            house.wait(State.RUNNING, step)
        see(terminal, "images/s")


# ── ending it ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_sigterm_ends_a_screen_whose_terminal_takes_nothing(house: House) -> None:
    house.queue()
    with house.open() as terminal:
        see(terminal, "1 Launch")
        house.wait(State.RUNNING, 0, terminal)
        terminal.press(*("1", "2") * 60)
        terminal.send_signal(signal.SIGTERM)
        wait_for(lambda: terminal.exited() is not None, "the end, with nobody reading")
        assert terminal.exited() == 143
    assert house.store.find("last").state is State.STOPPED


@pytest.mark.parametrize("command", ["train", pytest.param("work", marks=pytest.mark.slow)])
def test_sigterm_ends_a_command_whose_terminal_takes_nothing(house: House, command: str) -> None:
    if command == "work":
        house.queue()
    arguments = ("train", "lazynet", "quick", "--set", "epochs=20000") if command == "train" else ("work",)
    with house.open(*arguments) as terminal:
        wait_for(lambda: bool(house.store.runs()), "the run")
        house.wait(State.RUNNING, 0)
        terminal.fill()
        epoch = house.store.find("last").epoch
        # Each has a line, and training goes on though nobody takes it.
        wait_for(lambda: house.store.find("last").epoch >= epoch + 5, "five epochs")
        terminal.send_signal(signal.SIGTERM)
        wait_for(lambda: terminal.exited() is not None, "the end, with nobody reading")
        assert terminal.exited() == 143
    assert house.store.find("last").state is State.STOPPED


@pytest.mark.parametrize("to", ["parent", pytest.param("child", marks=pytest.mark.slow)])
def test_sigterm_saves_restores_the_terminal_and_ends_with_143(house: House, to: str) -> None:
    house.queue()
    with house.open() as terminal:
        house.wait(State.RUNNING, 0, terminal)
        assert not terminal.restored
        (house.trainer() if to == "child" else terminal).send_signal(signal.SIGTERM)
        assert wait_for_exit(terminal) == 143
        assert terminal.restored
        house.wait_for_end()
    run = house.store.find("last")
    assert (run.state, run.pending) == (State.STOPPED, None)
    assert house.checkpoints(run)


def test_a_killed_app_leaves_a_terminal_that_works(house: House) -> None:
    house.queue()
    with house.open() as terminal:
        house.wait(State.RUNNING, 0, terminal)
        house.trainer().kill()
        assert wait_for_exit(terminal) == 137
        assert terminal.restored


@pytest.mark.slow
def test_without_its_parent_the_app_gives_up_the_screen_alone(house: House) -> None:
    house.queue(FINISHES)
    with house.open() as terminal:
        run = house.wait(State.RUNNING, 0, terminal)
        terminal.send_signal(signal.SIGKILL)
        house.wait(State.RUNNING, run.step, terminal)
        wait_for(lambda: terminal.restored, "the terminal", terminal)
        check_whole(house.store, house.wait(State.FINISHED))
        house.wait_for_end()


def test_ctrl_c_stops_train_and_keeps_it(house: House) -> None:
    with house.open("train", "lazynet", "quick", "--set", "epochs=60") as terminal:
        wait_for(lambda: bool(house.store.runs()), "the run", terminal)
        house.wait(State.RUNNING, 0, terminal)
        terminal.press("\x03")
        assert wait_for_exit(terminal) == 130
    stopped = house.store.find("last")
    assert stopped.state is State.STOPPED
    house.store.resume(stopped.id)
    with house.open("work") as terminal:
        assert wait_for_exit(terminal) == 0
    run = house.wait(State.FINISHED)
    assert [record.epoch for record in house.store.epochs(run.id)] == list(range(1, 61))


# ── suspending it ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not has_tmux(), reason="tmux is not installed")
def test_ctrl_z_gives_the_prompt_back_and_fg_the_screen(house: House) -> None:
    house.queue()
    shell = ("env", "PS1=prompt> ", "bash", "--norc", "-i")
    with TmuxTerminal(shell, house.folder, house.environment) as terminal:
        see(terminal, "prompt>")
        terminal.press(*f"{sys.executable} -m lazytrain", "enter")
        see(terminal, "1 Launch")
        wait_until(terminal, lambda: house.store.find("last").step > 0, "training")
        for _ in range(2):
            terminal.press("C-z")
            see(terminal, "Stopped", "prompt>")
            wait_until(
                terminal, lambda: all(each.status() == "stopped" for each in house.screen_processes()), "both to stop"
            )
            step = house.store.find("last").step
            terminal.press(*"echo so far", "enter")
            see(terminal, "so far")
            assert house.store.find("last").step == step
            terminal.press(*"fg", "enter")
            see(terminal, "1 Launch", "Architecture")
            wait_until(terminal, lambda step=step: house.store.find("last").step > step, "training to go on")
        terminal.press("q")
        see(terminal, "keep training")
        terminal.press("enter")
        see(terminal, "training goes on in the background", "prompt>")
        step = house.store.find("last").step
        wait_until(terminal, lambda: house.store.find("last").step > step, "training to go on")


@pytest.mark.skipif(not has_tmux(), reason="tmux is not installed")
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_z_suspends_a_command_between_two_steps_and_fg_goes_on(house: House, jobs: int) -> None:
    runs = [house.queue() for _ in range(jobs)]
    shell = ("env", "PS1=prompt> ", "bash", "--norc", "-i")
    with TmuxTerminal(shell, house.folder, house.environment) as terminal:
        see(terminal, "prompt>")
        terminal.press(*f"{sys.executable} -m lazytrain work --jobs {jobs}", "enter")

        def step(number: int) -> int:
            return house.store.run(runs[number].id).step

        for number in range(jobs):
            wait_until(terminal, lambda number=number: step(number) > 0, "training")
        for _ in range(2):
            terminal.press("C-z")
            see(terminal, "Stopped", "prompt>")
            # The supervisor and its jobs, one each.
            working = [
                each
                for each in house.processes()
                if "lazytrain.engine.queue.job" in each.cmdline() or "work" in each.cmdline()
            ]
            assert len(working) == (1 if jobs == 1 else 1 + jobs)
            wait_until(terminal, lambda all_=working: all(each.status() == "stopped" for each in all_), "them to stop")
            with Store(house.home) as other:
                # Nobody is kept from the store.
                other.rename(runs[0].id, "seen from elsewhere")
                before = [other.run(run.id).step for run in runs]
                wait_until(
                    terminal,
                    lambda other=other: all(other.trainer(run.id, after=2.5) is TrainerState.SUSPENDED for run in runs),
                    "them to be seen as suspended",
                )
                assert [other.run(run.id).step for run in runs] == before
            terminal.press(*"fg", "enter")
            for number in range(jobs):
                wait_until(terminal, lambda n=number, b=before: step(n) > b[n], "training to go on")
        terminal.press("C-c")
        see(terminal, "and kept")
        wait_until(terminal, lambda: not house.screen_processes(), "the end")
    assert {house.store.run(run.id).state for run in runs} == {State.STOPPED}
