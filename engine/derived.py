"""The backward pass of a plain stack of layers, derived from the stack itself.

A stack has no branches, so its backward pass is its list walked in reverse with aten's own backward kernels, and each
parameter is updated in place as soon as its gradient is known: a 3072×120 layer's gradient never exists. At batch 4
this is several times faster than a graph of autograd nodes; `benchmarks/training.py` measures it, and
`tests/test_derived.py` holds it against autograd for every layer kind, loss and optimizer setting it serves.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presets.schema import Hyperparameters

aten: Any = torch.ops.aten

MOST_IM2COL_IMAGES = 8
"""Up to this batch size im2col is the faster convolution on the CPU: measured on CoolNet v10 at 4, 8, 20 and 128."""


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

    def product(self, weight: Tensor, dy: Tensor, x: Tensor) -> None:
        """Update by the gradient dyᵀ · x, of dy [N, out] and x [N, in], without making it where possible."""
        if self.momentum:
            velocity = self.velocities[weight]
            velocity.addmm_(dy.t(), x, beta=self.momentum, alpha=self.share)
            self._step(weight, velocity)
        else:
            weight.addmm_(dy.t(), x, beta=1 - self.rate * self.decay, alpha=-self.rate * self.share)

    def add(self, parameter: Tensor, gradient: Tensor) -> None:
        """Update by `gradient`, a sum over the batch."""
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


class _Linear(Layer):
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


class _Conv(Layer):
    def __init__(self, module: nn.Conv2d) -> None:
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._kernel, self._stride = list(module.kernel_size), list(module.stride)
        self._padding = [int(size) for size in module.padding]

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.conv2d(x, self.weight, self.bias, self._stride, self._padding)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        dx, dw, db = self._gradients(dy, [not first, True, self.bias is not None])
        update.add(self.weight, dw)
        if self.bias is not None:
            update.add(self.bias, db)
        return dy if first else dx

    def _gradients(self, dy: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """For the input, the weight and the bias, those that are wanted."""
        bias_sizes = None if self.bias is None else [self.weight.shape[0]]
        return aten.convolution_backward.default(
            *(dy, self.x, self.weight, bias_sizes, self._stride, self._padding, [1, 1], False, [0, 0], 1, wanted)
        )


class _ChannelsLastConv(_Conv):
    """On the CPU, oneDNN's convolution of images with their channels last: at batch 128 2.4 times as fast as im2col."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last))


class _Im2colConv(_Conv):
    """On the CPU, aten's plain im2col convolution: at batch 4 CoolNet trains a fifth faster than with oneDNN's."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten._slow_conv2d_forward.default(x, self.weight, self._kernel, self.bias, self._stride, self._padding)

    def _gradients(self, dy: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        return aten._slow_conv2d_backward.output_mask(
            dy, self.x, self.weight, self._kernel, self._stride, self._padding, wanted
        )


class _MaxPool(Layer):
    def __init__(self, module: nn.MaxPool2d) -> None:
        self._window, self._stride = _pair(module.kernel_size), _pair(module.stride)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        y, self.where = aten.max_pool2d_with_indices.default(x, self._window, self._stride)
        return y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.max_pool2d_with_indices_backward.default(
            dy, self.x, self._window, self._stride, [0, 0], [1, 1], False, self.where
        )


class _AvgPool(Layer):
    def __init__(self, module: nn.AvgPool2d) -> None:
        self._window, self._stride = _pair(module.kernel_size), _pair(module.stride)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten.avg_pool2d.default(x, self._window, self._stride)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.avg_pool2d_backward.default(dy, self.x, self._window, self._stride, [0, 0], False, True, None)


class _Flatten(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.flatten(1)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return dy.view(self.shape)


class _Relu(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.relu()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.threshold_backward.default(dy, self.y, 0)


class _LeakyRelu(Layer):
    def __init__(self, module: nn.LeakyReLU) -> None:
        self._slope = module.negative_slope

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten.leaky_relu.default(x, self._slope)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.leaky_relu_backward.default(dy, self.x, self._slope, False)


class _Tanh(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.tanh_backward.default(dy, self.y)


class _Sigmoid(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.y = x.sigmoid()
        return self.y

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.sigmoid_backward.default(dy, self.y)


class _Gelu(Layer):
    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return F.gelu(x)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        return aten.gelu_backward.default(dy, self.x)


class DerivedPath:
    """Steps of SGD on a plain stack, without autograd."""

    name: ClassVar[str] = "derived"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        if not serves(net, values):
            raise ValueError("the derived path serves plain stacks of layers with SGD, and this is none")
        self._values = values
        self._set_layers([_layer(module, values.batch_size) for module in net.children()])
        self._update = Update(values, [each for layer in self._layers for each in layer.parameters])
        self._num_classes = [module for module in net.children() if isinstance(module, nn.Linear)][-1].out_features

    def _set_layers(self, layers: list[Layer]) -> None:
        self._layers, self._reversed = layers, layers[::-1]

    @property
    def block_steps(self) -> int:
        return 1

    def enter(self, images: Tensor, num_steps: int) -> None:
        """Every step is a block of its own."""

    def mode(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def goals(self, targets: Tensor) -> Tensor:
        one_hot = F.one_hot(targets, self._num_classes).float()
        smoothing = self._values.label_smoothing
        return one_hot.mul_(1 - smoothing).add_(smoothing / self._num_classes) if smoothing else one_hot

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
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
        update.rate, update.share = learning_rate, 1 / images.shape[0]
        last = len(self._reversed) - 1
        for index, layer in enumerate(self._reversed):
            dy = layer.backward(dy, update, first=index == last)

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


def _layer(module: nn.Module, batch_size: int) -> Layer:
    match module:
        case nn.Conv2d() if module.weight.device.type != "cpu":
            return _Conv(module)
        case nn.Conv2d():
            return _Im2colConv(module) if batch_size <= MOST_IM2COL_IMAGES else _ChannelsLastConv(module)
        case nn.Linear():
            return _Linear(module)
        case nn.MaxPool2d():
            return _MaxPool(module)
        case nn.AvgPool2d():
            return _AvgPool(module)
        case nn.Flatten():
            return _Flatten()
        case nn.ReLU():
            return _Relu()
        case nn.LeakyReLU():
            return _LeakyRelu(module)
        case nn.Tanh():
            return _Tanh()
        case nn.Sigmoid():
            return _Sigmoid()
        case nn.GELU():
            return _Gelu()
        case _:
            raise ValueError(f"the derived path has no rule for {type(module).__name__}")


def _pair(size: int | tuple[int, ...]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)
