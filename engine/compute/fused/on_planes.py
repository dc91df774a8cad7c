"""Stages of planes: pools, and what stands between them. They work on one image at a time."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.compute.fused.planes import Plane
from lazytrain.engine.compute.fused.stages import Array, Stage, text
from lazytrain.engine.compute.fused.updates import Optimizer


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
