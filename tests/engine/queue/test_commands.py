"""Commands in the queue: in order with other runs, after others, several at once, and their process killed."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from lazytrain.engine.commands.preparing import prepare_command
from lazytrain.engine.queue.supervisor import Supervisor
from lazytrain.engine.records import Run, State
from tests.engine.commands.test_life import is_alive
from tests.helpers.bench import DEADLINE, Bench, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands need process groups")


def queue(bench: Bench, *words: str, after: Run | None = None, needs: str | None = None) -> Run:
    command = prepare_command(
        words,
        folder=bench.home,
        after=after.id if after else None,
        needs=needs,  # type: ignore[arg-type]  # a word
    )
    return bench.store.add_command(command, f"{words[0]} {words[-1]}"[:40])


def test_both_kinds_are_trained_in_order(bench: Bench) -> None:
    own = bench.queue(epochs=1)
    echo = queue(bench, "echo", "hello")
    failing = queue(bench, "false", "x")
    skipped = queue(bench, "true", "after failing", after=failing)
    last = queue(bench, "true", "after the next")
    after_last = queue(bench, "true", "after last", after=last)
    bench.store.move(after_last.id, -1)
    gpu = queue(bench, "true", "gpu", needs="gpu")
    told: list[str] = []
    assert bench.runner(until_empty=True, ended=lambda run: told.append(run.name)).join(DEADLINE)
    runs = [bench.store.run(run.id) for run in (own, echo, failing, skipped, last, after_last, gpu)]
    states = [State.FINISHED, State.FINISHED, State.FAILED, State.FAILED, State.FINISHED, State.FINISHED, State.QUEUED]
    assert [run.state for run in runs] == states
    started = [run.started or 0.0 for run in runs if run.state is State.FINISHED]
    assert started == sorted(started)
    assert [line.text for line in bench.store.printed(echo.id)] == ["hello"]
    assert "which failed" in (runs[3].error or "")
    assert runs[6].error == "waits for a runner that holds a GPU: this one has the cpu"
    assert sorted(told) == sorted(run.name for run in runs[:6])
    assert bench.store.messages(echo.id)[0].text.startswith("taken up by lazytrain")


def test_a_gpu_that_isnt_here_is_said_at_once(bench: Bench) -> None:
    run = queue(bench, "true", "gpu", needs="gpu")
    runner = bench.runner(only=run.id)
    assert runner.join(DEADLINE)
    assert runner.status.error == f"{run.name}: waits for a runner that holds a GPU: this one has the cpu"
    assert bench.state(run) is State.QUEUED


@pytest.mark.parametrize("num_jobs", [1, 2])
def test_killed_with_its_supervising_process_and_the_queue_goes_on(bench: Bench, num_jobs: int) -> None:
    forks = "import os, time; os.fork(); os.write(1, b'%d\\n' % os.getpid()); time.sleep(600)"
    run, other = queue(bench, sys.executable, "-c", forks), queue(bench, "true", "on")
    told: list[str] = []
    options = {"until_empty": True, "ended": lambda run: told.append(run.id)}
    if num_jobs == 1:
        runner = bench.runner(**options)
    else:
        runner = Supervisor(bench.home, bench.home / "data", num_jobs=num_jobs, device="cpu", **options)
        bench.runners.append(runner)
        runner.start()
    wait_for(lambda: len(bench.store.printed(run.id)) == 2, "both of its processes")
    processes = [int(line.text) for line in bench.store.printed(run.id)]
    os.kill(runner.pids[run.id], signal.SIGKILL)
    assert runner.join(DEADLINE)
    wait_for(lambda: not any(map(is_alive, processes)), "its processes to be killed")
    assert (bench.state(run), bench.state(other)) == (State.INTERRUPTED, State.FINISHED)
    # Of several, it may be found to be dead before it is known how it died.
    how = r"the process that ran it ended( \(SIGKILL, killed\))?, and the command with it"
    assert re.fullmatch(how, bench.store.run(run.id).outcome or "")
    assert sorted(told) == sorted((run.id, other.id))


def test_a_suspended_runner_halts_it(bench: Bench) -> None:
    run = queue(bench, sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)")
    runner = bench.runner()
    wait_for(lambda: bool(bench.store.printed(run.id)), "its first line")
    process = bench.store.details(run.id)["process"]

    def stands_still() -> bool:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    assert runner.halt(DEADLINE)
    wait_for(stands_still, "it to be halted")
    runner.go_on()
    wait_for(lambda: not stands_still(), "it to go on")
    runner.stop()
    assert runner.join(DEADLINE)
    assert bench.store.run(run.id).outcome == "the program that ran it ended"
    assert not is_alive(process)
