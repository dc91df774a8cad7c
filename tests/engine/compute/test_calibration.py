"""Threads are chosen by a measurement, recorded, and kept by a resume."""

from __future__ import annotations

import copy

import pytest
import torch

from lazytrain.engine.compute.calibration import candidate_threads, choose_threads, fewest_worth_it, thread_limit
from lazytrain.engine.events import RunStarted
from tests.helpers.nets import small_configuration, small_dataset, small_training


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3]), (8, [1, 2, 4, 7]), (64, [1, 2, 4, 8, 16, 32, 63])]
)
def test_candidates_leave_a_core_free(cores: int, expected: list[int]) -> None:
    assert candidate_threads(cores) == expected


@pytest.mark.parametrize(
    ("said", "limit", "expected"),
    [("2", 2, [1, 2]), ("3,2", 3, [1, 2, 3]), ("0", 1, [1]), ("", None, [1, 2, 4, 7]), ("many", None, [1, 2, 4, 7])],
)
def test_jobs_and_people_can_limit_the_threads(said: str, limit: int | None, expected: list[int]) -> None:
    assert thread_limit({"OMP_NUM_THREADS": said}) == limit
    assert candidate_threads(8, limit) == expected


def test_more_threads_must_be_worth_it() -> None:
    assert fewest_worth_it({1: 100.0, 2: 105.0}) == 1
    assert fewest_worth_it({1: 100.0, 2: 180.0, 4: 190.0}) == 2
    assert fewest_worth_it({1: 100.0, 2: 90.0, 4: 120.0}) == 4


def test_measuring_leaves_everything_as_it_was() -> None:
    training = small_training(small_configuration())
    net = training._net
    weights = copy.deepcopy(net.state_dict())
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    ticks = iter(range(10_000))
    chosen = choose_threads(net, training.values, (3, 8, 8), 3, clock=lambda: float(next(ticks)))
    assert chosen == 1  # every candidate is as fast by this clock
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(before, after) for before, after in zip(weights.values(), net.state_dict().values(), strict=True)
    )


def test_auto_is_measured_once_and_kept_by_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def measure(*_: object, **__: object) -> int:
        measured.append(1)
        return 1

    monkeypatch.setattr("lazytrain.engine.training.loop.choose_threads", measure)
    configuration = small_configuration(threads="auto")
    dataset = small_dataset()
    training = small_training(configuration, dataset)
    iterator = iter(training)
    started = next(iterator)
    assert isinstance(started, RunStarted)
    assert started.threads == 1
    next(iterator)
    again = small_training(configuration, dataset, snapshot=training.snapshot())
    assert again.threads == 1
    assert measured == [1]
