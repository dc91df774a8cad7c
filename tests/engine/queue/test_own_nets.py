"""Runs of a user's own nets, whatever those do: each in a process of its own, and the next run as if it were first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import Store
from lazytrain.presets import Architecture
from tests.helpers import ROOT, command_line
from tests.helpers.bench import DEADLINE, Bench, configuration, wait_for
from tests.helpers.command_line import Command

command = command_line.run

NETS = '''
import os, random, signal, sys, threading
import numpy as np
import torch
from torch import nn

class Plain(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3 * 32 * 32, num_classes)
        self.drop = nn.Dropout(0.2)
        self.begin()

    def begin(self):
        pass

    def act(self):
        pass

    def forward(self, images):
        # Tried, it does nothing: only a training has batches of four.
        if len(images) == 4:
            self.act()
        return self.head(self.drop(images.flatten(1)))

class Mute(BaseException):
    def __str__(self):
        raise ValueError("no words")

class ExitsInForward(Plain):
    def act(self):
        sys.exit(0)

class ExitsInInit(Plain):
    def begin(self):
        sys.exit(0)

class Interrupts(Plain):
    def act(self):
        raise KeyboardInterrupt

class ClosesGenerator(Plain):
    def act(self):
        raise GeneratorExit("closed")

class Wordless(Plain):
    def act(self):
        raise Mute

class Surrogate(Plain):
    def act(self):
        raise ValueError("caf\\udce9")

class Quits(Plain):
    def act(self):
        os._exit(0)

class Segfaults(Plain):
    def act(self):
        os.kill(os.getpid(), signal.SIGSEGV)

class Forgetful(Plain):
    def get_extra_state(self):
        raise SystemExit("can't say")

    def set_extra_state(self, state):
        pass

class Counts(Plain):
    """Plain, but that it goes by how many batches it has seen, in and out of its state."""
    seen = 0

    def act(self):
        os.kill(os.getpid(), signal.SIGINT)  # nobody's Ctrl-C
        self.seen += 1
        self.head.weight.data.mul_(1 - 1e-4 * (self.seen % 3) * random.random() * np.random.rand())

    def get_extra_state(self):
        return {"seen": self.seen, "names": {"a", "b"}}

    def set_extra_state(self, state):
        self.seen = state["seen"]

class Sets(Plain):
    """Changes all that the next run goes by."""
    def act(self):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.mkldnn.enabled = False
        torch.backends.cudnn.enabled = False
        torch.set_flush_denormal(True)
        torch.set_default_device("meta")
        torch.autograd.set_detect_anomaly(True)
        nn.modules.module.register_module_forward_hook(lambda module, inputs, output: output * 0.5)
        nn.functional.linear = lambda *_: torch.zeros(1)
        nn.Linear.forward = lambda *_: torch.zeros(1)
        sys.modules["numpy"] = None
        os.environ["OMP_NUM_THREADS"] = "2"
        os.chdir("/")
        random.random = np.random.rand = lambda *_: 0.5
        signal.signal = None
        torch.set_grad_enabled(False)
        raise RuntimeError("all is changed")
'''


@pytest.fixture(autouse=True)
def nets(home: Path) -> None:
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "lazytrain_test_nets.py").write_text(NETS)
    (folder / "architectures").mkdir()
    (folder / "architectures" / "exits.toml").write_text('title = "x"\nmodule = "lazytrain_test_nets:ExitsInInit"\n')


def own(name: str) -> Architecture:
    return Architecture(title=name, module=f"lazytrain_test_nets:{name}")


def error(bench: Bench, run: Run) -> str:
    return bench.store.run(run.id).error or ""


def test_what_a_net_raises_fails_its_run_and_no_other(bench: Bench) -> None:
    said = {
        "ExitsInForward": "SystemExit: 0",
        "ExitsInInit": "SystemExit: 0",
        "Interrupts": "KeyboardInterrupt",
        "ClosesGenerator": "GeneratorExit: closed",
        "Wordless": "Mute: its text can't be made: its __str__ fails",
        "Surrogate": "ValueError: caf\\udce9",
        "Forgetful": "SystemExit: can't say",
    }
    runs = {name: bench.queue(own(name), epochs=1) for name in said}
    good = bench.queue(epochs=1)
    # As in the process that such a run has, with no need to wait for one each.
    assert bench.runner(until_empty=True, in_job=True).join(DEADLINE)
    for name, run in runs.items():
        assert bench.state(run) is State.FAILED
        assert error(bench, run).startswith(said[name])
        assert (bench.store.run_folder(run.id) / "error.txt").read_text(encoding="utf-8")
    assert bench.state(good) is State.FINISHED


def test_what_a_net_sets_is_no_matter_of_the_next_run(bench: Bench) -> None:
    alone = [bench.queue(epochs=1), bench.queue(own("Plain"), epochs=1)]
    # As in the process that such a run has: what this one sets is known.
    assert bench.runner(until_empty=True, in_job=True).join(DEADLINE)
    changing = bench.queue(own("Sets"), epochs=1)
    after = [bench.queue(epochs=1), bench.queue(own("Plain"), epochs=1)]
    bench.train()
    assert error(bench, changing).startswith("RuntimeError: all is changed")
    assert "forward" in (bench.store.run_folder(changing.id) / "error.txt").read_text(encoding="utf-8")
    for one, other in zip(alone, after, strict=True):
        assert bench.state(other) is State.FINISHED
        assert bench.result(one) == bench.result(other)


def test_a_net_that_draws_and_counts_ends_with_the_same_bits_however_it_is_left(bench: Bench) -> None:
    undisturbed, stopped = bench.queue(own("Counts")), bench.queue(own("Counts"))
    runner = bench.runner()
    assert not runner.has_trained
    bench.reaches(undisturbed, State.FINISHED)
    wait_for(lambda: bench.step(stopped) > 0, "the first step")
    assert runner.pids.keys() == {stopped.id}
    bench.store.pause(stopped.id)
    bench.reaches(stopped, State.PAUSED)
    assert runner.status.text == f"trains {stopped.name}"
    bench.store.stop(stopped.id)
    bench.reaches(stopped, State.STOPPED)
    bench.store.resume(stopped.id)
    bench.reaches(stopped, State.FINISHED)
    assert runner.has_trained, "whichever process did: a screen whose terminal goes away goes on for what waits"
    assert "resumed at step" in bench.texts(stopped)
    assert bench.result(stopped) == bench.result(undisturbed)


@pytest.mark.slow
def test_leaving_keeps_the_run_of_an_own_net(bench: Bench) -> None:
    run = bench.queue(own("Plain"), epochs=5000)
    runner = bench.runner()
    wait_for(lambda: bench.step(run) > 0, "the first step")
    runner.stop()
    assert runner.join(DEADLINE)
    assert bench.state(run) is State.STOPPED
    assert bench.store.run(run.id).weights_sha256 is not None
    assert bench.store.runners() == []


@pytest.mark.skipif(os.name == "nt", reason="signals are told otherwise there")
@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_a_net_that_dies_is_told_by_its_signal_and_the_status_says_so(
    home: Path, command: Command, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    monkeypatch.setattr("lazytrain.engine.store.journal.MAX_ATTEMPTS", 2)  # each takes a process
    with Store(home) as store:
        name, how = {"1": ("Quits", "exit status 0"), "2": ("Segfaults", "SIGSEGV, segmentation fault")}[jobs]
        dying, good = (store.add_run(configuration(net, epochs=1)) for net in (own(name), "lazynet"))
        worked = command("work", "--jobs", jobs)
        assert worked.status == 1, worked.out + worked.err
        assert [store.run(run.id).state for run in (dying, good)] == [State.FAILED, State.FINISHED]
        reason = store.run(dying.id).error or ""
        # On a slow machine some steps are told before it dies.
        assert re.search(rf"its process ended 2 times without getting past step \d+, at last by {how}", reason)
        assert f"{dying.name} ({dying.id}) failed: {reason}" in worked.err
        said = [message.text for message in store.messages(dying.id)]
        told = re.compile(rf"interrupted after step \d+: its process ended \({how}\); queued in front")
        assert any(map(told.fullmatch, said))


def test_a_net_that_ends_python_is_refused_and_nothing_is_queued(home: Path, command: Command) -> None:
    for verb in ("queue", "train"):
        refused = command(verb, "exits", "--set", "dataset=digits")
        assert (refused.status, refused.out) == (2, "")
        assert refused.err.startswith("lazytrain: ")
        assert "fails on images of 3×32×32: SystemExit: 0" in refused.err
    with Store(home) as store:
        assert store.runs() == []


# ── killed before its first checkpoint ─────────────────────────────────────────────────────────────────────

KILLED_AT_ITS_FIRST_STEP = """
import os, signal, sys
from pathlib import Path
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.training import loop

home, run_id, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
loop.choose_threads = lambda *_: threads
real = Journal.write

def write(self, *arguments, progress=None, **named):
    real(self, *arguments, progress=progress, **named)
    if threads and progress is not None and progress.step:
        os.kill(os.getpid(), signal.SIGKILL)

Journal.write = write
runner = Runner(home, home, device="cpu", until_empty=True)
runner.start()
runner.join()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_threads_that_were_measured_are_not_measured_anew_after_a_kill(bench: Bench) -> None:
    run = bench.queue("coolnet-v10", epochs=1, threads="auto")
    for threads in (2, 1, 0):
        subprocess.run(
            [sys.executable, "-c", KILLED_AT_ITS_FIRST_STEP, str(bench.home), run.id, str(threads)],
            cwd=ROOT,
            check=False,
            timeout=DEADLINE,
        )
        assert bench.store.run(run.id).threads == 2
    assert "starts anew: there is no checkpoint" in bench.texts(run)
    assert bench.state(run) is State.FINISHED
