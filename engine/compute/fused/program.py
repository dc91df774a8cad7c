"""A net's program as the text of a module: its functions, a block of steps, and the forward pass of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import prod
from textwrap import indent

from torch import nn

from lazytrain.engine.compute.fused.loss import loss_gradient
from lazytrain.engine.compute.fused.planes import Plane
from lazytrain.engine.compute.fused.stack import flat_modules, make_stages
from lazytrain.engine.compute.fused.stages import Stage, text
from lazytrain.engine.compute.fused.updates import optimizer_of
from lazytrain.presets.schema import Hyperparameters

HEAD = '''"""Steps of a net, written by lazytrain and compiled by numba; not meant to be changed."""

import math

import numpy as np
from numba import njit

f32, u64 = np.float32, np.uint64
# Sums may be taken in another order, as vectors do; what is NaN or infinite stays so.
settings = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "error_model": "numpy", "nogil": True}
# Nobody but the program calls them.
compiled = njit(**settings, no_cpython_wrapper=True, no_cfunc_wrapper=True)
'''


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what it is called with."""

    text: str
    states: tuple[str, ...]
    """What the optimizer keeps of each parameter, each of its shape: a velocity, or two means."""
    operations: int
    """Multiplications with additions that an image's step takes, about."""


def write_program(net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> Program:
    """The program of a stack. Raises NotServed where there is none."""
    return _Writer(make_stages(flat_modules(net), input_shape), values, input_shape).write()


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

    def buffers(self, *, back: bool) -> Iterator[str]:
        """How it is made; the gradient too, if `back`."""
        owner = self.owner
        yield f"y{owner.number} = {_zeros(owner, owner.output, owner.kept)}"
        if back:
            yield f"d{owner.number} = {_zeros(owner, owner.gradient, self.crosses)}"
        if self.crosses:
            features = owner.output.features
            yield f"flat_y = y{owner.number}.reshape(most, {features})"
            if back:
                yield f"flat_d = d{owner.number}.reshape(most, {features})"


def _zeros(stage: Stage, plane: Plane, whole_batch: bool) -> str:
    if not stage.per_image:
        return f"np.zeros((most, {plane.size}), f32)"
    return f"np.zeros(({'most, ' if whole_batch else ''}{plane.channels}, {plane.size}), f32)"


class _Writer:
    def __init__(self, stages: Sequence[Stage], values: Hyperparameters, input_shape: tuple[int, ...]) -> None:
        self._stages, self._values = stages, values
        self._features = prod(input_shape)
        self._optimizer = optimizer_of(values)
        self._classes = stages[-1].output.features
        self._names = [f"{name}{stage.number}" for stage in stages for name in stage.shapes]
        self._memory: list[_Memory] = []
        for stage in stages:
            self._memory.append(self._memory[-1] if stage.in_place else _Memory(stage))
        for memory, (stage, after) in zip(self._memory, pairwise(stages), strict=False):
            memory.crosses |= stage.per_image and not after.per_image

    def write(self) -> Program:
        functions: dict[str, str] = {}
        for stage in self._stages:
            functions |= stage.functions(self._optimizer)
        functions["loss_gradient"] = loss_gradient(self._values, self._classes)
        types = [_array(len(shape)) for stage in self._stages for shape in stage.shapes.values()]
        parts = [
            HEAD,
            *(f"@compiled\n{each}\n" for each in functions.values()),
            self._steps(types),
            self._predict(types),
        ]
        return Program("\n\n".join(parts), self._optimizer.states, self._count_operations())

    # ── what the stages are called with ────────────────────────────────────────────────────────────────────

    def _values_of(self, index: int) -> tuple[str, str]:
        """Names of what a stage takes and of what it puts out."""
        if index == 0:
            taken = "images[row : row + size]"
        elif self._stages[index - 1].per_image != self._stages[index].per_image:
            taken = "flat_y"
        else:
            taken = self._memory[index - 1].y
        return taken, taken if self._stages[index].in_place else self._memory[index].y

    def _gradients_of(self, index: int) -> tuple[str, str]:
        """Names of the gradients for what a stage puts out and for what it takes."""
        if index == 0:
            owed = ""
        elif self._stages[index - 1].per_image != self._stages[index].per_image:
            owed = "flat_d"
        else:
            owed = self._memory[index - 1].d
        return owed if self._stages[index].in_place else self._memory[index].d, owed

    def _owed(self, index: int) -> bool:
        """Whether somebody wants the gradient for what this stage puts out."""
        return not self._stages[index].first or bool(self._stages[index].shapes)

    def _buffers(self, *, back: bool) -> Iterator[str]:
        for index, (stage, memory) in enumerate(zip(self._stages, self._memory, strict=True)):
            if not stage.in_place:
                yield from memory.buffers(back=back and self._owed(index))
            for name, made in stage.buffers().items():
                if back or stage.keeps_forward:
                    yield f"{name} = {made}"

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

    def _flats(self) -> Iterator[str]:
        """Parameters of four dimensions as rows of numbers."""
        for stage in self._stages:
            for name, shape in stage.shapes.items():
                if len(shape) > 2:
                    each = f"{name}{stage.number}"
                    yield f"flat_{each} = {each}.reshape({prod(shape)})"
                    for state in self._optimizer.states:
                        yield f"{state}_flat_{each} = {state}_{each}.reshape({prod(shape)})"

    def _steps(self, types: list[str]) -> str:
        states = [f"{state}_{name}" for name in self._names for state in self._optimizer.states]
        types = types + [each for each in types for _ in self._optimizer.states]
        return text(
            '''
            @njit(
                "void(f4[:, ::1], i8[::1], i8[::1], f4[::1], f4[:, ::1], u8, i8, i8, «types»)",
                cache=True,
                **settings,
            )
            def steps(images, targets, sizes, rates, logits, seed, count, most, «arguments»):
                """A block of steps: of «features» numbers an image in `images`, `sizes[step]` images a step."""
                «flats»
                «buffers»
                row = 0
                for step in range(len(sizes)):
                    size, rate = sizes[step], rates[step]
                    «before»
                    «forward»
                    for n in range(size):
                        for j in range(«classes»):
                            logits[row + n, j] = y«last»[n, j]
                    loss_gradient(y«last», targets[row : row + size], d«last», size)
                    «backward»
                    row += size
                    count += 1
            ''',
            types=", ".join(types),
            arguments=", ".join([*self._names, *states]),
            features=self._features,
            flats="\n".join(self._flats()),
            buffers="\n".join(self._buffers(back=True)),
            before="\n".join(self._optimizer.before),
            forward=self._forward(),
            classes=self._classes,
            last=self._stages[-1].number,
            backward=self._backward(),
        )

    def _predict(self, types: list[str]) -> str:
        return text(
            '''
            @njit("void(f4[:, ::1], f4[:, ::1], «types»)", cache=True, **settings)
            def predict(images, logits, «arguments»):
                """The logits of some images, by the net as it is evaluated."""
                row, size, most = 0, len(images), len(images)
                «buffers»
                «forward»
                for n in range(size):
                    for j in range(«classes»):
                        logits[n, j] = y«last»[n, j]
            ''',
            types=", ".join(types),
            arguments=", ".join(self._names),
            buffers="\n".join(self._buffers(back=False)),
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


def _array(dimensions: int) -> str:
    return f"f4[{', '.join([':'] * (dimensions - 1) + ['::1'])}]"
