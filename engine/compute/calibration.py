"""How many threads a net trains fastest with here: measured once, then part of the run's record."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping

import torch
from torch import nn

from lazytrain.engine.compute.paths import make_path
from lazytrain.engine.compute.randomness import forked
from lazytrain.engine.data.batches import Block
from lazytrain.presets.schema import Hyperparameters

CALIBRATION_SECONDS = 0.8
"""For all candidates together, as far as single steps allow."""
WORTH = 1.1
"""More threads are taken only if they are this much faster: they are the first to suffer from a busy neighbour."""


def choose_threads(
    net: nn.Module,
    values: Hyperparameters,
    input_shape: tuple[int, ...],
    num_classes: int,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """The number of threads for `net` on the CPU: the fewest that no larger number beats by a tenth.

    Trains copies on blank images of (channels, height, width); `net`, the random state and torch's threads stay.
    """
    candidates = candidate_threads(os.cpu_count() or 1, thread_limit(os.environ))
    before = torch.get_num_threads()
    rates: dict[int, float] = {}
    with forked([]):
        try:
            for threads in candidates:
                torch.set_num_threads(threads)
                seconds = CALIBRATION_SECONDS / len(candidates)
                rates[threads] = _steps_per_second(net, values, (input_shape, num_classes), seconds, clock)
        finally:
            torch.set_num_threads(before)
    return fewest_worth_it(rates)


def thread_limit(environment: Mapping[str, str]) -> int | None:
    """What `OMP_NUM_THREADS` allows: a person's word, or a supervisor's, whose jobs share the cores; None if unset."""
    said = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return max(1, int(said)) if said.isdecimal() else None


def candidate_threads(cores: int, limit: int | None = None) -> list[int]:
    """1, 2, 4 … and all cores but one, which stays free for the rest of the machine; none above `limit`."""
    most = max(1, cores - 1) if cores > 2 else cores
    most = most if limit is None else min(most, limit)
    return sorted({1, most, *(2**power for power in range(1, 7) if 2**power <= most)})


def fewest_worth_it(rates: dict[int, float]) -> int:
    """The fewest threads whose rate no larger number beats by a tenth."""
    chosen = 1
    for threads, rate in sorted(rates.items()):
        if rate > WORTH * rates[chosen]:
            chosen = threads
    return chosen


def _steps_per_second(
    net: nn.Module,
    values: Hyperparameters,
    sizes: tuple[tuple[int, ...], int],
    seconds: float,
    clock: Callable[[], float],
) -> float:
    input_shape, num_classes = sizes
    trained = copy.deepcopy(net).train()
    # Compiling takes longer than a calibration may, and its threads are those that are found without.
    path = make_path(trained, values.model_copy(update={"compile": False}))
    rows = path.block_steps * values.batch_size
    images, goals = torch.zeros(rows, *input_shape), path.goals(torch.zeros(rows, dtype=torch.int64))
    batches = list(zip(images.split(values.batch_size), goals.split(values.batch_size), strict=True))
    block = Block(images, goals, batches)
    rates = [values.learning_rate] * len(batches)
    logits = torch.empty(values.batch_size, num_classes)
    with path.mode():
        path.enter(Block(*batches[0], batches[:1]), rates[:1])
        path.step(*batches[0], logits, values.learning_rate)  # it pays for torch's own preparations
        steps, started = 0, clock()
        while True:
            done = path.enter(block, rates) is not None
            for some_images, some_goals in () if done else batches:
                path.step(some_images, some_goals, logits, values.learning_rate)
            steps += len(batches)
            spent = clock() - started
            if spent >= seconds:
                return steps / spent
