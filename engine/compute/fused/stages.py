"""What a program is made of: a stage a layer, each with its functions and the lines that call them.

Stages of planes work on one image after another, which stays in the processor's cache; stages of vectors on a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import dedent, indent

from lazytrain.engine.compute.fused.planes import WIDE, Plane, Registers
from lazytrain.engine.compute.fused.updates import Optimizer


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers that lie row by row; a shape that begins with 0 has one row for each image of a batch."""

    shape: tuple[int, ...]
    number: str = "f32"

    @property
    def type(self) -> str:
        """In a program's text."""
        return f"{self.number}[{', '.join(str(size) if size else ':' for size in self.shape)}]"


@dataclass(slots=True, kw_only=True)
class Stage:
    """One layer of the program. `number` counts from 1; 0 are the images.

    `y{number}` is its output, `d{number}` the loss's gradient for it: of a stage of planes both are of one image at a
    time, unless `kept`, and of a stage of vectors of the whole batch.
    """

    number: int
    output: Plane
    gradient: Plane
    """How the gradient for the output lies."""
    per_image: bool = False
    registers: Registers = WIDE
    in_place: bool = False
    """Whether its output overwrites its input."""
    kept: bool = False
    """Whether its output is looked at on the way back."""
    first: bool = False
    """Whether nobody before it wants a gradient."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Its parameters: name in the program → shape."""
    needs_input = False
    """Whether it looks at its input on the way back."""
    needs_output = False
    keeps_forward = False
    """Whether it has buffers that its way there fills."""

    @property
    def name(self) -> str:
        return f"{self.number}"

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        """The text of each function that its lines call, by name; stages alike share them."""
        return {}

    def buffers(self) -> dict[str, Array]:
        """What it keeps beside its output, zeros at first."""
        return {}

    def forward(self, x: str, y: str) -> str:
        """From `x` to `y`."""
        raise NotImplementedError

    def evaluate(self, x: str, y: str) -> str:
        """The same where the net isn't trained."""
        return self.forward(x, y)

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        """From `dy` to `dx`; its parameters' gradients are added to those of the images before."""
        return ""

    def end(self, optimizer: Optimizer) -> str:
        """After the way back of a batch: the parameters are updated, and their gradients zero again."""
        return ""


def text(template: str, **parts: object) -> str:
    """A template with its `«names»` filled in; text of several lines goes on at its first line's column."""
    lines: list[str] = []
    for each in dedent(template).strip("\n").splitlines():
        line, before = each, each[: len(each) - len(each.lstrip())]
        for key, value in parts.items():
            line = line.replace(f"«{key}»", indent(str(value), before).lstrip())
        if line.strip():
            lines.append(line)
    return "\n".join(lines)


def states(optimizer: Optimizer, weight: str, kind: str = "") -> str:
    """The states of a weight, as arguments; with a `kind`, as parameters of this type."""
    typed = f": {kind}" if kind else ""
    return "".join(f", {state}_{weight}{typed}" for state in optimizer.states)


def scalars(optimizer: Optimizer, kind: str = "") -> str:
    typed = f": {kind}" if kind else ""
    return "".join(f", {scalar}{typed}" for scalar in optimizer.scalars)


def slice_of(at: str, lanes: int, offset: int = 0) -> str:
    """A vector's place; a number's, where it is of one."""
    first = f"{at} + {offset}" if offset else at
    return f"{first} : {first} + {lanes}" if lanes > 1 else first


def groups(count: int, most: int, index: str) -> Iterator[tuple[list[str], tuple[str, str]]]:
    """`count` channels or rows, `most` at a time: their names, a loop's head, and the indentation within."""
    size = -(-count // -(-count // most))
    whole = count // size * size
    names = [index, *(f"{index} + {m}" for m in range(1, size))]
    yield names, (f"    for {index} in range(0, {whole}, {size}):", " " * 8)
    if whole < count:
        yield [str(m) for m in range(whole, count)], ("", " " * 4)
