"""The norms of a training's gradient and weights, looked at on a grid of steps that the configuration alone fixes.

They are read and never written: no bit of the training changes by it. The grid is so wide that it costs little.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.metrics import total_norm
from lazytrain.engine.events import Norms
from lazytrain.presets.schema import Hyperparameters

FEWEST_STEPS, FEWEST_IMAGES = 50, 800
"""Between two looks, at least: less than 2 % of what these take to train, at any batch size."""


class NormGrid:
    """The steps looked at: ends of windows, at least so many steps and images apart."""

    def __init__(self, values: Hyperparameters, window_steps: int, steps_per_epoch: int) -> None:
        self._window, self._steps_per_epoch = window_steps, steps_per_epoch
        self._windows = -(-steps_per_epoch // window_steps)
        apart = max(FEWEST_STEPS, -(-FEWEST_IMAGES // values.batch_size))
        self._every = -(-apart // window_steps)

    def next(self, epoch: int, step: int) -> int:
        """The first step looked at of an epoch from `step` on, all counted from 0; -1 if there is none."""
        window = step // self._window
        window += -(epoch * self._windows + window + 1) % self._every
        return min((window + 1) * self._window, self._steps_per_epoch) - 1 if window < self._windows else -1


class NormLog:
    """What was found and isn't told yet; the figures are still on the device."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._found: list[tuple[int, float, Tensor | None, Tensor]] = []

    @torch.no_grad()
    def add(self, step: int, seconds: float, gradient: Tensor | None) -> None:
        """Look at the weights after `step` steps, between two blocks."""
        self._found.append((step, seconds, gradient, total_norm([each.detach() for each in self._net.parameters()])))

    def collect(self) -> list[Norms]:
        """What was found since the last call, in order. Waits for the device."""
        found, self._found = self._found, []
        return [
            Norms(step, seconds, None if gradient is None else float(gradient), float(weights))
            for step, seconds, gradient, weights in found
        ]
