"""How one step is computed. The path's name is part of a run's record, since paths differ in the last bits.

The rule, in one place: a plain stack of layers that `engine.derived` serves, trained with SGD without Nesterov
momentum, takes the derived path, which is up to five times faster for small nets; if it begins with a large linear
layer, and the batches are small, the blocked path, which is faster still; everything else takes autograd.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from engine.blocked import BlockedPath, serves_blocked
from engine.derived import DerivedPath, serves
from engine.metrics import loss_rows
from engine.precision import memory_format_of, precision_of
from presets.schema import Hyperparameters


class Path(Protocol):
    """Computes steps on a net and keeps the optimizer's state."""

    name: ClassVar[str]

    @property
    def block_steps(self) -> int:
        """Steps of a block: the net is whole only where one ends."""
        ...

    def enter(self, images: Tensor, num_steps: int) -> None:
        """Begin a block of `num_steps` steps, on `images` float [N, C, H, W] one batch after another."""
        ...

    def mode(self) -> AbstractContextManager[Any]:
        """The grad mode that steps need; entered around some steps, never across an event."""
        ...

    def goals(self, targets: Tensor) -> Tensor:
        """What steps take in place of int64 targets [N]: one row an image."""
        ...

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        """One update on a batch of float images [N, C, H, W]; the logits before it are written to `logits`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        ...


class AutogradPath:
    """torch's own backward pass and optimizers: serves every net."""

    name: ClassVar[str] = "autograd"

    def __init__(self, net: nn.Module, values: Hyperparameters, micro_batches: int = 1) -> None:
        self._format = memory_format_of(values)
        self._net = net.to(memory_format=self._format)
        self._values = values
        self._micro_batches = micro_batches
        self._optimizer = make_optimizer(net, values)
        self._rate = values.learning_rate

    @property
    def block_steps(self) -> int:
        return 1

    def enter(self, images: Tensor, num_steps: int) -> None:
        """Every step is a block of its own."""

    def mode(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def goals(self, targets: Tensor) -> Tensor:
        return targets

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        if learning_rate != self._rate:
            self._rate = learning_rate
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        parts = (tensor.chunk(self._micro_batches) for tensor in (images, goals, logits))
        for some_images, some_goals, some_logits in zip(*parts, strict=True):
            with precision_of(self._values, images.device):
                output = self._net(some_images.to(memory_format=self._format))
            output = output if output.dtype == logits.dtype else output.to(logits.dtype)
            (loss_rows(output, some_goals, self._values).sum() / len(images)).backward()
            some_logits.copy_(output.detach())
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)
        self._rate = float("nan")  # set the next step's rate, whatever the state says


def make_path(net: nn.Module, values: Hyperparameters, name: str | None = None, micro_batches: int = 1) -> Path:
    """The path for a net by the rule above, or the one called `name`, as a resume needs it.

    Args:
        micro_batches: parts a batch is computed in, for less memory and the same effective batch; by autograd alone.

    Raises:
        ValueError: there is no such path, or it doesn't serve this net.
    """
    match name or _fastest(net, values, micro_batches):
        case BlockedPath.name:
            return BlockedPath(net, values)
        case DerivedPath.name:
            return DerivedPath(net, values)
        case AutogradPath.name:
            return AutogradPath(net, values, micro_batches)
        case unknown:
            raise ValueError(f"this lazytrain has no path {unknown!r} to compute steps with")


def _fastest(net: nn.Module, values: Hyperparameters, micro_batches: int) -> str:
    if micro_batches > 1 or not serves(net, values):
        return AutogradPath.name
    return BlockedPath.name if serves_blocked(net, values) else DerivedPath.name


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
