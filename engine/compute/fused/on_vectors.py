"""Stages of vectors, of a whole batch at once, and those that are the same for planes and vectors."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.compute.fused.planes import Plane
from lazytrain.engine.compute.fused.stages import Array, Stage, scalars, states, text
from lazytrain.engine.compute.fused.updates import Optimizer


@dataclass(slots=True, kw_only=True)
class Linear(Stage):
    """A matrix, passed over once for four images at a time, forward and back; the update is part of the way back."""

    inputs: int
    outputs: int
    bias: bool
    needs_input = True

    def buffers(self) -> dict[str, Array]:
        return {f"g{self.number}": Array((self.inputs,))}

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        return {f"linear_{self.name}": self._forward(), f"linear_back_{self.name}": self._back(optimizer)}

    def _forward(self) -> str:
        return text(
            """
            def linear_«name»(x: f32[:, «inputs»], w: f32[«outputs», «inputs»]«b», y: f32[:, «outputs»], count: i64):
                fours = count - count % 4
                for n in range(0, fours, 4):
                    for o in range(«outputs»):
                        s0 = «start»
                        s1 = s0
                        s2 = s0
                        s3 = s0
                        for i in range(«inputs»):
                            v = w[o, i]
                            s0 += x[n, i] * v
                            s1 += x[n + 1, i] * v
                            s2 += x[n + 2, i] * v
                            s3 += x[n + 3, i] * v
                        y[n, o] = s0
                        y[n + 1, o] = s1
                        y[n + 2, o] = s2
                        y[n + 3, o] = s3
                for n in range(fours, count):
                    for o in range(«outputs»):
                        s0 = «start»
                        for i in range(«inputs»):
                            s0 += x[n, i] * w[o, i]
                        y[n, o] = s0
            """,
            name=self.name,
            b=f", b: f32[{self.outputs}]" if self.bias else "",
            start="b[o]" if self.bias else "f32(0)",
            inputs=self.inputs,
            outputs=self.outputs,
        )

    def _back(self, optimizer: Optimizer) -> str:
        clear = f"for n in range(count):\n    for i in range({self.inputs}):\n        dx[n, i] = f32(0)"
        kind, channels = f"f32[{self.outputs}, {self.inputs}]", f"f32[{self.outputs}]"
        four = "d0 * x[0, i] + d1 * x[1, i] + d2 * x[2, i] + d3 * x[3, i]"
        return text(
            """
            def linear_back_«name»(
                x: f32[:, «inputs»], weight: «kind»«weights»«bias», d: f32[:, «outputs»],
                «dx»row: f32[«inputs»], count: i64«scalars»
            ):
                if count == 4:
                    «clear»
                    for o in range(«outputs»):
                        d0 = d[0, o]
                        d1 = d[1, o]
                        d2 = d[2, o]
                        d3 = d[3, o]
                        for i in range(«inputs»):
                            «pass_four»
                            «update_four»
                        «update_bias_four»
                    return
                «clear»
                fours = count - count % 4
                for o in range(«outputs»):
                    s = f32(0)
                    for i in range(«inputs»):
                        row[i] = f32(0)
                    for n in range(0, fours, 4):
                        d0 = d[n, o]
                        d1 = d[n + 1, o]
                        d2 = d[n + 2, o]
                        d3 = d[n + 3, o]
                        s += d0 + d1 + d2 + d3
                        for i in range(«inputs»):
                            row[i] += d0 * x[n, i] + d1 * x[n + 1, i] + d2 * x[n + 2, i] + d3 * x[n + 3, i]
                            «pass_fours»
                    for n in range(fours, count):
                        d0 = d[n, o]
                        s += d0
                        for i in range(«inputs»):
                            row[i] += d0 * x[n, i]
                            «pass_one»
                    for i in range(«inputs»):
                        «update»
                    «update_bias»
            """,
            name=self.name,
            kind=kind,
            weights=states(optimizer, "weight", kind),
            bias=f", bias: {channels}{states(optimizer, 'bias', channels)}" if self.bias else "",
            dx="" if self.first else f"dx: f32[:, {self.inputs}], ",
            scalars=scalars(optimizer, "f32"),
            outputs=self.outputs,
            inputs=self.inputs,
            clear="" if self.first else clear,
            pass_four=self._pass("0", "1", "2", "3"),
            pass_fours=self._pass("n", "n + 1", "n + 2", "n + 3"),
            pass_one="" if self.first else "dx[n, i] += d0 * weight[o, i]",
            update_four=optimizer.update(0, "weight", four, "o, i"),
            update_bias_four=optimizer.update(0, "bias", "d0 + d1 + d2 + d3", "o") if self.bias else "",
            update=optimizer.update(0, "weight", "row[i]", "o, i"),
            update_bias=optimizer.update(0, "bias", "s", "o") if self.bias else "",
        )

    def _pass(self, *images: str) -> str:
        return "" if self.first else "\n".join(f"dx[{n}, i] += d{m} * weight[o, i]" for m, n in enumerate(images))

    def forward(self, x: str, y: str) -> str:
        return f"linear_{self.name}({x}, w{self.number}{f', b{self.number}' if self.bias else ''}, {y}, size)"

    def backward(self, x: str, y: str, dy: str, dx: str, optimizer: Optimizer) -> str:
        n = self.number
        bias = f", b{n}{states(optimizer, f'b{n}')}" if self.bias else ""
        gradient = "" if self.first else f"{dx}, "
        return (
            f"linear_back_{self.name}({x}, w{n}{states(optimizer, f'w{n}')}{bias}, {dy}, {gradient}g{n}, size"
            f"{scalars(optimizer)})"
        )


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
