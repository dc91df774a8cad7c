"""Blocks of steps computed in one call: recorded once as a CUDA graph, or compiled.

At batch 4 a GPU is done with a kernel before the next one is launched; replayed from a graph, a block's kernels follow
each other without the host. Both ways work on buffers of their own, into which a block's images, goals and learning
rates are copied, so that schedules go on. Blocks that are not whole (at an epoch's end) go step by step, through the
same layers. Nothing of the net may be saved or looked at between two steps of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.backward import TensorRateUpdate, Update
from lazytrain.engine.compute.derived import DerivedPath
from lazytrain.engine.compute.device import is_not_deterministic, is_out_of_memory
from lazytrain.engine.data.batches import Block
from lazytrain.engine.errors import DeviceError, first_line
from lazytrain.presets.schema import Hyperparameters

MOST_GRAPH_IMAGES = 1_024
MOST_GRAPH_STEPS = 32
"""A graph has as many steps as these allow: milliseconds, so that a pause is obeyed at once."""
COMPILED_STEPS = 8
"""Unrolled into one function: more take longer to compile than they save."""

Call = Callable[[], None]
P = ParamSpec("P")
R = TypeVar("R")


class PathUnavailable(RuntimeError):
    """This way of computing steps doesn't work here; the message says why."""


class WholeBlocks(DerivedPath):
    """`DerivedPath` in blocks of `num_steps`, each one call of what `_record` makes of its steps."""

    def __init__(self, net: nn.Module, values: Hyperparameters, num_steps: int) -> None:
        super().__init__(net, values)
        self._num_steps = num_steps
        self._device = next(net.parameters()).device
        self._dtype = next(net.parameters()).dtype
        self._minus_rates = torch.zeros(num_steps, device=self._device, dtype=self._dtype)
        self._rates: list[float] = []
        """What `_minus_rates` holds."""
        self._call: Call | None = None

    @property
    def block_steps(self) -> int:
        return self._num_steps

    def _record(self, steps: Call) -> Call:
        """What computes all that `steps` does, from the same buffers, when it is called."""
        raise NotImplementedError

    def _make_update(self, values: Hyperparameters, parameters: list[Tensor]) -> Update:
        return TensorRateUpdate(values, parameters)

    def _make_buffers(self, images: Tensor, goals: Tensor) -> None:
        size = self._values.batch_size
        self._images, self._goals = torch.empty_like(images), torch.empty_like(goals)
        self._logits = torch.empty(len(images), self._num_classes, device=self._device, dtype=self._dtype)
        self._parts = list(
            zip(
                self._images.split(size),
                self._goals.split(size),
                self._logits.split(size),
                self._minus_rates.split(1),
                strict=True,
            )
        )

    def _all_steps(self) -> None:
        for images, goals, logits, minus_rate in self._parts:
            self._step_at(minus_rate, images, goals, logits)

    def _step_at(self, minus_rate: Tensor, images: Tensor, goals: Tensor, logits: Tensor) -> None:
        update = self._update
        assert isinstance(update, TensorRateUpdate)  # made above
        update.minus_rate = minus_rate
        self._train(images, goals, logits)

    def _fill(self, images: Tensor, goals: Tensor, rates: Sequence[float]) -> None:
        self._images.copy_(images)
        self._goals.copy_(goals)
        if self._rates != rates:
            self._rates = list(rates)
            self._minus_rates.copy_(torch.tensor(rates, dtype=self._dtype).neg_(), non_blocking=True)

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor | None:
        whole = len(block.images) == self._num_steps * self._values.batch_size
        if not whole or len(rates) != self._num_steps:
            return None
        if self._call is None:
            self._make_buffers(block.images, block.goals)
            self._call = self._record(self._all_steps)
        self._fill(block.images, block.goals, rates)
        self._call()
        return self._logits

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        minus_rate = torch.full((1,), -learning_rate, device=self._device, dtype=self._dtype)
        self._step_at(minus_rate, images, goals, logits)

    def watch(self) -> None:
        """Nothing: a block is one call, in which no gradient can be looked at."""


class CompiledPath(WholeBlocks):
    """Blocks as one function that torch's compiler makes of them. It takes a minute before the first step."""

    name: ClassVar[str] = "compiled"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        super().__init__(net, values, COMPILED_STEPS)

    def _record(self, steps: Call) -> Call:
        return compiled(steps, whole=True)


class GraphedPath(WholeBlocks):
    """Blocks as CUDA graphs."""

    name: ClassVar[str] = "graphed"

    def __init__(self, net: nn.Module, values: Hyperparameters) -> None:
        super().__init__(net, values, max(1, min(MOST_GRAPH_STEPS, MOST_GRAPH_IMAGES // values.batch_size)))

    def _record(self, steps: Call) -> Call:
        """Capture `steps`; nothing is computed by that, but by the warm-up that CUDA wants before."""
        state = self._state()
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(2):
                    steps()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the device meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                steps()
        self._set_state(state)
        return graph.replay

    def _state(self) -> list[Tensor]:
        return [each.clone() for each in self._changing]

    def _set_state(self, state: list[Tensor]) -> None:
        for each, saved in zip(self._changing, state, strict=True):
            each.copy_(saved)

    @property
    def _changing(self) -> list[Tensor]:
        """What a step changes: the parameters, and their velocities."""
        return [each for layer in self._layers for each in layer.parameters] + list(self._update.velocities.values())

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        """Capture a block and compare what it does with the same steps one by one; the net stays as it is.

        Raises:
            PathUnavailable: it can't be captured here, or does something else.
        """
        count, state = self._num_steps * self._values.batch_size, self._state()
        generator = torch.Generator().manual_seed(0)
        images = torch.rand(count, *input_shape, generator=generator).to(self._device, self._dtype)
        goals = self.goals(torch.arange(count, device=self._device) % self._num_classes).to(self._dtype)
        try:
            with self.mode():
                self._make_buffers(images, goals)
                self._fill(images, goals, [min(self._values.learning_rate, 0.01)] * self._num_steps)
                self._all_steps()
                expected = self._state()
                self._set_state(state)
                self._call = self._record(self._all_steps)
                self._call()
                agree = all(
                    torch.allclose(one, other, rtol=1e-3, atol=1e-4)
                    for one, other in zip(self._state(), expected, strict=True)
                )
        except RuntimeError as error:
            if is_not_deterministic(error) or is_out_of_memory(error):
                raise
            raise PathUnavailable(f"CUDA graphs can't be captured here: {first_line(error)}") from error
        finally:
            self._set_state(state)
        if not agree:
            raise PathUnavailable("CUDA graphs compute something else here than the same steps one by one")


def compiled(function: Callable[P, R], *, whole: bool = False) -> Callable[P, R]:
    """`function` by torch's compiler, which starts at its first call.

    That call raises DeviceError where it can't be compiled; with `whole`, where any of it can't.
    """
    call = torch.compile(function, fullgraph=whole, dynamic=False)
    works = False

    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal works
        if works:
            return call(*args, **kwargs)
        try:
            result = call(*args, **kwargs)
        except Exception as error:  # the compiler's errors have no class in common but this
            text = f"compile = true, but torch can't compile this here: {first_line(error)}. Set compile = false"
            raise DeviceError(text) from error
        works = True
        return result

    return guarded
