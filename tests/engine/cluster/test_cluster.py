"""Two nodes on this machine: the same bits as at home, whoever dies. Skipped where Ray isn't installed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.child_process import ROOT, python_command
from lazytrain.engine.commands.preparing import prepare_command
from lazytrain.engine.records import Run, State
from tests.helpers.bench import DEADLINE, TINY, Bench, Result, wait_for
from tests.helpers.clusters import ClusterBench, add_node, find_workers, ray_cluster

LONG = 20
"""Epochs of a run that is disturbed: some seconds."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster(1, 1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What a run has in the end that was trained at home."""
    with Bench(tmp_path_factory.mktemp("at-home") / "home") as bench:
        run = bench.queue(TINY, epochs=LONG)
        bench.train()
        return bench.result(run)


@pytest.fixture
def bench(home: Path, cluster: Any) -> Iterator[ClusterBench]:
    with ClusterBench(home, cluster.address) as bench:
        yield bench


def trains(bench: Bench, run: Run) -> None:
    """Wait until it has got further than it was."""
    before = bench.step(run)
    wait_for(lambda: bench.state(run) is State.RUNNING and bench.step(run) > before, "steps")


def test_it_is_trained_steered_and_resumed_as_at_home(bench: ClusterBench, undisturbed: Result) -> None:
    first, second = bench.queue(TINY, epochs=LONG), bench.queue(TINY, epochs=LONG)
    command = bench.store.add_command(
        prepare_command(["sh", "-c", "echo loss: 0.25; echo $LAZYTRAIN_MODE >&2; exit 3"])
    )
    driver = bench.driver(until_empty=True)
    for run in (first, second):
        trains(bench, run)
    assert {bench.store.run(run.id).device for run in (first, second)} == {"cpu@node-0", "cpu@node-1"}
    [record] = bench.store.runners()
    assert (record.device, record.device_name) == ("ray", "2 nodes · 2 of 2 CPUs")
    bench.store.pause(first.id)
    bench.reaches(first, State.PAUSED)
    held = bench.step(first)
    bench.store.stop(second.id)
    bench.reaches(second, State.STOPPED)
    # The command has its place now.
    bench.reaches(command, State.FAILED)
    assert bench.step(first) == held
    assert bench.store.run(command.id).node in ("node-0", "node-1")
    assert [line.text for line in bench.store.printed(command.id)] == ["loss: 0.25", "disabled"]
    assert (bench.store.run(command.id).error or "").startswith("exit status 3")
    bench.store.resume(second.id)
    bench.store.resume(first.id)
    discarded = bench.queue(TINY, epochs=100 * LONG)
    assert bench.result_once_finished(first) == undisturbed
    assert bench.result_once_finished(second) == undisturbed
    trains(bench, discarded)
    bench.store.discard(discarded.id)
    assert driver.join(DEADLINE)
    assert driver.status.error is None
    assert [run.id for run in bench.store.runs() if run.state is not State.FAILED] == [second.id, first.id]
    assert not bench.store.run_folder(discarded.id).exists()


def test_nodes_and_workers_die_and_come(bench: ClusterBench, cluster: Any, undisturbed: Result) -> None:
    node = add_node(cluster, 1, "node-2")
    runs = [bench.queue(TINY, epochs=LONG) for _ in range(3)]
    driver = bench.driver(until_empty=True)
    for run in runs:
        trains(bench, run)
    lost = next(run for run in runs if bench.store.run(run.id).node == "node-2")
    cluster.remove_node(node, allow_graceful=False)
    wait_for(lambda: "its process ended (its node is gone); queued in front" in bench.texts(lost), "the loss")
    # Another that is killed where it trains goes on as well, beside it or after.
    find_workers(cluster)[0].kill()
    assert driver.join(DEADLINE)
    for run in runs:
        assert bench.result_once_finished(run) == undisturbed
    # On a busy machine the third may lose its worker too.
    assert sum("interrupted after step" in bench.texts(run) for run in runs) >= 2


def test_a_driver_that_is_killed_leaves_no_worker_behind(
    bench: ClusterBench, cluster: Any, undisturbed: Result
) -> None:
    run = bench.queue(TINY, epochs=LONG)
    with subprocess.Popen(
        [*python_command("lazytrain", "work", "--ray", bench.address, "--home", str(bench.home))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    ) as driver:
        trains(bench, run)
        assert driver.poll() is None
        before = {process.pid for process in find_workers(cluster)}
        driver.send_signal(signal.SIGKILL)
    assert before
    wait_for(lambda: not before & {process.pid for process in find_workers(cluster)}, "the orphans' end")
    bench.drive()
    assert bench.result_once_finished(run) == undisturbed
    assert "interrupted after step" in bench.texts(run)
