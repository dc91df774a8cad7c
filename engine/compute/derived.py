"""The backward pass of a plain stack of layers, derived from the stack itself.

A stack has no branches, so its backward pass is its list walked in reverse with aten's own backward kernels, and each
parameter is updated in place as soon as its gradient is known: a 3072×120 layer's gradient never exists. At batch 4
this is several times faster than a graph of autograd nodes; `benchmarks/training.py` measures it, and
`tests/test_derived.py` holds it against autograd for every layer kind, loss and optimizer setting it serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lazytrain.engine.compute.backward import (
    AvgPoolLayer,
    ConvLayer,
    FlattenLayer,
    GeluLayer,
    Layer,
    LeakyReluLayer,
    LinearLayer,
    MaxPoolLayer,
    ReluLayer,
    SigmoidLayer,
    TanhLayer,
    Update,
)
from lazytrain.engine.data.batches import Block
from lazytrain.presets.schema import Hyperparameters


class DerivedPath:
    """Steps of SGD on a plain stack, without autograd."""

    name: ClassVar[str] = "derived"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        if not serves(net, values):
            raise ValueError("the derived path serves plain stacks of layers with SGD, and this is none")
        self._net = net
        self._values = values
        self._layers = [_layer(module) for module in net.children()]
        self._reversed = self._layers[::-1]
        self._update = self._make_update(values, [each for layer in self._layers for each in layer.parameters])
        self._num_classes = [module for module in net.children() if isinstance(module, nn.Linear)][-1].out_features

    def _make_update(self, values: Hyperparameters, parameters: list[Tensor]) -> Update:
        return Update(values, parameters)

    @property
    def block_steps(self) -> int:
        return 1

    @property
    def takes_bytes(self) -> bool:
        return False

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        """Nothing has to be made beforehand."""

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor | None:
        """Every step is a block of its own."""

    def mode(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def goals(self, targets: Tensor) -> Tensor:
        one_hot = F.one_hot(targets, self._num_classes).float()
        smoothing = self._values.label_smoothing
        return one_hot.mul_(1 - smoothing).add_(smoothing / self._num_classes) if smoothing else one_hot

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        self._update.rate = learning_rate
        self._train(images, goals, logits)

    def _train(self, images: Tensor, goals: Tensor, logits: Tensor) -> None:
        """A step at the update's rate."""
        x = images
        for layer in self._layers:
            x = layer.forward(x)
        logits.copy_(x)
        # The gradient of the batch's summed loss for the logits.
        if self._values.loss == "cross_entropy":
            dy = x.softmax(1).sub_(goals)
        else:
            dy = x.sub_(goals).mul_(2 / self._num_classes)
        update = self._update
        update.share = 1 / images.shape[0]
        last = len(self._reversed) - 1
        for index, layer in enumerate(self._reversed):
            dy = layer.backward(dy, update, first=index == last)

    def watch(self) -> None:
        """The next step's gradient is wanted."""
        self._update.squares = []

    def gradient_norm(self) -> Tensor | None:
        """That of the step that was watched, still on the device."""
        squares, self._update.squares = self._update.squares, None
        # A rounding error may lie below 0.
        return torch.stack(squares).sum().clamp_(min=0).sqrt_().mul_(self._update.share) if squares else None

    def evaluate(self, images: Tensor) -> Tensor:
        return self._net(images)

    def state_dict(self) -> dict[str, Any]:
        return {"velocities": list(self._update.velocities.values())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for velocity, saved in zip(self._update.velocities.values(), state["velocities"], strict=True):
            velocity.copy_(saved)


_SERVED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.Linear, nn.Flatten)
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU)


def serves(net: nn.Module, values: Hyperparameters) -> bool:
    """Whether the derived path can train `net`: a stack of layers it knows, and SGD without Nesterov momentum."""
    plain = type(net) is nn.Sequential and all(type(module) in (*_SERVED, *_ACTIVATIONS) for module in net)
    as_usual = values.precision == "float32" and not values.channels_last
    return plain and as_usual and values.optimizer == "sgd" and not values.nesterov


def _layer(module: nn.Module) -> Layer:
    match module:
        case nn.Conv2d():
            return ConvLayer(module)
        case nn.Linear():
            return LinearLayer(module)
        case nn.MaxPool2d():
            return MaxPoolLayer(module)
        case nn.AvgPool2d():
            return AvgPoolLayer(module)
        case nn.Flatten():
            return FlattenLayer()
        case nn.ReLU():
            return ReluLayer()
        case nn.LeakyReLU():
            return LeakyReluLayer(module)
        case nn.Tanh():
            return TanhLayer()
        case nn.Sigmoid():
            return SigmoidLayer()
        case nn.GELU():
            return GeluLayer()
        case _:
            raise ValueError(f"the derived path has no rule for {type(module).__name__}")
