"""`lazytrain work`: the queue, trained without a screen, one run or several at once."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass

from lazytrain.engine.records import Run
from lazytrain.tui.plain.follow import follow_queue
from lazytrain.tui.plain.interrupts import Interrupts
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.reporters import PlainReporter, Reporter, make_reporter
from lazytrain.tui.state.environment import Places

MOST_JOBS = 64
MOST_REMOTE_JOBS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What `--ray`, `--cpus-per-run` and `--gpus-per-run` say."""

    address: str
    cpus: float
    gpus: float


def work_queue(places: Places, device: str, jobs: int, *, forever: bool) -> int:
    """Train what is queued, `jobs` runs at once, until the queue is empty, or `forever`; returns the exit status.

    SIGTERM keeps what is trained. What works forever is a service: stopped with the machine, it leaves its runs in
    front of the queue, where its next start goes on with them.
    """
    began = time.time()
    with Interrupts() as interrupts, open_store(places.home, "lazytrain work") as store:
        if jobs == 1:
            from lazytrain.engine.queue.runner import Runner

            runner = Runner(places.home, places.data, device=device, until_empty=not forever, command="lazytrain work")
        else:
            from lazytrain.engine.queue.supervisor import Supervisor

            command = f"lazytrain work --jobs {jobs}"
            runner = Supervisor(
                places.home, places.data, num_jobs=jobs, device=device, until_empty=not forever, command=command
            )
        runner.screenless = True
        if jobs == 1:
            status = follow_queue(store, runner, make_reporter(sys.stdout, sys.stderr), interrupts)
        else:
            status = follow_queue(store, runner, PlainReporter(sys.stdout, sys.stderr), interrupts, _reporter_for)
        if forever and interrupts.received is signal.SIGTERM:
            from lazytrain.engine.queue.supervisor import queue_again

            queue_again(store, began)
    return status


def work_cluster(places: Places, options: ClusterOptions, jobs: int | None, *, forever: bool) -> int:
    """As `work_queue`, on a Ray cluster; `jobs` None: as many runs at once as fit."""
    began = time.time()
    with Interrupts() as interrupts, open_store(places.home, "lazytrain work") as store:
        from lazytrain.engine.cluster.nodes import Share
        from lazytrain.engine.cluster.runner import ClusterRunner

        runner = ClusterRunner(
            *(places.home, places.data),
            address=options.address,
            share=Share(cpus=options.cpus, gpus=options.gpus),
            num_jobs=jobs,
            until_empty=not forever,
            command=f"lazytrain work --ray {options.address}",
        )
        runner.screenless = True
        status = follow_queue(store, runner, PlainReporter(sys.stdout, sys.stderr), interrupts, _reporter_for)
        if forever and interrupts.received is signal.SIGTERM:
            from lazytrain.engine.queue.supervisor import queue_again

            queue_again(store, began)
    return status


def _reporter_for(run: Run) -> Reporter:
    """Lines that begin with the run's id: names differ in length."""
    return PlainReporter(sys.stdout, sys.stderr, prefix=f"{run.id}  ")
