"""Steps of SGD that share their passes over a large first matrix: the same steps, summed in another order.

A net that begins with a linear layer spends nearly all of a step at batch 4 in passing over that layer's matrix twice.
Its inputs are the images, which no step changes, so the steps of a block can share the passes. With W the matrix
before the block, x_s the images of step s and d_s what step s adds to the layer's outputs' gradient, times -rate:

    W_t = W + Σ_{s<t} d_sᵀ x_s,    so    x_t W_tᵀ = x_t Wᵀ + Σ_{s<t} (x_t x_sᵀ) d_s

One product gives x Wᵀ for the whole block, one the small matrix x xᵀ, and one adds all the block's d_sᵀ x_s to W; a
step itself only adds small products. Nothing of the net may be saved or looked at between two steps of a block.
`benchmarks/training.py` measures it, and `tests/test_blocked.py` holds it against autograd.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from engine.derived import DerivedPath, Layer, Update, serves
from presets.schema import Hyperparameters

MOST_ROWS = {64: 32, 1: 16}
"""Outputs of the first layer, at least → images of a block, at most: x xᵀ costs more with the square of them."""
FEWEST_INPUTS = 256
"""Below, the passes that are saved cost less than what saves them."""


class BlockedPath(DerivedPath):
    """As `DerivedPath`, for nets that begin with a linear layer, on the CPU, by plain SGD."""

    name: ClassVar[str] = "blocked"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        if not serves_blocked(net, values):
            raise ValueError("the blocked path serves stacks that begin with a linear layer, with plain SGD on the CPU")
        super().__init__(net, values)
        first = next(module for module in net.children() if isinstance(module, nn.Linear))
        self._first = _BlockedLinear(first, values.batch_size, _block_steps(first, values))
        # The first layer takes the images of a block as they are: its flattening is nobody's.
        self._set_layers([self._first, *self._layers[2:]])

    @property
    def block_steps(self) -> int:
        return self._first.num_steps

    def enter(self, images: Tensor, num_steps: int) -> None:
        self._first.enter(images.flatten(1), num_steps)

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        if not self._first.open:
            self.enter(images, 1)
        super().step(images, goals, logits, learning_rate)


def serves_blocked(net: nn.Module, values: Hyperparameters) -> bool:
    """Whether the blocked path can train `net`, and at least two steps fit into a block."""
    if not serves(net, values) or values.momentum or values.weight_decay:
        return False
    begins = list(net.children())[:2]
    return (
        [type(module) for module in begins] == [nn.Flatten, nn.Linear]
        and isinstance(begins[1], nn.Linear)
        and begins[1].weight.device.type == "cpu"
        and begins[1].in_features >= FEWEST_INPUTS
        and _block_steps(begins[1], values) > 1
    )


def _block_steps(first: nn.Linear, values: Hyperparameters) -> int:
    rows = next(rows for outputs, rows in MOST_ROWS.items() if first.out_features >= outputs)
    return rows // values.batch_size


class _BlockedLinear(Layer):
    """The first layer, a block of steps at a time."""

    def __init__(self, module: nn.Linear, batch_size: int, num_steps: int) -> None:
        self.num_steps = num_steps
        self.open = False
        """Whether a block is begun and not ended."""
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._transposed = self.weight.t()
        self._one = torch.ones(1, 1, dtype=self.weight.dtype)
        # One image more than whole batches: a last batch of one joins the batch before it.
        self._rows = num_steps * batch_size + 1
        self._outputs = self.weight.new_empty(self._rows, module.out_features)
        self._changes = torch.empty_like(self._outputs)
        """d of the steps so far, a row an image."""
        self._similarities = self.weight.new_empty(self._rows, self._rows)
        """x xᵀ, and 1 more where there is a bias, whose change is that of a weight of an input 1."""
        self._regular = self._views([batch_size] * num_steps)
        self._step = 0

    def _views(self, sizes: list[int]) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """For each step its outputs, its similarities to the steps before it, their changes, and room for its own."""
        views: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        start = 0
        for size in sizes:
            stop = start + size
            views.append(
                (
                    *(self._outputs[start:stop], self._similarities[start:stop, :start]),
                    *(self._changes[:start], self._changes[start:stop]),
                )
            )
            start = stop
        return views

    def enter(self, x: Tensor, num_steps: int) -> None:
        """Begin a block of `num_steps` steps on their images x [N, in]; the last step takes what is left over."""
        if self.open:
            self._end()
        rows, regular = len(x), len(self._regular[0][0])
        if rows == self._rows - 1 and num_steps == self.num_steps:
            self._block = self._regular
        else:
            self._block = self._views([regular] * (num_steps - 1) + [rows - regular * (num_steps - 1)])
        outputs, similarities = self._outputs[:rows], self._similarities[:rows, :rows]
        if self.bias is None:
            torch.mm(x, self._transposed, out=outputs)
            torch.mm(x, x.t(), out=similarities)
        else:
            torch.addmm(self.bias, x, self._transposed, out=outputs)
            torch.addmm(self._one, x, x.t(), out=similarities)
        self.x, self._step, self.open = x, 0, True

    def forward(self, x: Tensor) -> Tensor:
        outputs, similarities, changes, self._room = self._block[self._step]
        if self._step:
            outputs.addmm_(similarities, changes)
        return outputs

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        torch.mul(dy, -update.rate * update.share, out=self._room)
        self._step += 1
        if self._step == len(self._block):
            self._end()
        return dy

    def _end(self) -> None:
        """Put the changes of the steps so far into the matrix."""
        rows = sum(len(views[0]) for views in self._block[: self._step])
        changes = self._changes[:rows]
        self.weight.addmm_(changes.t(), self.x[:rows])
        if self.bias is not None:
            self.bias.add_(changes.sum(0))
        self.open = False
