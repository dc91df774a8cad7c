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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.backward import Layer, Update, square_of_product
from lazytrain.engine.compute.derived import DerivedPath, serves
from lazytrain.engine.data.batches import Block
from lazytrain.presets.schema import Hyperparameters

MOST_ROWS = 32
"""Images of a block, at most: x xᵀ costs more with the square of them."""
MOST_ROWS_OF_FEW_OUTPUTS = 16
"""The same for a matrix that is passed over in less time: measured on LazyNet's 10 outputs and BoringNet's 120."""
FEW_OUTPUTS = 32
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
        self._first = _BlockedLinear(first, values.batch_size, most_rows(first) // values.batch_size)
        # The first layer takes the images of a block as they are: its flattening is nobody's.
        self._set_layers([self._first, *self._layers[2:]])

    @property
    def block_steps(self) -> int:
        return self._first.num_steps

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor | None:
        self._first.enter(block.images.flatten(1), len(block.batches))


def most_rows(first: nn.Linear) -> int:
    """Images of a block, at most, for this layer."""
    return MOST_ROWS_OF_FEW_OUTPUTS if first.out_features <= FEW_OUTPUTS else MOST_ROWS


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
        and 2 * values.batch_size <= most_rows(begins[1])
    )


@dataclass(slots=True)
class _Room:
    """Views of the layer's buffers for a block: of all its rows, and of each step's."""

    outputs: Tensor
    similarities: Tensor
    """x xᵀ, and 1 more where there is a bias, whose change is that of a weight of an input 1."""
    changes: Tensor
    """d without its factor, a row an image."""
    changes_transposed: Tensor
    steps: list[tuple[Tensor, Tensor, Tensor, Tensor]]
    """Outputs, similarities to the steps before, the changes of those, and where this step's go."""


class _BlockedLinear(Layer):
    """The first layer, a block of steps at a time."""

    def __init__(self, module: nn.Linear, batch_size: int, num_steps: int) -> None:
        self.num_steps = num_steps
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._transposed = self.weight.t()
        # W xᵀ is computed half as fast again as x Wᵀ, of a matrix that is stored by rows.
        self._by_rows = self.weight.is_contiguous()
        self._bias_column = None if self.bias is None else self.bias.unsqueeze(1)
        self._one = torch.ones(1, 1, dtype=self.weight.dtype)
        self._batch_size = batch_size
        # One image more than whole batches: a last batch of one joins the batch before it.
        rows = num_steps * batch_size + 1
        self._outputs = self.weight.new_empty(rows, module.out_features)
        self._turned = self.weight.new_empty(module.out_features, rows)
        self._changes = torch.empty_like(self._outputs)
        self._similarities = self.weight.new_empty(rows, rows)
        self._regular = self._room([batch_size] * num_steps)
        self._block = self._regular
        self._step = 0
        self._scale = 0.0
        """-rate / images of the block's first step."""
        self._x: Tensor | None = None
        """The images of the block that is begun and not ended."""

    def _room(self, sizes: list[int]) -> _Room:
        steps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        start = 0
        for size in sizes:
            stop = start + size
            before = (self._similarities[start:stop, :start], self._changes[:start])
            steps.append((self._outputs[start:stop], *before, self._changes[start:stop]))
            start = stop
        changes = self._changes[:start]
        return _Room(self._outputs[:start], self._similarities[:start, :start], changes, changes.t(), steps)

    def enter(self, x: Tensor, num_steps: int) -> None:
        """Begin a block of `num_steps` steps on their images x [N, in]; the last step takes what is left over."""
        if self._x is not None:
            self._end(self._x)
        rows, size = len(x), self._batch_size
        if num_steps == self.num_steps and rows == num_steps * size:
            block = self._regular
        else:
            block = self._room([size] * (num_steps - 1) + [rows - size * (num_steps - 1)])
        if self.bias is None:
            torch.mm(x, x.t(), out=block.similarities)
        else:
            torch.addmm(self._one, x, x.t(), out=block.similarities)
        if self._by_rows:
            turned = self._turned[:, :rows]
            if self._bias_column is None:
                torch.mm(self.weight, x.t(), out=turned)
            else:
                torch.addmm(self._bias_column, self.weight, x.t(), out=turned)
            block.outputs.copy_(turned.t())
        elif self.bias is None:
            torch.mm(x, self._transposed, out=block.outputs)
        else:
            torch.addmm(self.bias, x, self._transposed, out=block.outputs)
        self._block, self._x, self._step = block, x, 0

    def forward(self, x: Tensor) -> Tensor:
        outputs, similarities, changes, self._own = self._block.steps[self._step]
        return outputs.addmm_(similarities, changes, alpha=self._scale) if self._step else outputs

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        if update.squares is not None:
            first_row = self._step * self._batch_size
            rows = slice(first_row, first_row + len(dy))
            # With its 1 for the bias, a similarity counts that one's gradient too.
            update.squares.append(square_of_product(dy, self._block.similarities[rows, rows]))
        scale = -update.rate * update.share
        if self._step == 0:
            self._scale = scale
        # All of a block's changes have one factor, left to the products with them; a rate of 0 gives no ratio.
        if scale == self._scale or not self._scale:
            self._own.copy_(dy)
        else:
            torch.mul(dy, scale / self._scale, out=self._own)
        self._step += 1
        if self._step == len(self._block.steps) and self._x is not None:
            self._end(self._x)
        return dy

    def _end(self, x: Tensor) -> None:
        """Put the changes of the steps so far into the matrix."""
        block = self._block
        if self._step < len(block.steps):
            block = self._room([len(outputs) for outputs, *_ in block.steps[: self._step]])
        self.weight.addmm_(block.changes_transposed, x[: len(block.changes)], alpha=self._scale)
        if self.bias is not None:
            self.bias.add_(block.changes.sum(0), alpha=self._scale)
        self._x = None
