"""`lazytrain train` and `lazytrain work`: what they print, signals, a busy device, and a reader that goes away."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from pathlib import Path

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from tests.helpers import command_line
from tests.helpers.bench import configuration
from tests.helpers.command_line import QUICK, Command, start

run = command_line.run


def test_train_prints_the_id_first_and_ends_with_0(run: Command, home: Path) -> None:
    result = run("train", "lazynet", *QUICK, "--name", "mine")
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    with Store(home) as store:
        trained = store.find("mine")
    assert lines[0] == trained.id
    assert "1 epochs" not in lines[1]
    assert lines[2].startswith("epoch 1/1  loss ")
    assert lines[-1].startswith("finished after ")
    assert trained.state is State.FINISHED
    assert trained.weights_sha256 is not None


def test_a_run_that_diverges_ends_with_1(run: Command, home: Path) -> None:
    values = ("--set", "learning_rate=1000", "--set", "loss=mse", "--set", "dataset=digits", "--set", "epochs=50")
    result = run("train", "boringnet", *values)
    assert result.status == 1
    assert "failed: loss became" in result.err
    assert "at step" in result.err


def test_work_trains_the_queue_and_goes_on_after_a_failure(run: Command, home: Path) -> None:
    run("queue", "boringnet", *QUICK, "--set", "learning_rate=1000", "--set", "loss=mse", "--name", "hopeless")
    run("queue", "lazynet", *QUICK, "--name", "fine")
    result = run("work")
    assert result.status == 1
    assert "hopeless" in result.err
    with Store(home) as store:
        states = {each.name: each.state for each in store.runs()}
    assert states == {"hopeless": State.FAILED, "fine": State.FINISHED}
    assert re.search(r"^fine \(\w{8}\)\n", result.out, re.MULTILINE)
    assert run("work").status == 0, "an empty queue is no failure"


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Lines of stdout up to the one that holds `words`."""
    assert process.stdout is not None
    lines = ""
    for line in process.stdout:
        lines += line
        if words in line:
            return lines
    raise AssertionError(f"ended without {words!r}: {lines}")


def test_ctrl_c_stops_and_keeps(home: Path) -> None:
    with start("train", "lazynet", "quick", "--set", "epochs=5000", home=home) as process:
        started = read_until(process, "epoch    1/5000")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    run_id = started.splitlines()[0]
    assert process.returncode == 130, err
    assert "Ctrl-C again ends at once" in out
    assert f"`lazytrain resume {run_id}`" in err
    with Store(home) as store:
        stopped = store.run(run_id)
        assert stopped.state is State.STOPPED
        assert stopped.step > 0
        assert store.resume(run_id).state is State.QUEUED


def test_a_busy_device_is_named_and_awaited_and_sigterm_frees_it_with_143(home: Path) -> None:
    with Store(home) as store:
        working = store.add_run(configuration(epochs=5000))
        with start("work", home=home) as busy:
            read_until(busy, "epoch    1/5000")
            with start("train", "lazynet", *QUICK, "--name", "next", home=home) as waiting:
                assert waiting.stdout is not None
                assert waiting.stderr is not None
                run_id = waiting.stdout.readline().strip()
                assert store.find("next").id == run_id
                assert re.match(r"waits for cpu: held by .*\(process \d+\)", waiting.stderr.readline())
                assert store.find("next").state is State.QUEUED
                busy.terminate()
                busy.communicate(timeout=60)
                assert busy.returncode == 143
                assert store.run(working.id).state is State.STOPPED
                out, err = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, err
        assert "finished after" in out


def test_a_reader_that_goes_away_ends_no_run(home: Path) -> None:
    read, write = os.pipe()
    with start("train", "lazynet", *QUICK, home=home, stdout=write) as process:
        os.close(write)
        assert select.select([read], [], [], 60)[0]
        run_id = os.read(read, 8).decode()
        os.close(read)
        assert process.wait(timeout=60) == 0
    with Store(home) as store:
        assert store.run(run_id).state is State.FINISHED
