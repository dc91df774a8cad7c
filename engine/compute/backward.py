"""Layers that know their own backward pass, by aten's backward kernels, and the update that follows at once.

`engine.compute.derived` walks a list of them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lazytrain.presets.schema import Hyperparameters

aten: Any = torch.ops.aten


class Layer:
    """One layer of the stack. It keeps what its backward pass needs from the forward pass before it."""

    parameters: tuple[Tensor, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        """The gradient for its input, given that for its output; the first layer's is nobody's, so any tensor."""
        raise NotImplementedError


class Update:
    """SGD as torch defines it, with a batch's gradient given as a sum over its images.

    Without momentum: w ← w - rate · (g + decay · w). With momentum: v ← momentum · v + g + decay · w; w ← w - rate · v.
    """

    def __init__(self, values: Hyperparameters, parameters: list[Tensor]) -> None:
        self.momentum = values.momentum
        self.decay = values.weight_decay
        self.rate = 0.0
        self.share = 1.0
        """1 / images in the batch: the loss is a mean."""
        self.velocities = {each: torch.zeros_like(each) for each in parameters} if values.momentum else {}
        self.squares: list[Tensor] | None = None
        """The squared norm of each gradient of this step, while somebody wants to know."""

    def product(self, weight: Tensor, dy: Tensor, x: Tensor) -> None:
        """Update by the gradient dyᵀ · x, of dy [N, out] and x [N, in], without making it where possible."""
        if self.squares is not None:
            (rows, outputs), inputs = dy.shape, x.shape[1]
            small = outputs * inputs <= rows * (outputs + inputs)
            self.squares.append(dy.t().mm(x).square_().sum() if small else square_of_product(dy, x.mm(x.t())))
        if self.momentum:
            velocity = self.velocities[weight]
            velocity.addmm_(dy.t(), x, beta=self.momentum, alpha=self.share)
            self._step(weight, velocity)
        else:
            weight.addmm_(dy.t(), x, beta=1 - self.rate * self.decay, alpha=-self.rate * self.share)

    def add(self, parameter: Tensor, gradient: Tensor) -> None:
        """Update by `gradient`, a sum over the batch."""
        if self.squares is not None:
            self.squares.append(gradient.square().sum())
        if self.momentum:
            velocity = self.velocities[parameter].mul_(self.momentum).add_(gradient, alpha=self.share)
            self._step(parameter, velocity)
        else:
            if self.decay:
                parameter.mul_(1 - self.rate * self.decay)
            parameter.add_(gradient, alpha=-self.rate * self.share)

    def _step(self, parameter: Tensor, velocity: Tensor) -> None:
        if self.decay:
            velocity.add_(parameter, alpha=self.decay)
        parameter.add_(velocity, alpha=-self.rate)


class TensorRateUpdate(Update):
    """The same with a learning rate that is read on the device, as calls that were recorded once need it."""

    minus_rate: Tensor
    """[1], on the device of the parameters."""

    def product(self, weight: Tensor, dy: Tensor, x: Tensor) -> None:
        if self.momentum:
            super().product(weight, dy, x)
        else:
            self.add(weight, dy.t().mm(x))

    def add(self, parameter: Tensor, gradient: Tensor) -> None:
        if self.momentum:
            super().add(parameter, gradient)
        elif self.decay:
            gradient = gradient.mul(self.share).add_(parameter, alpha=self.decay)
            parameter.addcmul_(gradient, self.minus_rate)
        else:
            parameter.addcmul_(gradient, self.minus_rate, value=self.share)

    def _step(self, parameter: Tensor, velocity: Tensor) -> None:
        if self.decay:
            velocity.add_(parameter, alpha=self.decay)
        parameter.addcmul_(velocity, self.minus_rate)


def square_of_product(dy: Tensor, similarities: Tensor) -> Tensor:
    """The squared norm of dyᵀ · x, of dy [N, out] and x · xᵀ [N, N], without the product: Σ (dy · dyᵀ) ∘ (x · xᵀ)."""
    return dy.mm(dy.t()).mul_(similarities).sum()


class LinearLayer(Layer):
    def __init__(self, module: nn.Linear) -> None:
        if module.in_features >= 1_024 and module.out_features >= 64:
            # The same numbers, stored by columns: a 3072×120 layer's step at batch 4 takes 130 µs in place of 280.
            module.weight.data = module.weight.data.t().contiguous().t()
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._transposed = self.weight.t()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.mm(self._transposed) if self.bias is None else torch.addmm(self.bias, x, self._transposed)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        dx = dy if first else dy.mm(self.weight)
        update.product(self.weight, dy, self.x)
        if self.bias is not None:
            update.add(self.bias, dy.sum(0))
        return dx


class ConvLayer(Layer):
    """By torch's own choice of a kernel."""

    def __init__(self, module: nn.Conv2d) -> None:
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._stride = list(module.stride)
        self._padding = [int(size) for size in module.padding]

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.conv2d(x, self.weight, self.bias, self._stride, self._padding)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        wanted = [not first, True, self.bias is not None]
        sizes = None if self.bias is None else [self.weight.shape[0]]
        dx, dw, db = aten.convolution_backward.default(
            *(dy, self.x, self.weight, sizes, self._stride, self._padding, [1, 1], False, [0, 0], 1, wanted)
        )
        update.add(self.weight, dw)
        if self.bias is not None:
            update.add(self.bias, db)
        return dy if first else dx


class MaxPoolLayer(Layer):
    def __init__(self, module: nn.MaxPool2d) -> None:
        self._window, self._stride = pair(module.kernel_size), pair(module.stride)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        y, self.where = aten.max_pool2d_with_indices.default(x, self._window, self._stride)
        return y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.max_pool2d_with_indices_backward.default(
            dy, self.x, self._window, self._stride, [0, 0], [1, 1], False, self.where
        )


class AvgPoolLayer(Layer):
    def __init__(self, module: nn.AvgPool2d) -> None:
        self._window, self._stride = pair(module.kernel_size), pair(module.stride)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten.avg_pool2d.default(x, self._window, self._stride)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.avg_pool2d_backward.default(dy, self.x, self._window, self._stride, [0, 0], False, True, None)


class FlattenLayer(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.flatten(1)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return dy.view(self.shape)


class ReluLayer(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.relu()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.threshold_backward.default(dy, self.y, 0)


class LeakyReluLayer(Layer):
    def __init__(self, module: nn.LeakyReLU) -> None:
        self._slope = module.negative_slope

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten.leaky_relu.default(x, self._slope)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.leaky_relu_backward.default(dy, self.x, self._slope, False)


class TanhLayer(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.tanh_backward.default(dy, self.y)


class SigmoidLayer(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.sigmoid()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.sigmoid_backward.default(dy, self.y)


class GeluLayer(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return F.gelu(x)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.gelu_backward.default(dy, self.x)


def pair(size: int | tuple[int, ...]) -> list[int]:
    """A size in both directions."""
    return [size, size] if isinstance(size, int) else list(size)
