"""A net's program as the text of a module: its functions, a block of steps, and the forward pass of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from textwrap import indent

from torch import nn

from lazytrain.engine.compute.fused.loss import loss_gradient
from lazytrain.engine.compute.fused.on_vectors import Linear
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
compiled = njit(fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy", nogil=True)
'''


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what it is called with."""

    text: str
    parameters: tuple[str, ...]
    """Names of the arguments that are the net's parameters, in the order of `net.parameters()`."""
    states: tuple[str, ...]
    """For each parameter these, each of its shape: a velocity, or two means."""
    operations: int
    """Multiplications with additions that an image's step takes, about."""


def write_program(net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...]) -> Program:
    """The program of a stack. Raises NotServed where there is none."""
    return _Writer(make_stages(flat_modules(net), input_shape), values, input_shape).write()


class _Writer:
    def __init__(self, stages: Sequence[Stage], values: Hyperparameters, input_shape: tuple[int, ...]) -> None:
        self._stages, self._values = stages, values
        self._features = prod(input_shape)
        self._optimizer = optimizer_of(values)
        self._classes = stages[-1].output.features
        self._names = [f"{name}{stage.number}" for stage in stages for name in stage.shapes]

    def write(self) -> Program:
        functions: dict[str, str] = {}
        for stage in self._stages:
            functions |= stage.functions(self._optimizer)
        functions["loss_gradient"] = loss_gradient(self._values, self._classes)
        arguments = [name for name in self._names]
        arguments += [f"{state}_{name}" for name in self._names for state in self._optimizer.states]
        types = [_array(len(shape)) for stage in self._stages for shape in stage.shapes.values()]
        types += [each for each in types for _ in self._optimizer.states]
        parts = [HEAD, *(f"@compiled\n{each}\n" for each in functions.values())]
        parts += [self._steps(arguments, types), self._predict(types)]
        return Program("\n\n".join(parts), tuple(self._names), self._optimizer.states, self._count_operations())

    # ── memory ─────────────────────────────────────────────────────────────────────────────────────────────

    def _y(self, index: int, image: str = "n") -> str:
        """What stage `index` puts out; of -1, the images."""
        if index < 0:
            return "x0"
        stage = self._stages[index]
        if stage.in_place:
            return self._y(index - 1, image)
        after = self._stages[index + 1] if index + 1 < len(self._stages) else None
        name = f"y{stage.number}"
        if stage.per_image:
            return f"{name}[{image}]" if stage.kept else name
        _ = after
        return name

    def _d(self, index: int) -> str:
        """The gradient for what stage `index` puts out."""
        stage = self._stages[index]
        if stage.in_place:
            return self._d(index - 1)
        crosses = index + 1 < len(self._stages) and self._stages[index + 1].per_image != stage.per_image
        name = f"d{stage.number}"
        return f"{name}[n]" if stage.per_image and crosses else name

    def _crosses(self, index: int) -> bool:
        """Whether what stage `index` puts out goes from one image at a time to a batch."""
        stages = self._stages
        return stages[index].per_image and index + 1 < len(stages) and not stages[index + 1].per_image

    def _buffers(self, *, back: bool) -> Iterator[str]:
        for index, stage in enumerate(self._stages):
            plane, gradient, crosses = stage.output, stage.gradient, self._crosses_in_place(index)
            if not stage.in_place:
                y = f"y{stage.number}"
                if not stage.per_image:
                    yield f"{y} = np.zeros((most, {plane.size}), f32)"
                elif stage.kept:
                    yield f"{y} = np.zeros((most, {plane.channels}, {plane.size}), f32)"
                else:
                    yield f"{y} = np.zeros(({plane.channels}, {plane.size}), f32)"
                if back and not self._owes_nothing(index):
                    d = f"d{stage.number}"
                    if not stage.per_image:
                        yield f"{d} = np.zeros((most, {gradient.size}), f32)"
                    elif crosses:
                        yield f"{d} = np.zeros((most, {gradient.channels}, {gradient.size}), f32)"
                    else:
                        yield f"{d} = np.zeros(({gradient.channels}, {gradient.size}), f32)"
            if self._crosses(index):
                base = self._base(index)
                yield f"flat_y = y{base}.reshape(most, {plane.features})"
                if back and not self._owes_nothing(index):
                    yield f"flat_d = d{base}.reshape(most, {plane.features})"
            for name, made in stage.buffers().items():
                if back or name.startswith("a"):
                    yield f"{name} = {made}"

    def _base(self, index: int) -> int:
        while self._stages[index].in_place:
            index -= 1
        return self._stages[index].number

    def _crosses_in_place(self, index: int) -> bool:
        """Whether this one's memory is what crosses, itself or under the name of one that overwrites it."""
        while not self._crosses(index):
            index += 1
            if index >= len(self._stages) or not self._stages[index].in_place:
                return False
        return True

    def _owes_nothing(self, index: int) -> bool:
        """Whether nobody wants the gradient for what this stage puts out."""
        stage = self._stages[index]
        return stage.first and not stage.shapes

    # ── steps ──────────────────────────────────────────────────────────────────────────────────────────────

    def _in_and_out(self, index: int) -> tuple[str, str]:
        if index == 0:
            source = "images[row : row + size]"
        elif self._crosses(index - 1):
            source = "flat_y"
        else:
            source = self._y(index - 1)
        stage = self._stages[index]
        own = source if stage.in_place else self._y(index)
        return source, own

    def _gradients(self, index: int) -> tuple[str, str]:
        """Those for what a stage puts out, and for what it takes."""
        mine = self._gradient_name(index)
        if index == 0:
            return mine, ""
        if self._crosses(index - 1):
            return (mine, "flat_d")
        return mine, self._gradient_name(index - 1)

    def _gradient_name(self, index: int) -> str:
        stage = self._stages[index]
        if stage.in_place:
            return (
                self._gradients(index)[1]
                if index == 0
                else ("flat_d" if self._crosses(index - 1) else self._gradient_name(index - 1))
            )
        name = f"d{stage.number}"
        return f"{name}[n]" if stage.per_image and self._crosses_in_place(index) else name

    def _forward(self, *, evaluating: bool = False) -> str:
        lines: list[str] = []
        for per_image, group in groupby(range(len(self._stages)), lambda index: self._stages[index].per_image):
            made: list[str] = []
            for index in group:
                stage = self._stages[index]
                x, y = self._in_and_out(index)
                made.append(stage.evaluate(x, y) if evaluating else stage.forward(x, y))
            said = "\n".join(made)
            lines.append("for n in range(size):\n" + indent(said, "    ") if per_image else said)
        return "\n".join(lines)

    def _backward(self) -> str:
        lines: list[str] = []
        ends: list[str] = []
        order = reversed(range(len(self._stages)))
        for per_image, group in groupby(order, lambda index: self._stages[index].per_image):
            made: list[str] = []
            for index in group:
                stage = self._stages[index]
                x, y = self._in_and_out(index)
                dy, dx = self._gradients(index)
                if isinstance(stage, Linear):
                    line = stage.backward(x, y, dy, dx, self._optimizer)
                elif self._owes_nothing(index):
                    line = ""
                else:
                    line = stage.backward(x, y, dy, dx)
                if line:
                    made.append(line)
                if end := stage.end(self._optimizer):
                    ends.append(end)
            if made:
                said = "\n".join(made)
                lines.append("for n in range(size):\n" + indent(said, "    ") if per_image else said)
        return "\n".join([*lines, *ends])

    def _flats(self) -> Iterator[str]:
        """Parameters of four dimensions as rows of numbers."""
        for stage in self._stages:
            for name, shape in stage.shapes.items():
                if len(shape) > 2:
                    each = f"{name}{stage.number}"
                    yield f"flat_{each} = {each}.reshape({prod(shape)})"
                    for state in self._optimizer.states:
                        yield f"{state}_flat_{each} = {state}_{each}.reshape({prod(shape)})"

    def _steps(self, arguments: list[str], types: list[str]) -> str:
        last = self._stages[-1].number
        signature = ", ".join(["f4[:, ::1]", "i8[::1]", "i8[::1]", "f4[::1]", "f4[:, ::1]", "u8", "i8", "i8", *types])
        before = "\n".join(self._optimizer.before)
        return text(
            '''
            @njit("void(«signature»)", fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy", nogil=True, cache=True)
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
            signature=signature,
            arguments=", ".join(arguments),
            features=self._features,
            flats="\n".join(self._flats()),
            buffers="\n".join(self._buffers(back=True)),
            before=before,
            forward=self._forward(),
            classes=self._classes,
            last=last,
            backward=self._backward(),
        )

    def _predict(self, types: list[str]) -> str:
        count = len(self._names)
        signature = ", ".join(["f4[:, ::1]", "f4[:, ::1]", *types[:count]])
        return text(
            '''
            @njit("void(«signature»)", fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy", nogil=True, cache=True)
            def predict(images, logits, «arguments»):
                """The logits of some images, by the net as it is evaluated."""
                row, size, most = 0, len(images), len(images)
                «buffers»
                «forward»
                for n in range(size):
                    for j in range(«classes»):
                        logits[n, j] = y«last»[n, j]
            ''',
            classes=self._classes,
            signature=signature,
            arguments=", ".join(self._names),
            buffers="\n".join(self._buffers(back=False)),
            forward=self._forward(evaluating=True),
            last=self._stages[-1].number,
        )

    def _count_operations(self) -> int:
        count = 0
        for stage in self._stages:
            weights = prod(stage.shapes.get("w", (0,)))
            places = stage.output.height * stage.output.width if stage.per_image else 1
            count += weights * places * (2 if stage.first else 3)
        return count


def _array(dimensions: int) -> str:
    return f"f4[{', '.join([':'] * (dimensions - 1) + ['::1'])}]"
