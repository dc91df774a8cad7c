"""Ray clusters of several nodes on this machine, and drivers on them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lazytrain.engine.cluster.nodes import Share
from lazytrain.engine.cluster.runner import ClusterRunner
from lazytrain.engine.records import Run, State
from tests.helpers.bench import DEADLINE, Bench, Result

MISSING = "ray isn't installed: pip install 'lazytrain[ray]'"
_STORE = 100 * 2**20
"""Bytes of a node's object store."""


def find_workers(cluster: Any) -> list[psutil.Process]:
    """The processes of a `ray_cluster` that train for a driver."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            trains = any(word.startswith("ray::train") for word in process.cmdline())
            if trains and process.environ().get("RAY_TMPDIR") == cluster.folder:
                found.append(process)
    return found


@contextmanager
def ray_cluster(*cpus: int) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster`, a node for each of `cpus`; the first is its head, where drivers are."""
    pytest.importorskip("ray", reason=MISSING)
    # Ray makes Unix sockets in it, whose paths may not be long.
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
    (folder / "ray").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_TMPDIR", str(folder))
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        cluster.folder = str(folder)  # type: ignore[attr-defined]  # by which its processes are known
        try:
            for number, count in enumerate(cpus):
                add_node(cluster, count, f"node-{number}", **({"include_dashboard": False} if number == 0 else {}))
            yield cluster
        finally:
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def add_node(cluster: Any, cpus: int, name: str, **options: Any) -> Any:
    """One node more."""
    return cluster.add_node(num_cpus=cpus, node_name=name, object_store_memory=_STORE, **options)


class ClusterBench(Bench):
    """A home with a store, and drivers on a cluster."""

    def __init__(self, home: Path, address: str) -> None:
        super().__init__(home)
        self.address = address

    def driver(self, *, share: Share = Share(), **arguments: Any) -> ClusterRunner:  # noqa: B008  frozen
        runner = ClusterRunner(self.home, self.home / "data", address=self.address, share=share, **arguments)
        self.runners.append(runner)
        runner.start()
        return runner

    def drive(self, **arguments: Any) -> None:
        """Train the queue on the cluster until it is empty."""
        runner = self.driver(until_empty=True, **arguments)
        assert runner.join(DEADLINE)
        assert runner.status.error is None, runner.status.error

    def result_once_finished(self, run: Run) -> Result:
        """Wait for its end; see `result`."""
        self.reaches(run, State.FINISHED)
        return self.result(run)
