"""The optimizers, as what becomes of one weight `w` with its gradient `g`: the lines that a layer's loop ends with."""

from __future__ import annotations

from dataclasses import dataclass

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
    before: tuple[str, ...] = ()
    """What a step's scalars are found by, from `rate` and `count`, the steps done."""

    def update(self, indent: int, weight: str, gradient: str, index: str) -> str:
        """The lines for `weight[index]`; its states are called `v_weight` and so on."""
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
    before = (
        f"pace = f32(rate / (1.0 - {FIRST_DECAY} ** (count + 1)))",
        f"spread = f32(1.0 / np.sqrt(1.0 - {SECOND_DECAY} ** (count + 1)))",
    )
    return Optimizer(("m", "q"), ("rate", "pace", "spread"), lines, before)
