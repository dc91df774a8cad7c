"""A convolution as sums in registers, of some channels and some places at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from lazytrain.engine.compute.fused.planes import Plane, Registers
from lazytrain.engine.compute.fused.stages import Array, Stage, groups, scalars, slice_of, states
from lazytrain.engine.compute.fused.updates import Optimizer

MOST_CHANNELS_AT_ONCE = 8
MOST_TAPS = 8
"""Of a kernel's row, at once."""


@dataclass(slots=True, kw_only=True)
class Convolution(Stage):
    """A convolution of stride 1 as long loops over whole planes: y[p] += w · x[p + ky · row + kx].

    Columns past the edge are computed and never looked at; on the way back their gradients are zero.
    """

    source: Plane
    kernel: tuple[int, int]
    bias: bool
    needs_input = True

    @property
    def reach(self) -> int:
        """From the first tap to the last."""
        return (self.kernel[0] - 1) * self.source.row + self.kernel[1] - 1

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        made = {
            f"convolve_{self.name}": self._forward(),
            f"convolve_weights_{self.name}": self._weights(),
            f"convolve_update_{self.name}": self._update(optimizer),
        }
        if not self.first:
            made[f"convolve_back_{self.name}"] = self._back()
        return made

    def buffers(self) -> dict[str, Array]:
        return {f"gw{self.number}": Array(self.shapes["w"]), f"gb{self.number}": Array((self.output.channels,))}

    @property
    def _weight(self) -> str:
        return Array(self.shapes["w"]).type

    def _forward(self) -> str:
        """All of an output's terms are summed up in registers, for some channels and places at once."""
        number, size, lanes = self.output.channels, self.output.size, self.registers.lanes
        bias = f"b: f32[{number}], " if self.bias else ""
        lines = [f"def convolve_{self.name}(x: {self.source.type}, w: {self._weight}, {bias}y: {self.output.type}):"]

        def tile(o: list[str], p: list[str]) -> list[str]:
            starts = [f"zero + b[{each}]" if self.bias else "zero" for each in o]
            made = [f"s{m}_{q} = {start}" for m, start in enumerate(starts) for q in range(len(p))]
            made += [f"for c in range({self.source.channels}):", f"    for ky in range({self.kernel[0]}):"]
            made.append(f"        at = {p[0]} + ky * {self.source.row}")
            for kx in range(self.kernel[1]):
                made += [f"        e{q} = x[c, {slice_of('at', lanes, kx + q * lanes)}]" for q in range(len(p))]
                for m, each in enumerate(o):
                    made.append(f"        v = w[{each}, c, ky, {kx}]")
                    made += [f"        s{m}_{q} = s{m}_{q} + v * e{q}" for q in range(len(p))]
            return made + [
                f"y[{each}, {slice_of(place, lanes)}] = s{m}_{q}"
                for m, each in enumerate(o)
                for q, place in enumerate(p)
            ]

        return "\n".join([*lines, *_tiles(number, size, tile, self.registers)])

    def _back(self) -> str:
        """The input's gradient is a convolution, too, of planes with zeros before and after them."""
        number, size, lanes = self.source.channels, self.source.size, self.registers.lanes
        lines = [f"def convolve_back_{self.name}(dy: {self.gradient.type}, w: {self._weight}, dx: {self.source.type}):"]

        def tile(c: list[str], p: list[str]) -> list[str]:
            made = [f"s{m}_{q} = zero" for m in range(len(c)) for q in range(len(p))]
            made += [f"for o in range({self.output.channels}):", f"    for ky in range({self.kernel[0]}):"]
            made.append(f"        at = {p[0]} + ({self.kernel[0] - 1} - ky) * {self.source.row}")
            for kx in range(self.kernel[1]):
                after = self.kernel[1] - 1 - kx
                made += [f"        e{q} = dy[o, {slice_of('at', lanes, after + q * lanes)}]" for q in range(len(p))]
                for m, each in enumerate(c):
                    made.append(f"        v = w[o, {each}, ky, {kx}]")
                    made += [f"        s{m}_{q} = s{m}_{q} + v * e{q}" for q in range(len(p))]
            return made + [
                f"dx[{each}, {slice_of(place, lanes)}] = s{m}_{q}"
                for m, each in enumerate(c)
                for q, place in enumerate(p)
            ]

        return "\n".join([*lines, *_tiles(number, size, tile, self.registers)])

    def _weights(self) -> str:
        """Running sums over planes, a kernel row at a time, for some channels at once."""
        name, origin, size, number = self.name, self.gradient.origin, self.output.size, self.output.channels
        (height, width), lanes = self.kernel, self.registers.lanes
        lines = [
            f"def convolve_weights_{name}(x: {self.source.type}, dy: {self.gradient.type}, gw: {self._weight}, "
            f"gb: f32[{number}]):",
            f"    zero = np.zeros({lanes}, f32)",
        ]
        if self.bias:
            lines += [
                f"    for o in range({number}):",
                "        s = zero",
                f"        for p in range(0, {size}, {lanes}):",
            ]
            lines += [f"            s = s + dy[o, {slice_of('p', lanes, origin)}]", "        gb[o] += s.sum()"]

        def tile(o: list[str], taps: list[int]) -> list[str]:
            pairs = [(m, kx) for m in range(len(o)) for kx in taps]
            made = [f"s{m}_{kx} = zero" for m, kx in pairs]
            made.append(f"for p in range(0, {size}, {lanes}):")
            made += [f"    d{m} = dy[{each}, {slice_of('p', lanes, origin)}]" for m, each in enumerate(o)]
            made.append(f"    at = p + ky * {self.source.row}")
            for kx in taps:
                made.append(f"    e = x[c, {slice_of('at', lanes, kx)}]")
                made += [f"    s{m}_{kx} = s{m}_{kx} + d{m} * e" for m in range(len(o))]
            return made + [f"gw[{o[m]}, c, ky, {kx}] += s{m}_{kx}.sum()" for m, kx in pairs]

        most = max(1, self.registers.sums // min(width, MOST_TAPS))
        for o, indent in groups(number, most, "o"):
            lines += [indent[0]] if indent[0] else []
            inner = indent[1]
            lines += [f"{inner}for c in range({self.source.channels}):", f"{inner}    for ky in range({height}):"]
            for first in range(0, width, MOST_TAPS):
                taps = list(range(first, min(first + MOST_TAPS, width)))
                lines += [f"{inner}        {line}" for line in tile(o, taps)]
        return "\n".join(lines)

    def _update(self, optimizer: Optimizer) -> str:
        count, channels = prod(self.shapes["w"]), f"f32[{self.output.channels}]"
        weights = f"f32[{count}]"
        bias = f", bias: {channels}, gb: {channels}{states(optimizer, 'bias', channels)}" if self.bias else ""
        lines = [
            f"def convolve_update_{self.name}(weight: {weights}, gw: {weights}{states(optimizer, 'weight', weights)}"
            f"{bias}{scalars(optimizer, 'f32')}):",
            f"    for i in range({count}):",
            optimizer.update(8, "weight", "gw[i]", "i"),
            "        gw[i] = f32(0)",
        ]
        if self.bias:
            lines += [f"    for o in range({self.output.channels}):", optimizer.update(8, "bias", "gb[o]", "o")]
            lines.append("        gb[o] = f32(0)")
        return "\n".join(lines)

    def forward(self, x: str, y: str) -> str:
        bias = f"b{self.number}, " if self.bias else ""
        return f"convolve_{self.name}({x}, w{self.number}, {bias}{y})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        n = self.number
        line = f"convolve_weights_{self.name}({x}, {dy}, gw{n}, gb{n})"
        return line if self.first else f"{line}\nconvolve_back_{self.name}({dy}, w{n}, {dx})"

    def end(self, optimizer: Optimizer) -> str:
        n = self.number
        bias = f", b{n}, gb{n}{states(optimizer, f'b{n}')}" if self.bias else ""
        count = prod(self.shapes["w"])
        flat = "".join(f", {state}_w{n}.reshape({count})" for state in optimizer.states)
        arguments = f"w{n}.reshape({count}), gw{n}.reshape({count}){flat}{bias}{scalars(optimizer)}"
        return f"convolve_update_{self.name}({arguments})"


def _tiles(count: int, size: int, tile: Callable[[list[str], list[str]], list[str]], registers: Registers) -> list[str]:
    """A function's body: tiles of some channels and some vectors of places, that fit into registers together."""
    lanes = registers.lanes
    lines = [f"    zero = np.zeros({lanes}, f32)"]
    vectors = size // lanes
    channels = -(-count // -(-count // MOST_CHANNELS_AT_ONCE))
    most = max(1, registers.sums // channels)
    wide = min(-(-vectors // -(-vectors // most)), vectors)
    whole = vectors // wide * wide
    for names, (head, indent) in groups(count, channels, "k"):
        lines += [head] if head else []
        places = ["p", *(f"p + {m * lanes}" for m in range(1, wide))]
        lines.append(f"{indent}for p in range(0, {whole * lanes}, {wide * lanes}):")
        lines += [f"{indent}    {line}" for line in tile(names, places)]
        if whole < vectors:
            lines += [f"{indent}{line}" for line in tile(names, [str(m * lanes) for m in range(whole, vectors)])]
    return lines
