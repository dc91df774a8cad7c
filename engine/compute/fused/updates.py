"""The optimizers, as what becomes of one weight `w` with its gradient `g`: the lines that a layer's loop ends with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from lazytrain.presets.schema import Hyperparameters

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Adam's, as torch has them."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer's state for each weight, and its lines."""

    states: tuple[str, ...]
    """What is kept beside a weight: `v`, a velocity, or Adam's means `m` of gradients and `q` of their squares."""
    scalars: tuple[str, ...]
    """What is the same for all weights of a step."""
    lines: tuple[str, ...]
    """Of `w`, `g`, the states and the scalars."""

    def update(self, indent: int, weight: str, gradient: str, index: str) -> str:
        """The lines for `weight[index]`, or for a vector of them; its states are called `v_weight` and so on."""
        each = f"{weight}[{index}]"
        lines = [f"w = {each}", f"g = {gradient}", *(f"{s} = {s}_{weight}[{index}]" for s in self.states)]
        lines += [*self.lines, *(f"{s}_{weight}[{index}] = {s}" for s in self.states), f"{each} = w"]
        return "\n".join(" " * indent + line for line in lines)


def optimizer_of(values: Hyperparameters) -> Optimizer:
    """The one that `values` names, as torch computes it."""
    decay = f"f32({values.weight_decay!r})"
    decayed = (f"g += {decay} * w",) if values.weight_decay else ()
    if values.optimizer == "sgd":
        if not values.momentum:
            return Optimizer((), ("rate",), (*decayed, "w -= rate * g"))
        momentum = f"f32({values.momentum!r})"
        step = f"w -= rate * (g + {momentum} * v)" if values.nesterov else "w -= rate * v"
        return Optimizer(("v",), ("rate",), (*decayed, f"v = {momentum} * v + g", step))
    shrunk = (f"w -= rate * {decay} * w",) if values.weight_decay else ()
    lines = (
        *(decayed if values.optimizer == "adam" else shrunk),
        f"m = f32({FIRST_DECAY}) * m + f32({1 - FIRST_DECAY!r}) * g",
        f"q = f32({SECOND_DECAY}) * q + f32({1 - SECOND_DECAY!r}) * g * g",
        f"w -= pace * m / (np.sqrt(q) * spread + f32({EPSILON}))",
    )
    return Optimizer(("m", "q"), ("rate", "pace", "spread"), lines)


def scalars_of(optimizer: Optimizer, rate: float, count: int) -> tuple[float, ...]:
    """Its scalars for a step at this rate, after `count` steps."""
    if len(optimizer.scalars) == 1:
        return (rate,)
    return rate, rate / (1 - FIRST_DECAY ** (count + 1)), 1 / math.sqrt(1 - SECOND_DECAY ** (count + 1))


def gradient_of(values: Hyperparameters, before: Tensor, after: Tensor, state: Tensor | None) -> Tensor:
    """The loss's gradient, of what a step of rate 1 made of weights and of their first state, which was zero."""
    if values.optimizer == "adamw" and state is not None:
        return state / (1 - FIRST_DECAY)
    if values.optimizer == "adam" and state is not None:
        return state / (1 - FIRST_DECAY) - values.weight_decay * before
    return (before - after if state is None else state) - values.weight_decay * before
