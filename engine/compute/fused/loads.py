"""The first stage: images as they are handed to the program, uint8 or float, laid for the layer that begins."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.compute.fused.stages import Stage, text
from lazytrain.engine.compute.fused.updates import Optimizer

FORMS = {
    # As `engine.data.batches.normalise` has it.
    "u8": "f32(«number») * f32(0.00784313725490196) - f32(1)",
    "f32": "«number»",
}


@dataclass(slots=True, kw_only=True)
class Load(Stage):
    """Images, each [C · H · W], into planes, with a border of zeros where the first layer wants one."""

    bytes: bool
    """Whether a training's images are uint8; an evaluation's are float."""

    def functions(self, optimizer: Optimizer) -> dict[str, str]:
        return {self._call(kind): self._load(kind) for kind in (self._kind, "f32")}

    @property
    def _kind(self) -> str:
        return "u8" if self.bytes else "f32"

    def _call(self, kind: str) -> str:
        return f"load_{kind}_{self.name}"

    def _load(self, kind: str) -> str:
        to = self.output
        if to.row == to.width and to.origin == 0:
            return self._load_whole(kind)
        return text(
            """
            def «call»(image: «kind»[:], y: «to»):
                for c in range(«channels»):
                    for i in range(«height»):
                        for j in range(«width»):
                            y[c, «origin» + i * «row» + j] = «form»
            """,
            call=self._call(kind),
            kind=kind,
            channels=to.channels,
            height=to.height,
            width=to.width,
            origin=to.origin,
            row=to.row,
            to=to.type,
            form=FORMS[kind].replace("«number»", f"image[c * {to.height * to.width} + i * {to.width} + j]"),
        )

    def _load_whole(self, kind: str) -> str:
        """Where rows follow each other, a plane is one loop."""
        to = self.output
        area = to.height * to.width
        return text(
            """
            def «call»(image: «kind»[:], y: «to»):
                for c in range(«channels»):
                    for p in range(«area»):
                        y[c, p] = «form»
            """,
            call=self._call(kind),
            kind=kind,
            channels=to.channels,
            area=area,
            to=to.type,
            form=FORMS[kind].replace("«number»", f"image[c * {area} + p]"),
        )

    def forward(self, x: str, y: str) -> str:
        return f"{self._call(self._kind)}(images[row + n], {y})"

    def evaluate(self, x: str, y: str) -> str:
        return f"{self._call('f32')}(images[row + n], {y})"


class LoadVectors(Load):
    """The same of a batch, as vectors."""

    __slots__ = ()

    def _load(self, kind: str) -> str:
        size = self.output.size
        return text(
            """
            def «call»(images: «kind»[:, «size»], y: f32[:, «size»], count: i64):
                for n in range(count):
                    for i in range(«size»):
                        y[n, i] = «form»
            """,
            call=self._call(kind),
            kind=kind,
            size=size,
            form=FORMS[kind].replace("«number»", "images[n, i]"),
        )

    def forward(self, x: str, y: str) -> str:
        return f"{self._call(self._kind)}(images[row:], {y}, size)"

    def evaluate(self, x: str, y: str) -> str:
        return f"{self._call('f32')}(images[row:], {y}, size)"
