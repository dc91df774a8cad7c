"""Training by a program: blocks of steps in one call each, without Python's lock, from float images to new weights."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lazytrain.engine.compute.fused.compiling import (
    CannotCompile,
    compile_apart,
    has_compiler,
    is_compiled,
    load_program,
)
from lazytrain.engine.compute.fused.program import Program, write_program
from lazytrain.engine.compute.fused.stack import NotServed
from lazytrain.engine.compute.whole_blocks import PathUnavailable
from lazytrain.engine.data.augmentation import seed_for
from lazytrain.engine.data.batches import Block
from lazytrain.presets.schema import Hyperparameters

BLOCK_OPERATIONS = 10**8
"""Multiplications of a block, about: some milliseconds, so that a pause is obeyed at once."""
BLOCK_IMAGES = 128
MOST_BATCH_IMAGES = 16
"""Of a batch: with more, torch's products of matrices are as fast, and more threads help them."""
WORTH_OPERATIONS = 10**11
"""Multiplications of a whole training from which on it is worth its compilation."""


class FusedPath:
    """Steps of a stack of layers as one compiled program."""

    name: ClassVar[str] = "fused"

    def __init__(self, net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> None:
        """Raises NotServed where the stack, or a setting, has no program."""
        self._values = values
        self._program = find_program(net, values, input_shape)
        self._parameters = [each.detach() for each in net.parameters()]
        self._states = [torch.zeros_like(each) for each in self._parameters for _ in self._program.states]
        self._arrays = [each.numpy() for each in self._parameters]
        self._count = 0
        self._seed = np.uint64(seed_for(values.seed, "dropout"))
        self._num_classes = [module for module in net.modules() if isinstance(module, nn.Linear)][-1].out_features
        operations = self._program.operations * values.batch_size
        most = min(BLOCK_OPERATIONS // operations, BLOCK_IMAGES // values.batch_size)
        self._block_steps = max(1, most)
        rows = self._block_steps * values.batch_size + 1
        self._logits = torch.empty(rows, self._num_classes)
        self._next: list[Tensor] = []
        self._steps: Any = None
        self._predict: Any = None

    @property
    def block_steps(self) -> int:
        return self._block_steps

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        try:
            module = load_program(self._program.text)
        except CannotCompile as error:
            raise PathUnavailable(str(error)) from error
        self._steps, self._predict = module.steps, module.predict

    def enter(self, block: Block, rates: Sequence[float]) -> None:
        sizes = [images.shape[0] for images, _ in block.batches]
        rows = block.images.shape[0]
        logits = self._logits[:rows]
        self._steps(
            block.images.view(rows, -1).numpy(),
            block.goals.numpy(),
            np.array(sizes, np.int64),
            np.array(rates, np.float32),
            logits.numpy(),
            self._seed,
            self._count,
            max(sizes),
            *self._arrays,
            *(each.numpy() for each in self._states),
        )
        self._count += len(sizes)
        self._next = list(reversed(logits.split(sizes)))

    def mode(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def goals(self, targets: Tensor) -> Tensor:
        return targets

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        # Computed when its block was entered.
        logits.copy_(self._next.pop())

    def watch(self) -> None:
        """Nothing: a block is one call, in which no gradient can be looked at."""

    def gradient_norm(self) -> Tensor | None:
        return None

    def evaluate(self, images: Tensor) -> Tensor:
        logits = torch.empty(images.shape[0], self._num_classes)
        self._predict(images.contiguous().view(images.shape[0], -1).numpy(), logits.numpy(), *self._arrays)
        return logits

    def state_dict(self) -> dict[str, Any]:
        return {"states": list(self._states), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for each, saved in zip(self._states, state["states"], strict=True):
            each.copy_(saved)
        self._count = state["count"]


def find_program(net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> Program:
    """The program for a net and its settings. Raises NotServed where there is none."""
    if values.precision != "float32" or values.channels_last or values.compile:
        raise NotServed("programs compute in float32, in torch's usual order")
    if any(each.device.type != "cpu" or each.dtype != torch.float32 for each in net.parameters()):
        raise NotServed("programs compute on the CPU")
    return write_program(net, values, input_shape)


def worthwhile_program(
    net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...], num_images: int
) -> Program | None:
    """The program that a training on `num_images` an epoch takes.

    None where it has none, where it is too short for one, and where its batches are large.
    """
    if values.batch_size > MOST_BATCH_IMAGES:
        return None
    try:
        program = find_program(net, values, input_shape)
    except NotServed:
        return None
    worth = program.operations * num_images * values.epochs >= WORTH_OPERATIONS
    return program if worth and has_compiler() else None


def compile_ahead(
    net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...], num_images: int, name: str | None = None
) -> Generator[float]:
    """Have another process compile what the training will want, by the rule or by the path's `name`; yields seconds.

    Raises:
        CannotCompile: that failed.
    """
    if name not in (None, FusedPath.name):
        return
    try:
        program = (
            find_program(net, values, input_shape)
            if name is not None
            else worthwhile_program(net, values, input_shape, num_images)
        )
    except NotServed:
        return  # who makes the path says so
    if program is not None and not is_compiled(program.text):
        yield from compile_apart(program.text)
