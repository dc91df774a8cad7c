"""The top bar's words: what waits, when it would be done, and who trains on what."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lazytrain.engine.records import RAY, Run, RunnerRecord, State, TrainerState
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.tui.state.dataset_lookup import DatasetShelf
from lazytrain.tui.words.text import format_clock, format_done

if TYPE_CHECKING:
    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.engine.queue.duty import RunnerStatus

ROUND_SECONDS = 60.0


class Expectation:
    """How long queued runs will take, from what runners have measured."""

    def __init__(self, store: Store, shelf: DatasetShelf) -> None:
        self._store, self._shelf = store, shelf
        self._configurations: dict[str, RunConfiguration] = {}

    def seconds(self, run: Run) -> float | None:
        """What the run has left at its own pace, or what was measured for such a run; None while it isn't known."""
        if run.eta_seconds is not None:
            return run.eta_seconds
        # Not before there is a queue: both take what the first frame is better without.
        from lazytrain.engine.data.datasets import DatasetFacts
        from lazytrain.engine.queue.estimate import estimate

        if run.id not in self._configurations:
            try:
                self._configurations[run.id] = self._store.configuration(run.id)
            except (RunNotFound, RunUnreadable):
                return None
        configuration = self._configurations[run.id]
        facts = self._shelf.known(configuration.hyperparameters)
        return estimate(self._store, configuration, facts).seconds if isinstance(facts, DatasetFacts) else None


def describe_queue(runs: Sequence[Run], expected: Callable[[Run], float | None], now: float) -> str:
    """`2 queued · done about 06:40`; without a time where any part of it isn't known, and empty without a queue.

    `expected` gives a queued run's seconds, or None.
    """
    queued = [run for run in runs if run.state is State.QUEUED]
    if not queued:
        return ""
    words = f"{len(queued)} queued"
    if any(run.state is State.PAUSED for run in runs):
        return words
    times = [run.eta_seconds for run in runs if run.state.active] + [expected(run) for run in queued]
    total = 0.0
    for seconds in times:
        if seconds is None:
            return words
        total += seconds
    # Up to the next full minute, so that it doesn't flicker between two.
    done = (now + total) // ROUND_SECONDS * ROUND_SECONDS + ROUND_SECONDS
    return f"{words} · done {format_clock(done, now)}"


def describe_runner(status: RunnerStatus | None, runners: Sequence[RunnerRecord], runs: Sequence[Run]) -> str:
    """`cpu · 1 thread`, `loading torch…`, `cuda:0 NVIDIA H200 · lazytrain work (pid 12)`, or the runner's trouble.

    While another process here trains: `training in the background: 43 % · lazytrain (pid 12)`.
    """
    if status is not None and status.error:
        return f"⚠ {status.error}"
    cluster = next((runner for runner in runners if runner.device == RAY), None)
    own = next((runner for runner in runners if status is not None and runner.pid == os.getpid()), None)
    if own is not None and status is not None and status.phase != "waiting":
        # What trains here beside a cluster is a small part of what is trained.
        return _device(own, runs) if cluster is None else f"{_device(cluster, runs)} · {_device(own, runs)}"
    if cluster is not None:
        return f"{_device(cluster, runs)} · {_who(cluster)}"
    trained = find_background(runners, runs)
    if status is not None and status.phase == "waiting" and own is None and trained is not None:
        runner, run = trained
        return f"training in the background: {format_done(run)} · {_who(runner)}"
    if status is not None and status.phase in ("loading", "waiting"):
        return status.text
    if runners:
        return f"{_device(runners[0], runs)} · {_who(runners[0])}"
    return status.text if status is not None else "no runner: what is queued waits"


def find_background(runners: Sequence[RunnerRecord], runs: Sequence[Run]) -> tuple[RunnerRecord, Run] | None:
    """Who trains on this machine in another process, and which run; None if nobody does."""
    others = [each for each in runners if each.pid != os.getpid() and each.host == platform.node()]
    run = next((run for run in runs if run.state.active and run.trainer is TrainerState.ALIVE), None)
    return (others[0], run) if others and run is not None else None


def _who(runner: RunnerRecord) -> str:
    return f"{runner.command} (pid {runner.pid})"


def _device(runner: RunnerRecord, runs: Sequence[Run]) -> str:
    """Threads are the run's, and told where they matter."""
    if runner.device == RAY:
        return f"{RAY} · {runner.device_name}"
    if runner.device != "cpu":
        return f"{runner.device} {runner.device_name}"
    threads = next((run.threads for run in runs if run.state.active and run.device == "cpu"), None)
    return f"cpu · {threads} thread{'' if threads == 1 else 's'}" if threads else "cpu"
