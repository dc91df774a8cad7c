"""Several runs at once, each in a process of its own: who dies takes nobody along, and nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lazytrain.engine.queue.supervisor import Supervisor, queue_again
from lazytrain.engine.records import Run, State
from lazytrain.engine.settings.niceness import num_jobs
from lazytrain.engine.store.store import Store
from tests.helpers import ROOT
from tests.helpers.bench import DEADLINE, Bench, wait_for
from tests.helpers.command_line import start

LONG = 5000
"""Epochs that no test waits for."""


class Workplace(Bench):
    """A bench whose runners are supervisors."""

    def supervisor(self, jobs: int = 2, **options: object) -> Supervisor:
        supervisor = Supervisor(self.home, self.home / "data", device="cpu", num_jobs=jobs, **options)
        self.runners.append(supervisor)
        supervisor.start()
        return supervisor


@pytest.fixture
def bench(home: Path) -> Iterator[Workplace]:
    with Workplace(home) as bench:
        yield bench


def trains(store: Store, run: Run) -> bool:
    found = store.run(run.id)
    return found.state is State.RUNNING and found.step > 0


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_two_runs_train_at_once_one_is_killed_and_trained_again_and_all_come_out_as_alone(bench: Workplace) -> None:
    alone = bench.queue(epochs=3)
    bench.train()
    runs = [bench.queue(epochs=epochs) for epochs in (LONG, LONG, 3)]
    supervisor = bench.supervisor(until_empty=True)
    wait_for(lambda: all(trains(bench.store, run) for run in runs[:2]), "two runs at once")
    assert len(set(supervisor.pids.values()) | {os.getpid()}) == 3, "each in a process of its own"
    assert bench.state(runs[2]) is State.QUEUED, "a third waits"
    assert "trains 2 runs at once" in supervisor.status.text
    bench.store.pause(runs[1].id)  # keeps its place, and leaves the processor to the others
    bench.reaches(runs[1], State.PAUSED)
    killed = supervisor.pids[runs[0].id]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: supervisor.pids.get(runs[0].id, killed) != killed, "another process for the run")
    wait_for(lambda: trains(bench.store, runs[0]), "it to train again")
    assert "interrupted after step" in bench.texts(runs[0])
    assert bench.state(runs[2]) is State.QUEUED, "what was killed comes before those that wait"
    assert "interrupted" not in bench.texts(runs[1])
    bench.store.stop(runs[0].id)
    bench.reaches(runs[2], State.FINISHED)
    bench.store.stop(runs[1].id)
    assert supervisor.join(DEADLINE)
    assert [bench.state(run) for run in runs] == [State.STOPPED, State.STOPPED, State.FINISHED]
    assert bench.result(runs[2]) == bench.result(alone)
    assert [path.name for path in (bench.home / "locks").iterdir() if "shared" in path.name] == []


@pytest.mark.slow
def test_stopped_it_keeps_every_run(bench: Workplace) -> None:
    runs = [bench.queue(epochs=LONG), bench.queue(epochs=LONG)]
    supervisor = bench.supervisor()
    wait_for(lambda: all(trains(bench.store, run) for run in runs), "two runs")
    pids = list(supervisor.pids.values())
    supervisor.stop()
    assert supervisor.join(DEADLINE)
    assert [bench.state(run) for run in runs] == [State.STOPPED] * 2
    assert all(gone(pid) for pid in pids)
    assert [bench.store.run(run.id).weights_sha256 is not None for run in runs] == [True, True]
    assert bench.store.runners() == []


@pytest.mark.slow
def test_outside_the_hours_no_job_starts(bench: Workplace) -> None:
    run = bench.queue()
    reason: list[str | None] = ["waits for 23:00"]
    supervisor = bench.supervisor(until_empty=True, may_train=lambda: reason[0])
    wait_for(lambda: supervisor.status.phase == "waiting", "it to wait")
    assert (supervisor.status.text, supervisor.pids) == ("waits for 23:00", {})
    reason[0] = None
    bench.reaches(run, State.FINISHED)


@pytest.mark.slow
def test_processes_that_die_at_once_are_not_started_for_ever(bench: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.queue()
    supervisor = Supervisor(bench.home, bench.home, device="cpu", num_jobs=2)
    # No such device for the job, though the supervisor has one.
    jobs = supervisor._duty.jobs
    start_job = jobs.start
    monkeypatch.setattr(jobs, "start", lambda run_id, _, **more: start_job(run_id, "cuda:99", **more))
    bench.runners.append(supervisor)
    supervisor.start()
    assert supervisor.join(DEADLINE)
    assert f"3 processes for run {run.id} ended with exit status 1" in (supervisor.status.error or "")
    assert bench.state(run) is State.QUEUED


def test_queue_again_takes_only_what_its_process_stopped(bench: Workplace) -> None:
    by_person, by_end, waiting = bench.queue(epochs=LONG), bench.queue(epochs=LONG), bench.queue()
    runner = bench.runner()
    wait_for(lambda: trains(bench.store, by_person), "the first run")
    bench.store.stop(by_person.id)
    wait_for(lambda: trains(bench.store, by_end), "the second run")
    runner.stop()
    assert runner.join(DEADLINE)
    assert queue_again(bench.store, since=0.0) == [by_end.id]
    assert [run.id for run in bench.store.runs()][:2] == [by_end.id, waiting.id]
    assert bench.state(by_person) is State.STOPPED


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────


def children(pid: int) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []


def test_a_signal_to_the_command_stops_and_keeps_every_job(bench: Workplace) -> None:
    (bench.home / "settings.toml").write_text("nice = 17")
    runs = [bench.queue(epochs=LONG), bench.queue(epochs=LONG)]
    with start("work", "--jobs", "2", home=bench.home) as process:
        wait_for(lambda: all(trains(bench.store, run) for run in runs), "two runs")
        jobs = children(process.pid)
        if hasattr(os, "getpriority"):
            nice = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (process.pid, *jobs)]
            assert nice == [17, 17, 17], "they step back for other programs"
        process.terminate()
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + signal.SIGTERM
    assert all(gone(pid) for pid in jobs)
    assert len(jobs) == 2
    assert [bench.state(run) for run in runs] == [State.STOPPED] * 2
    for run in runs:
        assert re.search(rf"^{run.id}  ", out + err, re.MULTILINE), "lines say which run"


def test_a_supervisor_that_is_killed_leaves_no_job_and_its_run_queued(bench: Workplace) -> None:
    run = bench.queue(epochs=LONG)
    with start("work", "--jobs", "2", home=bench.home) as process:
        wait_for(lambda: trains(bench.store, run), "the run")
        jobs = children(process.pid)
        process.kill()
        process.communicate(timeout=DEADLINE)
    wait_for(lambda: all(gone(pid) for pid in jobs), "the job to end")
    assert len(jobs) == 1
    assert bench.state(run) is State.QUEUED
    assert bench.step(run) > 0
    assert bench.store.runners() == []


@pytest.mark.slow
def test_a_service_waits_for_runs_and_leaves_them_for_its_next_start(bench: Workplace) -> None:
    with start("work", "--forever", home=bench.home) as process:
        wait_for(lambda: bool(bench.store.runners()), "the service")
        run = bench.queue(epochs=LONG)
        wait_for(lambda: trains(bench.store, run), "the run")
        process.terminate()
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 128 + signal.SIGTERM
    assert bench.state(run) is State.QUEUED
    assert bench.step(run) > 0


# ── stepping back ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_thread_steps_back_and_none_comes_forward() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere threads have no niceness of their own")
    code = """
import json, os, threading
from lazytrain.engine.settings.niceness import be_nice
ended = threading.Event()
threads = [threading.Thread(target=ended.wait) for _ in range(2)]
for thread in threads: thread.start()
found = []
for nice in (15, 13, 0):
    be_nice(nice)
    found.append(sorted(os.getpriority(os.PRIO_PROCESS, int(tid)) for tid in os.listdir("/proc/self/task")))
ended.set()
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[15, 15, 15]] * 3


def test_one_core_stays_free_where_there_is_more_than_one() -> None:
    assert [num_jobs(cores, keep_core_free=True) for cores in (1, 2, 3, 8)] == [1, 1, 2, 7]
    assert [num_jobs(cores, keep_core_free=False) for cores in (1, 2, 8)] == [1, 2, 8]
