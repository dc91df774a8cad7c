"""A net's program as the text of a module: its functions, a block of steps, and the forward pass of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import prod
from textwrap import indent

from torch import nn

from lazytrain.engine.compute.fused.loss import loss_gradient
from lazytrain.engine.compute.fused.planes import WIDE, Plane, Registers
from lazytrain.engine.compute.fused.stack import flat_modules, make_stages
from lazytrain.engine.compute.fused.stages import Array, Stage, text
from lazytrain.engine.compute.fused.updates import Optimizer, optimizer_of
from lazytrain.presets.schema import Hyperparameters

HEAD = '''"""Steps of a net, written by lazytrain and compiled by LLVM; not meant to be changed."""

from __future__ import annotations

import math

import numpy as np

f32, u64 = np.float32, np.uint64
'''


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what it is called with."""

    text: str
    optimizer: Optimizer
    buffers: dict[str, Array]
    """What `steps` works in, zeros before its first call, in the order of its parameters."""
    predict_buffers: dict[str, Array]
    """The same of `predict`."""
    operations: int
    """Multiplications with additions that an image's step takes, about."""


def write_program(
    net: nn.Module,
    values: Hyperparameters,
    input_shape: tuple[int, ...],
    *,
    as_bytes: bool = False,
    registers: Registers = WIDE,
) -> Program:
    """The program of a stack, trained on float images or on uint8 ones. Raises NotServed where there is none."""
    stages = make_stages(flat_modules(net), input_shape, as_bytes=as_bytes, registers=registers)
    return _Writer(stages, values, input_shape, "u8" if as_bytes else "f32").write()


@dataclass(slots=True)
class _Memory:
    """Where a stage's output stands, and the gradient for it; those that overwrite each other share one."""

    owner: Stage
    """The one that the others overwrite."""
    crosses: bool = False
    """Whether it goes from one image at a time to a batch: `flat_y` and `flat_d` are the same numbers as vectors."""

    @property
    def y(self) -> str:
        return f"y{self.owner.number}" + ("[n]" if self.owner.per_image and self.owner.kept else "")

    @property
    def d(self) -> str:
        return f"d{self.owner.number}" + ("[n]" if self.owner.per_image and self.crosses else "")

    def buffers(self, *, back: bool) -> dict[str, Array]:
        """What it is made of; the gradient too, if `back`."""
        owner = self.owner
        made = {f"y{owner.number}": _array(owner, owner.output, owner.kept)}
        if back:
            made[f"d{owner.number}"] = _array(owner, owner.gradient, self.crosses)
        return made

    def flats(self, *, back: bool) -> Iterator[str]:
        """Where it goes from images to a batch: the same numbers as vectors."""
        if self.crosses:
            number, features = self.owner.number, self.owner.output.features
            yield f"flat_y = y{number}.reshape(most, {features})"
            if back:
                yield f"flat_d = d{number}.reshape(most, {features})"


def _array(stage: Stage, plane: Plane, whole_batch: bool) -> Array:
    if not stage.per_image:
        return Array((0, plane.size))
    return Array((*((0,) if whole_batch else ()), plane.channels, plane.size))


class _Writer:
    def __init__(
        self, stages: Sequence[Stage], values: Hyperparameters, input_shape: tuple[int, ...], number: str
    ) -> None:
        self._number = number
        self._stages, self._settings = stages, values
        self._features = prod(input_shape)
        self._optimizer = optimizer_of(values)
        self._classes = stages[-1].output.features
        self._memory: list[_Memory] = []
        for stage in stages:
            self._memory.append(self._memory[-1] if stage.in_place else _Memory(stage))
        for memory, (stage, after) in zip(self._memory, pairwise(stages), strict=False):
            memory.crosses |= stage.per_image and not after.per_image

    def write(self) -> Program:
        functions: dict[str, str] = {}
        for stage in self._stages:
            functions |= stage.functions(self._optimizer)
        functions["loss_gradient"] = loss_gradient(self._settings, self._classes)
        parts = [HEAD, *functions.values(), self._steps(), self._predict(), ""]
        return Program(
            text="\n\n\n".join(parts),
            optimizer=self._optimizer,
            buffers=self._buffers(back=True),
            predict_buffers=self._buffers(back=False),
            operations=self._count_operations(),
        )

    # ── what the stages are called with ────────────────────────────────────────────────────────────────────

    def _values_of(self, index: int) -> tuple[str, str]:
        """Names of what a stage takes and of what it puts out."""
        taken = "images[row:]" if index == 0 else self._values(index - 1, self._stages[index].per_image)
        return taken, taken if self._stages[index].in_place else self._values(index, self._stages[index].per_image)

    def _values(self, index: int, per_image: bool) -> str:
        """What a stage puts out, for one image or for a batch."""
        memory = self._memory[index]
        return "flat_y" if memory.owner.per_image and not per_image else memory.y

    def _gradients_of(self, index: int) -> tuple[str, str]:
        """Names of the gradients for what a stage puts out and for what it takes."""
        owed = "" if index == 0 else self._gradient(index - 1, self._stages[index].per_image)
        return owed if self._stages[index].in_place else self._gradient(index, self._stages[index].per_image), owed

    def _gradient(self, index: int, per_image: bool) -> str:
        memory = self._memory[index]
        return "flat_d" if memory.owner.per_image and not per_image else memory.d

    def _owed(self, index: int) -> bool:
        """Whether somebody wants the gradient for what this stage puts out."""
        return not self._stages[index].first or bool(self._stages[index].shapes)

    def _buffers(self, *, back: bool) -> dict[str, Array]:
        made: dict[str, Array] = {}
        for index, (stage, memory) in enumerate(zip(self._stages, self._memory, strict=True)):
            if not stage.in_place:
                made |= memory.buffers(back=back and self._owed(index))
            if back or stage.keeps_forward:
                made |= stage.buffers()
        return made

    def _flats(self, *, back: bool) -> str:
        made: list[str] = []
        for index, (stage, memory) in enumerate(zip(self._stages, self._memory, strict=True)):
            if not stage.in_place:
                made += memory.flats(back=back and self._owed(index))
        return "\n".join(made)

    # ── steps ──────────────────────────────────────────────────────────────────────────────────────────────

    def _walk(self, order: Sequence[int], line_of: Callable[[int], str]) -> str:
        """The stages' lines, those of planes in a loop over the images."""
        said: list[str] = []
        for per_image, group in groupby(order, lambda index: self._stages[index].per_image):
            lines = "\n".join(line for index in group if (line := line_of(index)))
            if lines:
                said.append("for n in range(size):\n" + indent(lines, "    ") if per_image else lines)
        return "\n".join(said)

    def _forward(self, *, evaluating: bool = False) -> str:
        def line_of(index: int) -> str:
            stage = self._stages[index]
            return (stage.evaluate if evaluating else stage.forward)(*self._values_of(index))

        return self._walk(range(len(self._stages)), line_of)

    def _backward(self) -> str:
        def line_of(index: int) -> str:
            stage = self._stages[index]
            if not self._owed(index):
                return ""
            return stage.backward(*self._values_of(index), *self._gradients_of(index), self._optimizer)

        ends = [end for stage in self._stages if (end := stage.end(self._optimizer))]
        return "\n".join([self._walk(range(len(self._stages) - 1, -1, -1), line_of), *ends])

    def _parameters(self, *, back: bool) -> str:
        """Buffers, weights and, if `back`, their states, each with its type."""
        weights = {
            f"{name}{stage.number}": Array(shape) for stage in self._stages for name, shape in stage.shapes.items()
        }
        states = {f"{state}_{name}": each for name, each in weights.items() for state in self._optimizer.states}
        arrays = self._buffers(back=back) | weights | (states if back else {})
        return ", ".join(f"{name}: {each.type}" for name, each in arrays.items())

    def _steps(self) -> str:
        taken = [f"{name} = scalars[step, {index}]" for index, name in enumerate(self._optimizer.scalars)]
        return text(
            '''
            def steps(
                images: «number»[:, «features»], targets: i64[:], sizes: i64[:], scalars: f32[:, «taken_count»],
                logits: f32[:, «classes»], seed: u64, count: i64, num_steps: i64, most: i64,
                «parameters»
            ):
                """A block of steps: `sizes[step]` images a step, at most `most`; `count` were done before."""
                «flats»
                row = 0
                for step in range(num_steps):
                    size = sizes[step]
                    «taken»
                    «forward»
                    for n in range(size):
                        for j in range(«classes»):
                            logits[row + n, j] = y«last»[n, j]
                    loss_gradient(y«last», targets[row:], d«last», size)
                    «backward»
                    row += size
                    count += 1
            ''',
            parameters=self._parameters(back=True),
            number=self._number,
            features=self._features,
            flats=self._flats(back=True),
            taken="\n".join(taken),
            taken_count=len(taken),
            forward=self._forward(),
            classes=self._classes,
            last=self._stages[-1].number,
            backward=self._backward(),
        )

    def _predict(self) -> str:
        return text(
            '''
            def predict(
                images: f32[:, «features»], logits: f32[:, «classes»], total: i64, most: i64,
                «parameters»
            ):
                """The logits of `total` images, `most` at a time, by the net as it is evaluated."""
                «flats»
                for row in range(0, total, most):
                    size = most if row + most < total else total - row
                    «forward»
                    for n in range(size):
                        for j in range(«classes»):
                            logits[row + n, j] = y«last»[n, j]
            ''',
            parameters=self._parameters(back=False),
            features=self._features,
            flats=self._flats(back=False),
            forward=self._forward(evaluating=True),
            classes=self._classes,
            last=self._stages[-1].number,
        )

    def _count_operations(self) -> int:
        count = 0
        for stage in self._stages:
            places = stage.output.height * stage.output.width if stage.per_image else 1
            count += prod(stage.shapes.get("w", (0,))) * places * (2 if stage.first else 3)
        return count
