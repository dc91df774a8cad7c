"""A linear layer: a matrix, whose update is part of the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lazytrain.engine.compute.fused.stages import Array, Stage, groups, scalars, slice_of, states
from lazytrain.engine.compute.fused.updates import Optimizer

IMAGES = 4
"""At once."""


@dataclass(slots=True, kw_only=True)
class Linear(Stage):
    """Some rows of the matrix and some images at once, so that each number that is read is used several times."""

    inputs: int
    outputs: int
    bias: bool
    needs_input = True

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        return {f"linear_{self.name}": self._forward(), f"linear_back_{self.name}": self._back(optimizer)}

    @property
    def _weight(self) -> str:
        return Array((self.outputs, self.inputs)).type

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        """A row in vectors: (from, to, width), the last of them narrower."""
        first, lanes = 0, self.registers.lanes
        while first < self.inputs:
            stop = first + (self.inputs - first) // lanes * lanes
            if stop > first:
                yield first, stop, lanes
            first, lanes = stop, lanes // 2

    # ── there ──────────────────────────────────────────────────────────────────────────────────────────────

    def _forward(self) -> str:
        bias = f"b: f32[{self.outputs}], " if self.bias else ""
        lines = [
            f"def linear_{self.name}(x: f32[:, {self.inputs}], w: {self._weight}, {bias}y: f32[:, {self.outputs}], "
            "count: i64):",
            "    fours = count - count % 4",
        ]
        for images, loop in (
            (["n", "n + 1", "n + 2", "n + 3"], "range(0, fours, 4)"),
            (["n"], "range(fours, count)"),
        ):
            lines.append(f"    for n in {loop}:")
            for rows, (head, indent) in groups(self.outputs, self.registers.sums // IMAGES, "k"):
                lines += [f"    {head}"] if head else []
                lines += [f"    {indent}{line}" for line in self._products(rows, images)]
        return "\n".join(lines)

    def _products(self, rows: list[str], images: list[str]) -> Iterator[str]:
        """Of some rows of the matrix with some images."""
        pairs = [(m, q) for m in range(len(rows)) for q in range(len(images))]
        sums: dict[tuple[int, int], str] = {(m, q): f"b[{rows[m]}]" if self.bias else "f32(0)" for m, q in pairs}
        for first, stop, lanes in self._pieces():
            for m, q in pairs:
                yield f"s{lanes}_{m}_{q} = {_zeros(lanes)}"
            yield f"for i in range({first}, {stop}, {lanes}):"
            where = slice_of("i", lanes)
            for q, image in enumerate(images):
                yield f"    e{q} = x[{image}, {where}]"
            for m, row in enumerate(rows):
                yield f"    v = w[{row}, {where}]"
                for q in range(len(images)):
                    yield f"    s{lanes}_{m}_{q} = s{lanes}_{m}_{q} + v * e{q}"
            for m, q in pairs:
                sums[m, q] += f" + s{lanes}_{m}_{q}" + (".sum()" if lanes > 1 else "")
        for m, q in pairs:
            yield f"y[{images[q]}, {rows[m]}] = {sums[m, q]}"

    # ── back ───────────────────────────────────────────────────────────────────────────────────────────────

    def _back(self, optimizer: Optimizer) -> str:
        kind, channels = self._weight, f"f32[{self.outputs}]"
        bias = f", bias: {channels}{states(optimizer, 'bias', channels)}" if self.bias else ""
        lines = [
            f"def linear_back_{self.name}(x: f32[:, {self.inputs}], weight: {kind}{states(optimizer, 'weight', kind)}"
            f"{bias}, d: f32[:, {self.outputs}], {'' if self.first else f'dx: f32[:, {self.inputs}], '}"
            f"count: i64{scalars(optimizer, 'f32')}):"
        ]
        if not self.first:
            lines += ["    for n in range(count):", f"        for i in range({self.inputs}):"]
            lines.append("            dx[n, i] = f32(0)")
        if self.bias:
            lines += [f"    for o in range({self.outputs}):", "        s = f32(0)", "        for n in range(count):"]
            lines += ["            s += d[n, o]", optimizer.update(8, "bias", "s", "o")]
        for rows, (head, indent) in groups(self.outputs, self.registers.sums // IMAGES, "k"):
            lines += [head] if head else []
            for first, stop, lanes in self._pieces():
                lines.append(f"{indent}for i in range({first}, {stop}, {lanes}):")
                lines += [f"{indent}    {line}" for line in self._updated(rows, lanes, optimizer)]
        return "\n".join(lines)

    def _updated(self, rows: list[str], lanes: int, optimizer: Optimizer) -> Iterator[str]:
        """A vector's width of some rows: their gradient, what they pass on, and the update."""
        where = slice_of("i", lanes)
        for m, row in enumerate(rows):
            yield f"w{m} = weight[{row}, {where}]"
            yield f"g{m} = {_zeros(lanes)}"
        yield "for n in range(count):"
        yield f"    e = x[n, {where}]"
        if not self.first:
            yield f"    r = dx[n, {where}]"
        for m, row in enumerate(rows):
            yield f"    v = d[n, {row}]"
            yield f"    g{m} = g{m} + v * e"
            if not self.first:
                yield f"    r = r + v * w{m}"
        if not self.first:
            yield f"    dx[n, {where}] = r"
        for m, row in enumerate(rows):
            yield from optimizer.update(0, "weight", f"g{m}", f"{row}, {where}").splitlines()

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────

    def forward(self, x: str, y: str) -> str:
        return f"linear_{self.name}({x}, w{self.number}{f', b{self.number}' if self.bias else ''}, {y}, size)"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        n = self.number
        bias = f", b{n}{states(optimizer, f'b{n}')}" if self.bias else ""
        gradient = "" if self.first else f"{dx}, "
        return (
            f"linear_back_{self.name}({x}, w{n}{states(optimizer, f'w{n}')}{bias}, {dy}, {gradient}size"
            f"{scalars(optimizer)})"
        )


def _zeros(lanes: int) -> str:
    return f"np.zeros({lanes}, f32)" if lanes > 1 else "f32(0)"
