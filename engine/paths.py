"""How one step is computed. The path's name is part of a run's record, since paths differ in the last bits."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.metrics import loss_rows
from presets.schema import Hyperparameters


class Path(Protocol):
    """Computes steps on a net and keeps the optimizer's state."""

    name: str

    def step(self, images: Tensor, targets: Tensor, learning_rate: float) -> Tensor:
        """One update on a batch: float [N, C, H, W] and int64 [N] → the logits before it, detached [N, classes]."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        ...


class AutogradPath:
    """torch's own backward pass and optimizers: serves every net."""

    name = "autograd"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        self._net = net
        self._values = values
        self._optimizer = make_optimizer(net, values)
        self._rate = values.learning_rate

    def step(self, images: Tensor, targets: Tensor, learning_rate: float) -> Tensor:
        if learning_rate != self._rate:
            self._rate = learning_rate
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
        logits = self._net(images)
        self._optimizer.zero_grad(set_to_none=True)
        loss_rows(logits, targets, self._values).mean().backward()
        self._optimizer.step()
        return logits.detach()

    def state_dict(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)
        self._rate = float("nan")  # set the next step's rate, whatever the state says


def make_optimizer(net: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    """The optimizer that `values` names, over all of the net's parameters."""
    match values.optimizer:
        case "sgd":
            return torch.optim.SGD(
                net.parameters(),
                lr=values.learning_rate,
                momentum=values.momentum,
                nesterov=values.nesterov,
                weight_decay=values.weight_decay,
            )
        case "adam":
            return torch.optim.Adam(net.parameters(), lr=values.learning_rate, weight_decay=values.weight_decay)
        case "adamw":
            return torch.optim.AdamW(net.parameters(), lr=values.learning_rate, weight_decay=values.weight_decay)
