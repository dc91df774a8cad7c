"""Stages of planes: convolutions, pools, what stands before and between them. They work on one image at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from lazytrain.engine.compute.fused.planes import Plane
from lazytrain.engine.compute.fused.stages import Array, Stage, scalars, states, text
from lazytrain.engine.compute.fused.updates import Optimizer

MOST_TAPS = 27
"""Weights of a channel that one loop over a plane takes at once, times two channels: more of them compile slowly."""


@dataclass(slots=True, kw_only=True)
class Load(Stage):
    """An image of the batch, float [C · H · W], into planes, with a border of zeros where the first layer wants one."""

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        to = self.output
        return {
            f"load_{self.name}": text(
                """
                def load_«name»(image: f32[:], y: «to»):
                    for c in range(«channels»):
                        for i in range(«height»):
                            for j in range(«width»):
                                y[c, «origin» + i * «row» + j] = image[c * «area» + i * «width» + j]
                """,
                name=self.name,
                channels=to.channels,
                height=to.height,
                width=to.width,
                origin=to.origin,
                row=to.row,
                area=to.height * to.width,
                to=to.type,
            )
        }

    def forward(self, x: str, y: str) -> str:
        return f"load_{self.name}(images[row + n], {y})"


@dataclass(slots=True, kw_only=True)
class Copy(Stage):
    """Planes laid anew: without what lies beside them, or with a border of zeros."""

    source: Plane
    source_gradient: Plane

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        made = {f"copy_{self.name}": _copy(f"copy_{self.name}", self.source, self.output)}
        if not self.first:
            made[f"copy_back_{self.name}"] = _copy(f"copy_back_{self.name}", self.gradient, self.source_gradient)
        return made

    def forward(self, x: str, y: str) -> str:
        return f"copy_{self.name}({x}, {y})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        return "" if self.first else f"copy_back_{self.name}({dy}, {dx})"


def _copy(name: str, source: Plane, to: Plane) -> str:
    return text(
        """
        def «name»(x: «source», y: «to»):
            for c in range(«channels»):
                for i in range(«height»):
                    for j in range(«width»):
                        y[c, «to_origin» + i * «to_row» + j] = x[c, «origin» + i * «row» + j]
        """,
        name=name,
        channels=to.channels,
        height=to.height,
        width=to.width,
        to_origin=to.origin,
        to_row=to.row,
        origin=source.origin,
        row=source.row,
        source=source.type,
        to=to.type,
    )


@dataclass(slots=True, kw_only=True)
class Convolution(Stage):
    """A convolution of stride 1 as long loops over whole planes: y[p] += w · x[p + ky · row + kx].

    All taps of a few kernel rows are taken at once, for two channels at a time. Columns past the edge are computed and
    never looked at; on the way back their gradients are zero.
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

    def _taps(self) -> list[list[tuple[int, int]]]:
        """The kernel's places, those of one loop together."""
        height, width = self.kernel
        rows = max(1, MOST_TAPS // width)
        return [
            [(ky, kx) for ky in range(first, min(first + rows, height)) for kx in range(width)]
            for first in range(0, height, rows)
        ]

    def _forward(self) -> str:
        bias = f"b: f32[{self.output.channels}], " if self.bias else ""
        lines = [f"def convolve_{self.name}(x: {self.source.type}, w: {self._weight}, {bias}y: {self.output.type}):"]
        lines += _in_pairs(self.output.channels, "o", self._forward_lines)
        return "\n".join(lines)

    def _forward_lines(self, each: list[str]) -> list[str]:
        lines = [f"s{m} = b[{o}]" if self.bias else f"s{m} = f32(0)" for m, o in enumerate(each)]
        lines += [f"for p in range({self.output.size}):", *(f"    y[{o}, p] = s{m}" for m, o in enumerate(each))]
        lines.append(f"for c in range({self.source.channels}):")
        for taps in self._taps():
            for m, o in enumerate(each):
                lines += [f"    w{m}_{ky}_{kx} = w[{o}, c, {ky}, {kx}]" for ky, kx in taps]
            lines.append(f"    for p in range({self.output.size}):")
            lines += [f"        s{m} = y[{o}, p]" for m, o in enumerate(each)]
            for ky, kx in taps:
                lines.append(f"        e = x[c, p + {ky * self.source.row + kx}]")
                lines += [f"        s{m} += w{m}_{ky}_{kx} * e" for m in range(len(each))]
            lines += [f"        y[{o}, p] = s{m}" for m, o in enumerate(each)]
        return lines

    def _back(self) -> str:
        lines = [f"def convolve_back_{self.name}(dy: {self.gradient.type}, w: {self._weight}, dx: {self.source.type}):"]
        return "\n".join([*lines, *_in_pairs(self.source.channels, "c", self._back_lines)])

    def _back_lines(self, each: list[str]) -> list[str]:
        """The input's gradient is a convolution, too, of planes with zeros before and after them."""
        lines = [f"for p in range({self.source.size}):", *(f"    dx[{c}, p] = f32(0)" for c in each)]
        lines.append(f"for o in range({self.output.channels}):")
        for taps in self._taps():
            for m, c in enumerate(each):
                lines += [f"    w{m}_{ky}_{kx} = w[o, {c}, {ky}, {kx}]" for ky, kx in taps]
            lines.append(f"    for p in range({self.source.size}):")
            lines += [f"        s{m} = dx[{c}, p]" for m, c in enumerate(each)]
            for ky, kx in taps:
                lines.append(f"        e = dy[o, p + {self.reach - ky * self.source.row - kx}]")
                lines += [f"        s{m} += w{m}_{ky}_{kx} * e" for m in range(len(each))]
            lines += [f"        dx[{c}, p] = s{m}" for m, c in enumerate(each)]
        return lines

    def _weights(self) -> str:
        """Running sums over planes, a kernel row at a time."""
        name, origin, size = self.name, self.gradient.origin, self.output.size
        lines = [
            f"def convolve_weights_{name}(x: {self.source.type}, dy: {self.gradient.type}, gw: {self._weight}, "
            f"gb: f32[{self.output.channels}]):",
            f"    for o in range({self.output.channels}):",
        ]
        if self.bias:
            lines += ["        s = f32(0)", f"        for p in range({size}):", f"            s += dy[o, p + {origin}]"]
            lines.append("        gb[o] += s")
        lines.append(f"        for c in range({self.source.channels}):")
        height, width = self.kernel
        for ky in range(height):
            lines += [f"            s{kx} = f32(0)" for kx in range(width)]
            lines += [f"            for p in range({size}):", f"                d = dy[o, p + {origin}]"]
            lines += [f"                s{kx} += d * x[c, p + {ky * self.source.row + kx}]" for kx in range(width)]
            lines += [f"            gw[o, c, {ky}, {kx}] += s{kx}" for kx in range(width)]
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


def _in_pairs(count: int, index: str, lines_of: Callable[[list[str]], list[str]]) -> list[str]:
    """Lines for two channels at a time, and for one that is left over."""
    made: list[str] = []
    if count > 1:
        made.append(f"    for {index} in range(0, {count - 1}, 2):")
        made += ["        " + line for line in lines_of([index, f"{index} + 1"])]
    if count % 2:
        made.append(f"    {index} = {count - 1}")
        made += ["    " + line for line in lines_of([index])]
    return made


@dataclass(slots=True, kw_only=True)
class MaxPool(Stage):
    """The largest number of each window, and where it stood."""

    source: Plane
    source_gradient: Plane
    window: tuple[int, int]
    stride: tuple[int, int]
    keeps_forward = True

    def buffers(self) -> dict[str, Array]:
        return {f"a{self.number}": Array((0, *self._places), "i32")}

    @property
    def _places(self) -> tuple[int, int]:
        return self.output.channels, self.output.height * self.output.width

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        (height, width), row = self.window, self.source.row
        offsets = [ky * row + kx for ky in range(height) for kx in range(width)][1:]
        looks = "\n".join(f"v = x[c, p + {offset}]\nif v > m:\n    m = v\n    a = p + {offset}" for offset in offsets)
        to, back = self.output, self.source_gradient
        made = {
            f"pool_{self.name}": text(
                """
                def pool_«name»(x: «source», y: «to», places: «places»):
                    for c in range(«channels»):
                        for i in range(«height»):
                            for j in range(«width»):
                                p = «origin» + i * «down» + j * «across»
                                m = x[c, p]
                                a = p
                                «looks»
                                y[c, «to_origin» + i * «to_row» + j] = m
                                places[c, i * «width» + j] = a - «origin»
                """,
                name=self.name,
                channels=to.channels,
                height=to.height,
                width=to.width,
                origin=self.source.origin,
                down=self.stride[0] * row,
                across=self.stride[1],
                looks=looks,
                to_origin=to.origin,
                to_row=to.row,
                source=self.source.type,
                to=to.type,
                places=Array(self._places, "i32").type,
            )
        }
        if not self.first:
            overlap = self.stride[0] < height or self.stride[1] < width
            made[f"pool_back_{self.name}"] = text(
                """
                def pool_back_«name»(dy: «gradient», places: «places», dx: «owed»):
                    for c in range(«channels»):
                        for p in range(«size»):
                            dx[c, p + «origin»] = f32(0)
                        for i in range(«height»):
                            for j in range(«width»):
                                dx[c, «origin» + places[c, i * «width» + j]] «assign» dy[c, «from» + i * «row» + j]
                """,
                name=self.name,
                channels=to.channels,
                size=(self.source.height - 1) * back.row + self.source.width,
                origin=back.origin,
                height=to.height,
                width=to.width,
                assign="+=" if overlap else "=",
                gradient=self.gradient.type,
                places=Array(self._places, "i32").type,
                owed=back.type,
                **{"from": self.gradient.origin, "row": self.gradient.row},
            )
        return made

    def forward(self, x: str, y: str) -> str:
        return f"pool_{self.name}({x}, {y}, a{self.number}[n])"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        return "" if self.first else f"pool_back_{self.name}({dy}, a{self.number}[n], {dx})"


@dataclass(slots=True, kw_only=True)
class AvgPool(Stage):
    """The mean of each window."""

    source: Plane
    source_gradient: Plane
    window: tuple[int, int]
    stride: tuple[int, int]

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        to, back, (height, width) = self.output, self.source_gradient, self.window
        common = {
            "name": self.name,
            "channels": to.channels,
            "height": to.height,
            "width": to.width,
            "window_height": height,
            "window_width": width,
            "share": repr(1 / (height * width)),
            "down": self.stride[0],
            "across": self.stride[1],
        }
        made = {
            f"average_{self.name}": text(
                """
                def average_«name»(x: «source», y: «to»):
                    for c in range(«channels»):
                        for i in range(«height»):
                            for j in range(«width»):
                                p = «origin» + i * «down» * «row» + j * «across»
                                s = f32(0)
                                for ky in range(«window_height»):
                                    for kx in range(«window_width»):
                                        s += x[c, p + ky * «row» + kx]
                                y[c, «to_origin» + i * «to_row» + j] = s * f32(«share»)
                """,
                origin=self.source.origin,
                row=self.source.row,
                to_origin=to.origin,
                to_row=to.row,
                source=self.source.type,
                to=to.type,
                **common,
            )
        }
        if not self.first:
            made[f"average_back_{self.name}"] = text(
                """
                def average_back_«name»(dy: «gradient», dx: «owed»):
                    for c in range(«channels»):
                        for p in range(«size»):
                            dx[c, p + «origin»] = f32(0)
                        for i in range(«height»):
                            for j in range(«width»):
                                p = «origin» + i * «down» * «row» + j * «across»
                                d = dy[c, «from» + i * «from_row» + j] * f32(«share»)
                                for ky in range(«window_height»):
                                    for kx in range(«window_width»):
                                        dx[c, p + ky * «row» + kx] += d
                """,
                size=(self.source.height - 1) * back.row + self.source.width,
                origin=back.origin,
                row=back.row,
                from_row=self.gradient.row,
                gradient=self.gradient.type,
                owed=back.type,
                **{"from": self.gradient.origin},
                **common,
            )
        return made

    def forward(self, x: str, y: str) -> str:
        return f"average_{self.name}({x}, {y})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        return "" if self.first else f"average_back_{self.name}({dy}, {dx})"
