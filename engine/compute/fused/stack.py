"""From a stack of torch's modules to stages: which layers, how planes lie between them, who overwrites whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import nn

from lazytrain.engine.compute.fused.convolution import Convolution
from lazytrain.engine.compute.fused.linear import Linear
from lazytrain.engine.compute.fused.loads import Load, LoadVectors
from lazytrain.engine.compute.fused.on_planes import AvgPool, Copy, MaxPool
from lazytrain.engine.compute.fused.on_vectors import MONOTONE, Activation, Dropout, GlobalAverage
from lazytrain.engine.compute.fused.planes import WIDE, Plane, Registers, whole_vectors
from lazytrain.engine.compute.fused.stages import Stage

MOST_CHANNELS = 64
"""Of a convolution: with more, torch's own, which are products of matrices, are faster."""
MOST_STRIDE = 2
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.GELU: "gelu",
}


class NotServed(ValueError):
    """This stack can't be one program; the message says why."""


def flat_modules(net: nn.Module) -> list[nn.Module]:
    """A stack's layers in their order. Raises NotServed for anything but a stack."""
    if type(net) is not nn.Sequential:
        raise NotServed("it is no plain stack of layers")
    modules: list[nn.Module] = []
    for module in net:
        modules += flat_modules(module) if type(module) is nn.Sequential else [module]
    return modules


def make_stages(
    modules: Sequence[nn.Module], input_shape: tuple[int, ...], *, as_bytes: bool, registers: Registers = WIDE
) -> list[Stage]:
    """The stages of a stack for images of (channels, height, width); the last one's output are the logits.

    Raises:
        NotServed: a layer is of a kind, or of a size, that has no stage.
    """
    return _Builder(_pools_first(list(modules)), input_shape, as_bytes, registers).build()


def _pools_first(modules: list[nn.Module]) -> list[nn.Module]:
    """Max pools before the activations that they follow: the same numbers, of a quarter of them."""
    for index in range(1, len(modules)):
        kind = _ACTIVATIONS.get(type(modules[index - 1]))
        if type(modules[index]) is nn.MaxPool2d and kind in MONOTONE and _slope(modules[index - 1]) >= 0:
            modules[index - 1], modules[index] = modules[index], modules[index - 1]
    return modules


def _slope(module: nn.Module) -> float:
    return module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0


class _Builder:
    def __init__(
        self, modules: list[nn.Module], input_shape: tuple[int, ...], as_bytes: bool, registers: Registers
    ) -> None:
        self._modules, self._bytes, self._registers = modules, as_bytes, registers
        self._image = Plane.compact(*input_shape)
        self._stages: list[Stage] = []
        self._trained = False
        """Whether a stage so far has parameters, so that those after it owe it a gradient."""
        self._flat = False

    def build(self) -> list[Stage]:
        if self._modules and type(self._modules[0]) is nn.Flatten:
            vector = Plane.compact(1, 1, self._image.features)
            self._add(LoadVectors(number=1, output=vector, gradient=vector, bytes=self._bytes))
            self._flat = True
        else:
            plane = self._wanted(-1, self._image)
            self._add(Load(number=1, output=plane, gradient=plane, per_image=True, bytes=self._bytes))
        for index, module in enumerate(self._modules):
            self._layer(index, module)
        last = self._stages[-1] if self._stages else None
        if not isinstance(last, Linear):
            raise NotServed("its last layer isn't linear")
        self._mark()
        return self._stages

    def _add(self, stage: Stage) -> None:
        stage.number = len(self._stages) + 1
        stage.first = not self._trained
        stage.registers = self._registers
        self._stages.append(stage)

    @property
    def _plane(self) -> Plane:
        return self._stages[-1].output if self._stages else self._image

    @property
    def _gradient(self) -> Plane:
        return self._stages[-1].gradient if self._stages else self._image

    def _wanted(self, index: int, plane: Plane) -> Plane:
        """How what comes out of module `index` should lie for the module that looks at it in rows."""
        for module in self._modules[index + 1 :]:
            kind = _ACTIVATIONS.get(type(module))
            if isinstance(module, nn.Conv2d):
                kernel, padding = _both(module.kernel_size, "kernel size"), _both(module.padding, "padding")
                return Plane.padded(plane.channels, plane.height, plane.width, padding, kernel)
            if (kind is None and not isinstance(module, nn.Dropout)) or kind == "sigmoid":
                break
        return Plane.compact(plane.channels, plane.height, plane.width)

    def _lay(self, index: int, plane: Plane) -> None:
        """Have planes lie as `plane` before module `index`."""
        if self._plane != plane:
            self._add(
                Copy(
                    number=0,
                    output=plane,
                    gradient=plane,
                    per_image=True,
                    source=self._plane,
                    source_gradient=self._gradient,
                )
            )

    def _layer(self, index: int, module: nn.Module) -> None:
        match module:
            case nn.Conv2d():
                self._convolution(index, module)
            case nn.MaxPool2d() | nn.AvgPool2d():
                self._pool(index, module)
            case nn.AdaptiveAvgPool2d():
                if module.output_size not in (1, (1, 1)):
                    raise NotServed(f"{module} isn't global")
                to = Plane.compact(self._plane.channels, 1, 1)
                self._add(
                    GlobalAverage(
                        number=0,
                        output=to,
                        gradient=to,
                        per_image=True,
                        source=self._plane,
                        source_gradient=self._gradient,
                    )
                )
            case nn.Flatten():
                self._flatten(index)
            case nn.Linear():
                self._linear(module)
            case nn.Dropout():
                self._same(lambda **common: Dropout(**common, probability=module.p))
            case _ if type(module) in _ACTIVATIONS:
                self._activation(module)
            case _:
                raise NotServed(f"{type(module).__name__} has no stage")

    def _convolution(self, index: int, module: nn.Conv2d) -> None:
        kernel = _both(module.kernel_size, "kernel size")
        padding = _both(module.padding, "padding")
        if module.groups != 1 or _both(module.dilation, "dilation") != (1, 1) or module.padding_mode != "zeros":
            raise NotServed(f"{module} has groups, dilation or a padding of its own")
        stride = _both(module.stride, "stride")
        if max(stride) > MOST_STRIDE or max(module.in_channels, module.out_channels) > MOST_CHANNELS:
            raise NotServed(f"{module} has more than {MOST_CHANNELS} channels, or a stride above {MOST_STRIDE}")
        plane = self._plane
        padded = Plane.padded(plane.channels, plane.height, plane.width, padding, kernel)
        self._lay(index, padded)
        height, width = (
            size + 2 * border - window + 1
            for size, window, border in zip((plane.height, plane.width), kernel, padding, strict=True)
        )
        size = whole_vectors((height - 1) * padded.row + width)
        output = Plane(module.out_channels, height, width, padded.row, 0, size)
        stage = Convolution(
            number=0,
            output=output,
            gradient=output,
            per_image=True,
            source=padded,
            kernel=kernel,
            bias=module.bias is not None,
            shapes=_shapes(module),
        )
        self._add(stage)
        if not stage.first:
            # Zeros before and after, so that the way back is a convolution, too.
            stage.gradient = replace(output, origin=stage.reach, size=stage.reach + padded.size)
        self._trained = True
        if stride != (1, 1):
            # What is left out is computed, too: a loop over a whole plane is as fast.
            self._window(index, AvgPool, (1, 1), stride)

    def _pool(self, index: int, module: nn.MaxPool2d | nn.AvgPool2d) -> None:
        window = _both(module.kernel_size, "window")
        stride = _both(module.stride if module.stride is not None else module.kernel_size, "stride")
        if _both(module.padding, "padding") != (0, 0) or module.ceil_mode:
            raise NotServed(f"{module} has padding or ceil mode")
        self._window(index, MaxPool if isinstance(module, nn.MaxPool2d) else AvgPool, window, stride)

    def _window(
        self, index: int, kind: type[MaxPool] | type[AvgPool], window: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        source = self._plane
        height, width = (
            (size - length) // step + 1
            for size, length, step in zip((source.height, source.width), window, stride, strict=True)
        )
        to = self._wanted(index, Plane.compact(source.channels, height, width))
        common = {
            "number": 0,
            "output": to,
            "gradient": to,
            "per_image": True,
            "source": source,
            "source_gradient": self._gradient,
            "window": window,
            "stride": stride,
        }
        self._add(kind(**common))  # type: ignore[arg-type]

    def _flatten(self, index: int) -> None:
        if self._flat:
            return
        if self._stages and not self._plane.is_compact:
            self._lay(index, Plane.compact(self._plane.channels, self._plane.height, self._plane.width))
        self._flat = True

    def _linear(self, module: nn.Linear) -> None:
        if not self._flat:
            self._flatten(-1)
        to = Plane.compact(1, 1, module.out_features)
        self._add(
            Linear(
                number=0,
                output=to,
                gradient=to,
                inputs=module.in_features,
                outputs=module.out_features,
                bias=module.bias is not None,
                shapes={
                    "w": tuple(module.weight.shape),
                    **({} if module.bias is None else {"b": (module.out_features,)}),
                },
            )
        )
        self._trained = True

    def _activation(self, module: nn.Module) -> None:
        kind = _ACTIVATIONS[type(module)]
        if isinstance(module, nn.GELU) and module.approximate != "none":
            raise NotServed(f"{module} is approximate")
        if _slope(module) < 0:
            raise NotServed(f"{module} has a negative slope")
        before = self._stages[-1] if self._stages else None
        # Not where what is overwritten is wanted on the way back, or is the images themselves.
        in_place = kind != "gelu" and before is not None and not before.needs_output
        if kind != "gelu" and not in_place:
            raise NotServed(f"{module} follows another activation")
        self._same(lambda **common: Activation(**common, kind=kind, slope=_slope(module), in_place=in_place), in_place)

    def _same(self, make: Callable[..., Stage], in_place: bool = False) -> None:
        """A stage whose output lies as its input."""
        if not self._stages:
            raise NotServed("it begins with a layer that has no weights")
        plane, gradient = self._vector() if self._flat else (self._plane, self._gradient)
        stage = make(
            number=0,
            output=plane,
            gradient=gradient if in_place else plane,
            per_image=not self._flat,
            source=plane,
            source_gradient=gradient,
        )
        self._add(stage)

    def _vector(self) -> tuple[Plane, Plane]:
        plane = Plane.compact(1, 1, self._plane.features)
        return plane, plane

    def _mark(self) -> None:
        for index, stage in enumerate(self._stages):
            after = self._stages[index + 1] if index + 1 < len(self._stages) else None
            over = after is not None and after.per_image != stage.per_image
            wanted = stage.needs_output or after is None or after.needs_input or over
            stage.kept = wanted
        # What overwrites another is the same memory: one of them kept is both.
        for before, stage in zip(reversed(self._stages[:-1]), reversed(self._stages[1:]), strict=True):
            if stage.in_place:
                before.kept = before.kept or stage.kept


def _shapes(module: nn.Conv2d | nn.Linear) -> dict[str, tuple[int, ...]]:
    weight = tuple(module.weight.shape)
    return {"w": weight} if module.bias is None else {"w": weight, "b": weight[:1]}


def _both(size: object, what: str) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    if isinstance(size, tuple) and len(size) == 2:
        return int(size[0]), int(size[1])
    raise NotServed(f"a {what} of {size!r} has no stage")
