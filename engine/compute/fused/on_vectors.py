"""Stages of vectors, of a whole batch at once, and those that are the same for planes and vectors."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.compute.fused.planes import Plane
from lazytrain.engine.compute.fused.stages import Stage, text
from lazytrain.engine.compute.fused.updates import Optimizer

FORMS = {
    "relu": ("v if v > f32(0) or v != v else f32(0)", "d if v > f32(0) else f32(0)"),
    "leaky_relu": ("v if v > f32(0) else f32(«slope») * v", "d if v > f32(0) else f32(«slope») * d"),
    "tanh": ("math.tanh(v)", "d * (f32(1) - v * v)"),
    "sigmoid": ("f32(1) / (f32(1) + math.exp(-v))", "d * v * (f32(1) - v)"),
    "gelu": (
        "f32(0.5) * v * (f32(1) + math.erf(v * f32(0.7071067811865476)))",
        "d * (f32(0.5) * (f32(1) + math.erf(v * f32(0.7071067811865476))) + v * f32(0.3989422804014327) "
        "* math.exp(f32(-0.5) * v * v))",
    ),
}
"""Each activation of `v`; and its gradient, of `v` and `d`: there `v` is what went in for GELU, else what came out."""
MONOTONE = ("relu", "leaky_relu", "tanh", "sigmoid")
"""The largest number of a window is the same one after these."""


@dataclass(slots=True, kw_only=True)
class Activation(Stage):
    """One number after another, whatever stands beside the planes too: it stays 0 or is nobody's."""

    kind: str
    source: Plane
    source_gradient: Plane
    slope: float = 0.0

    @property
    def needs_input(self) -> bool:  # type: ignore[override]
        return not self.in_place

    @property
    def needs_output(self) -> bool:  # type: ignore[override]
        return self.in_place

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        there, back = (form.replace("«slope»", repr(self.slope)) for form in FORMS[self.kind])
        # What is written over is one array: two of a function's never share memory.
        common = {"name": self.name, "size": self.output.size, "kind": f"f32[:, {self.output.size}]"}
        made = {
            f"activate_{self.name}": text(
                """
                def activate_«name»(«arrays», count: i64):
                    for c in range(count):
                        for p in range(«size»):
                            v = «x»[c, p]
                            y[c, p] = «form»
                """,
                arrays=f"y: {common['kind']}" if self.in_place else f"x: {common['kind']}, y: {common['kind']}",
                x="y" if self.in_place else "x",
                form=there,
                **common,
            )
        }
        if not self.first:
            to, owed = self.source_gradient, f"dx: f32[:, {self.source_gradient.size}]"
            made[f"activate_back_{self.name}"] = text(
                """
                def activate_back_«name»(values: «kind», «arrays», count: i64):
                    for c in range(count):
                        for p in range(«size»):
                            v = values[c, p]
                            d = «dy»[c, p + «from»]
                            dx[c, p + «to»] = «form»
                """,
                arrays=owed if self.in_place else f"dy: f32[:, {self.gradient.size}], {owed}",
                dy="dx" if self.in_place else "dy",
                to=to.origin - self.source.origin,
                form=back,
                **{"from": self.gradient.origin - self.output.origin},
                **common,
            )
        return made

    @property
    def _count(self) -> str:
        return str(self.output.channels) if self.per_image else "size"

    def forward(self, x: str, y: str) -> str:
        return f"activate_{self.name}({y if self.in_place else f'{x}, {y}'}, {self._count})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        arrays = f"{y}, {dx}" if self.in_place else f"{x}, {dy}, {dx}"
        return "" if self.first else f"activate_back_{self.name}({arrays}, {self._count})"


@dataclass(slots=True, kw_only=True)
class Dropout(Stage):
    """Numbers are zeroed by a hash of the run's seed, the step and their place, so that the way back knows which.

    The hash is splitmix64's (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
    """

    probability: float
    source: Plane
    source_gradient: Plane

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        common = {
            "size": self.output.size,
            "limit": min(2**32 - 1, round(self.probability * 2**32)),
            "scale": repr(1 / (1 - self.probability)),
        }
        template = """
        def «function»(x: f32[:, «from_size»], y: f32[:, «to_size»], count: i64, key: u64):
            for c in range(count):
                for p in range(«size»):
                    z = key + u64(c * «size» + p) * u64(0x9E3779B97F4A7C15)
                    z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
                    z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
                    kept = (z >> u64(32)) >= u64(«limit»)
                    y[c, p + «to»] = x[c, p + «from»] * f32(«scale») if kept else f32(0)
        """
        keep = """
        def keep_«name»(x: f32[:, «size»], y: f32[:, «size»], count: i64):
            for c in range(count):
                for p in range(«size»):
                    y[c, p] = x[c, p]
        """
        made = {f"keep_{self.name}": text(keep, name=self.name, size=self.output.size)}
        sizes = {"to_size": self.output.size, "from_size": self.output.size}
        made |= {
            f"drop_{self.name}": text(template, function=f"drop_{self.name}", to=0, **{"from": 0}, **sizes, **common)
        }
        if not self.first:
            made[f"drop_back_{self.name}"] = text(
                template,
                function=f"drop_back_{self.name}",
                to=self.source_gradient.origin - self.source.origin,
                to_size=self.source_gradient.size,
                from_size=self.gradient.size,
                **{"from": self.gradient.origin - self.output.origin},
                **common,
            )
        return made

    @property
    def _count(self) -> str:
        return str(self.output.channels) if self.per_image else "size"

    @property
    def _rest(self) -> str:
        # Keys of steps, stages and images lie far apart.
        place = "n" if self.per_image else "0"
        step = f"u64(count * 4096 + {self.number}) * u64(0xD1342543DE82EF95)"
        return f"{self._count}, seed + {step} + (u64({place}) << u64(40))"

    def forward(self, x: str, y: str) -> str:
        return f"drop_{self.name}({x}, {y}, {self._rest})"

    def evaluate(self, x: str, y: str) -> str:
        return f"keep_{self.name}({x}, {y}, {self._count})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        return "" if self.first else f"drop_back_{self.name}({dy}, {dx}, {self._rest})"


@dataclass(slots=True, kw_only=True)
class GlobalAverage(Stage):
    """Each channel's mean."""

    source: Plane
    source_gradient: Plane

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        source, back = self.source, self.source_gradient
        common = {
            "name": self.name,
            "channels": source.channels,
            "height": source.height,
            "width": source.width,
            "share": repr(1 / (source.height * source.width)),
        }
        made = {
            f"means_{self.name}": text(
                """
                def means_«name»(x: «kind», y: «to»):
                    for c in range(«channels»):
                        s = f32(0)
                        for i in range(«height»):
                            for j in range(«width»):
                                s += x[c, «origin» + i * «row» + j]
                        y[c, 0] = s * f32(«share»)
                """,
                origin=source.origin,
                row=source.row,
                kind=source.type,
                to=self.output.type,
                **common,
            )
        }
        if not self.first:
            made[f"means_back_{self.name}"] = text(
                """
                def means_back_«name»(dy: «gradient», dx: «kind»):
                    for c in range(«channels»):
                        d = dy[c, 0] * f32(«share»)
                        for i in range(«height»):
                            for j in range(«width»):
                                dx[c, «origin» + i * «row» + j] = d
                """,
                origin=back.origin,
                row=back.row,
                kind=back.type,
                gradient=self.gradient.type,
                **common,
            )
        return made

    def forward(self, x: str, y: str) -> str:
        return f"means_{self.name}({x}, {y})"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        return "" if self.first else f"means_back_{self.name}({dy}, {dx})"
