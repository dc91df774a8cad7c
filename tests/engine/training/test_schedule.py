"""Every schedule against its closed form, and torch's own where torch has it."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any

import pytest
import torch

from lazytrain.engine.training.schedule import LearningRates, learning_rate
from lazytrain.presets import Hyperparameters

STEPS_PER_EPOCH = 7
EPOCHS = 30
TOTAL = STEPS_PER_EPOCH * EPOCHS


def rates(**fields: object) -> list[float]:
    values = Hyperparameters.model_validate({"epochs": EPOCHS, **fields})
    return [learning_rate(values, step, STEPS_PER_EPOCH) for step in range(TOTAL)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schedule": "constant"}, lambda _step, _epoch: 0.01),
        ({"schedule": "exponential"}, lambda _step, epoch: 0.01 * 10 ** (-epoch / 50)),
        (
            {"schedule": "step", "decay_epochs": 10, "decay_factor": 0.5},
            lambda _step, epoch: 0.01 * 0.5 ** (epoch // 10),
        ),
        ({"schedule": "cosine"}, lambda step, _epoch: 0.005 * (1 + cos(pi * step / TOTAL))),
        (
            {"schedule": "constant", "warmup_epochs": 2},
            lambda step, _epoch: 0.01 * min(1.0, (step + 1) / (2 * STEPS_PER_EPOCH)),
        ),
    ],
)
def test_closed_forms(fields: dict[str, object], expected: Callable[[int, int], float]) -> None:
    for step, rate in enumerate(rates(**fields)):
        assert rate == pytest.approx(expected(step, step // STEPS_PER_EPOCH), rel=1e-12)


def torch_rates(make: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    scheduler = make(optimizer)
    seen = []
    for _ in range(TOTAL):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_one_cycle_is_torchs() -> None:
    def make(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=TOTAL + 1)

    # torch refuses a step past the end, so it is given one more; ours is compared with the same total.
    values = Hyperparameters(epochs=TOTAL + 1, schedule="one_cycle")
    ours = [learning_rate(values, step, 1) for step in range(TOTAL)]
    assert ours == pytest.approx(torch_rates(make), rel=1e-9)


def test_cosine_is_torchs() -> None:
    def make(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL)

    assert rates(schedule="cosine") == pytest.approx(torch_rates(make), rel=1e-9)


def test_report_schedule_ends_at_a_tenth() -> None:
    values = Hyperparameters(schedule="exponential")
    assert learning_rate(values, 49 * 12_500, 12_500) == pytest.approx(0.01 * 10 ** (-49 / 50))


@pytest.mark.parametrize(
    "fields", [{}, {"schedule": "exponential"}, {"schedule": "one_cycle"}, {"schedule": "step", "warmup_epochs": 1.5}]
)
@pytest.mark.parametrize("first", [0, 3, 10, 26])
def test_rates_of_some_steps_are_the_schedules(fields: dict[str, Any], first: int) -> None:
    values = Hyperparameters.model_validate({"epochs": 6, "decay_epochs": 2, **fields})
    rates = LearningRates(values, steps_per_epoch=10)
    for _ in range(2):
        assert rates.of(first, 4) == [learning_rate(values, step, 10) for step in range(first, first + 4)]
        first += 10
