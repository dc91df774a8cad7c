"""Training by a program: blocks of steps in one call each, without Python's lock, from float images to new weights."""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lazytrain.engine.compute.fused.compiling import (
    CannotCompile,
    Loaded,
    compile_aside,
    has_compiler,
    is_compiled,
    load_program,
    registers,
)
from lazytrain.engine.compute.fused.program import Program, write_program
from lazytrain.engine.compute.fused.stack import NotServed
from lazytrain.engine.compute.fused.stages import Array
from lazytrain.engine.compute.fused.updates import gradient_of, scalars_of
from lazytrain.engine.compute.metrics import total_norm
from lazytrain.engine.compute.whole_blocks import PathUnavailable
from lazytrain.engine.data.augmentation import seed_for
from lazytrain.engine.data.batches import Block
from lazytrain.presets.schema import Hyperparameters

BLOCK_OPERATIONS = 10**8
"""Multiplications of a block, about: some milliseconds, so that a pause is obeyed at once."""
BLOCK_IMAGES = 512
PREDICTED_IMAGES = 32
"""Evaluated at once: more would leave the processor's cache."""
MOST_BATCH_IMAGES = 256
MOST_BATCH_IMAGES_OF_THREADS = 16
"""The same where more threads than one are asked for: torch's products of matrices can use them, programs can't."""
WORTH_OPERATIONS = 5 * 10**9
"""Multiplications of a whole training from which on it is worth its compilation."""


class FusedPath:
    """Steps of a stack of layers as one compiled program."""

    name: ClassVar[str] = "fused"

    def __init__(self, net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> None:
        """Raises NotServed where the stack, or a setting, has no program."""
        self._values = values
        self._program = find_program(net, values, input_shape)
        for each in net.parameters():
            each.data = each.data.contiguous()  # the derived path may have stored it by columns
        self._parameters = [each.detach() for each in net.parameters()]
        self._states = [torch.zeros_like(each) for each in self._parameters for _ in self._program.optimizer.states]
        self._count = 0
        self._seed = seed_for(values.seed, "dropout")
        self._num_classes = [module for module in net.modules() if isinstance(module, nn.Linear)][-1].out_features
        operations = self._program.operations * values.batch_size
        most = min(BLOCK_OPERATIONS // operations, BLOCK_IMAGES // values.batch_size)
        self._block_steps = max(1, most)
        self._most = values.batch_size + 1  # a last batch of one image joins the batch before it
        self._buffers = _room(self._program.buffers.values(), self._most)
        self._predict_buffers = _room(self._program.predict_buffers.values(), PREDICTED_IMAGES)
        self._gradient_norm: Tensor | None = None
        self._loaded: Loaded | None = None

    @property
    def block_steps(self) -> int:
        return self._block_steps

    @property
    def takes_bytes(self) -> bool:
        return not self._values.augmentation.active

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        try:
            self._loaded = load_program(self._program.text)
        except CannotCompile as error:
            raise PathUnavailable(str(error)) from error

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor:
        logits = torch.empty(block.images.shape[0], self._num_classes)
        scalars = [scalars_of(self._program.optimizer, rate, self._count + index) for index, rate in enumerate(rates)]
        sizes = [images.shape[0] for images, _ in block.batches]
        if watched is not None:
            before = sum(sizes[:watched])
            self._steps(block, 0, sizes[:watched], scalars[:watched], logits)
            self._gradient_norm = self._look(block, before, sizes[watched], logits)
            sizes, scalars = sizes[watched:], scalars[watched:]
        else:
            before = 0
        self._steps(block, before, sizes, scalars, logits)
        return logits

    def _steps(
        self, block: Block, first: int, sizes: list[int], scalars: list[tuple[float, ...]], logits: Tensor
    ) -> None:
        """Steps of `sizes` images each, from the block's image `first` on."""
        self._run(block, first, sizes, scalars, logits, [*self._parameters, *self._states])
        self._count += len(sizes)

    def _look(self, block: Block, first: int, size: int, logits: Tensor) -> Tensor:
        """The norm of the gradient for some images: what a step of rate 1 makes of copies that have no past."""
        weights = [each.clone() for each in self._parameters]
        states = [torch.zeros_like(each) for each in self._states]
        optimizer = self._program.optimizer
        self._run(block, first, [size], [scalars_of(optimizer, 1.0, 0)], logits, [*weights, *states])
        count = len(optimizer.states)
        return total_norm(
            [
                gradient_of(self._values, weight, after, states[index * count] if count else None)
                for index, (weight, after) in enumerate(zip(self._parameters, weights, strict=True))
            ]
        )

    def _run(
        self,
        block: Block,
        first: int,
        sizes: list[int],
        scalars: list[tuple[float, ...]],
        logits: Tensor,
        arrays: Sequence[Tensor],
    ) -> None:
        taken, each_size = np.array(scalars, np.float32), np.array(sizes, np.int64)
        self._call(
            "steps",
            [block.images[first:], block.goals[first:], each_size, taken, logits[first:]],
            [self._seed, self._count, len(sizes), self._most],
            [*self._buffers, *arrays],
        )

    def _call(self, name: str, given: Sequence[Any], numbers: Sequence[int], arrays: Sequence[Tensor]) -> None:
        if self._loaded is None:
            raise RuntimeError("prepare comes first")
        addresses = [each.ctypes.data if isinstance(each, np.ndarray) else each.data_ptr() for each in given]
        self._loaded.functions[name](
            *map(ctypes.c_void_p, addresses),
            *map(ctypes.c_uint64, numbers),
            *(ctypes.c_void_p(each.data_ptr()) for each in arrays),
        )

    def mode(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def goals(self, targets: Tensor) -> Tensor:
        return targets

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        raise RuntimeError("a block is one call")

    def watch(self) -> None:
        """Nothing: the step is named where its block is entered."""

    def gradient_norm(self) -> Tensor | None:
        return self._gradient_norm

    def evaluate(self, images: Tensor) -> Tensor:
        images = images.contiguous()
        logits = torch.empty(images.shape[0], self._num_classes)
        numbers = [images.shape[0], PREDICTED_IMAGES]
        self._call("predict", [images, logits], numbers, [*self._predict_buffers, *self._parameters])
        return logits

    def state_dict(self) -> dict[str, Any]:
        return {"states": list(self._states), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for each, saved in zip(self._states, state["states"], strict=True):
            each.copy_(saved)
        self._count = state["count"]


def _room(arrays: Iterable[Array], most: int) -> list[Tensor]:
    """What a program works in, for so many images."""
    kinds = {"f32": torch.float32, "i32": torch.int32}
    return [torch.zeros([size or most for size in each.shape], dtype=kinds[each.number]) for each in arrays]


def find_program(net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> Program:
    """The program for a net and its settings. Raises NotServed where there is none."""
    if values.precision != "float32" or values.channels_last or values.compile:
        raise NotServed("programs compute in float32, in torch's usual order")
    if any(each.device.type != "cpu" or each.dtype != torch.float32 for each in net.parameters()):
        raise NotServed("programs compute on the CPU")
    return write_program(net, values, input_shape, as_bytes=not values.augmentation.active, registers=registers())


def worthwhile_program(
    net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...], num_images: int
) -> Program | None:
    """The program that a training on `num_images` an epoch takes.

    None where it has none, where it is too short for one, and where its batches are large.
    """
    if values.batch_size > (MOST_BATCH_IMAGES if values.threads == 1 else MOST_BATCH_IMAGES_OF_THREADS):
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
    """Have another thread compile what the training will want, by the rule or by the path's `name`; yields seconds.

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
        yield from compile_aside(program.text)
