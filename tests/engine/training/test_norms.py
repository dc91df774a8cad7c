"""The norms of gradient and weights: when they are looked at, and that nothing changes by it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lazytrain.engine.events import Norms, StepsDone
from lazytrain.engine.training.norms import FEWEST_STEPS, NormGrid
from lazytrain.presets import Hyperparameters
from tests.helpers.nets import small_configuration, small_training


@given(st.integers(1, 40), st.integers(1, 300), st.sampled_from([1, 4, 20, 128, 1000]), st.integers(0, 500))
def test_looks_are_ends_of_windows_wherever_one_begins(window: int, per_epoch: int, batch: int, began: int) -> None:
    grid = NormGrid(Hyperparameters(batch_size=batch), window, per_epoch)
    steps = [(epoch, step) for epoch in range(5) for step in range(per_epoch)]
    looks = [epoch * per_epoch + step for epoch, step in steps if grid.next(epoch, step) == step]
    ends = [epoch * per_epoch + step for epoch, step in steps if (step + 1) % window == 0 or step + 1 == per_epoch]
    every = math.ceil(max(FEWEST_STEPS, 800 / batch) / window)
    assert looks == ends[every - 1 :: every]
    began %= 5 * per_epoch
    epoch, step = divmod(began, per_epoch)
    following = next((look for look in looks if look >= began and look // per_epoch == epoch), None)
    assert grid.next(epoch, step) == (-1 if following is None else following % per_epoch)


def test_norms_are_the_nets() -> None:
    training = small_training(small_configuration(epochs=9, batch_size=4))
    found: list[Norms] = []
    for event in training:
        if isinstance(event, StepsDone):
            found += event.norms
    assert [each.step for each in found] == [9 * 24]
    weights = torch.cat([each.flatten() for each in training.snapshot()["net"].values()])
    assert found[-1].weights == pytest.approx(float(weights.norm()), rel=1e-6)
    assert (found[-1].gradient or 0) > 0
