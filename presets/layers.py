"""One walk over a layer list: every layer's size and parameter count, or what doesn't fit.

Plain arithmetic, no torch: the launch screen's table, the check before a run is queued and the net itself all come
from this walk, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from lazytrain.presets.schema import AvgPool, Conv, Dropout, Layer, LeakyRelu, Linear, MaxPool, Plain, Residual

Shape = tuple[int, ...]
"""`(channels, height, width)` of an image, or `(features,)`."""
MOST_NUMBERS = 2**34
"""Of a layer's parameters, and of its output for one image: 64 GiB, which the largest device hardly holds."""


class LayerError(ValueError):
    """A layer list that cannot work: names the layer's number (from 1), its kind, its input, and what doesn't fit."""

    def __init__(self, number: int, layer: Layer, input_shape: Shape, reason: str) -> None:
        self.number, self.layer, self.input_shape, self.reason = number, layer, input_shape, reason
        super().__init__(f"layer {number} ({layer.describe()}): input {format_shape(input_shape)}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedLayer:
    """A layer with its input and output shapes (without the batch) and its number of parameters."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    num_parameters: int
    added: bool = False
    """Not in the preset's list: the classifier, whose size comes from the data."""
    inner: tuple[SizedLayer, ...] = ()
    """The layers that it is made of."""

    @property
    def name(self) -> str:
        return "classifier" if self.added else self.layer.describe()


def format_shape(shape: Shape) -> str:
    """`(6, 28, 28)` → `6×28×28`."""
    return "×".join(str(size) for size in shape)


def size_layers(layers: Sequence[Layer], input_shape: Shape, num_classes: int) -> tuple[SizedLayer, ...]:
    """Sizes of `layers` for images of `input_shape` (channels, height, width), with the classifier added at the end.

    Raises:
        LayerError: the first layer that doesn't fit its input.
    """
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    sized = _walk((*layers, Linear(linear=num_classes)), input_shape)
    return (*sized[:-1], replace(sized[-1], added=True))


def _walk(layers: Sequence[Layer], shape: Shape) -> tuple[SizedLayer, ...]:
    sized: list[SizedLayer] = []
    for number, layer in enumerate(layers, start=1):
        try:
            inner = _walk_around(layer, shape) if isinstance(layer, Residual) else ()
            output, parameters = (shape, count_parameters(inner)) if inner else _apply(layer, shape)
            _check_size(output, parameters)
        except ValueError as error:
            raise LayerError(number, layer, shape, str(error)) from None
        sized.append(
            SizedLayer(layer=layer, input_shape=shape, output_shape=output, num_parameters=parameters, inner=inner)
        )
        shape = output
    return tuple(sized)


def _walk_around(layer: Residual, shape: Shape) -> tuple[SizedLayer, ...]:
    """The layers within. Raises ValueError where their output can't be added to their input."""
    inner = _walk(layer.residual, shape)
    if inner[-1].output_shape != shape:
        raise ValueError(
            f"its layers end with {format_shape(inner[-1].output_shape)}, to which the input can't be added: "
            "have them keep its shape (a convolution does with padding = (kernel - 1) / 2)"
        )
    return inner


def count_parameters(sized: Sequence[SizedLayer]) -> int:
    """Parameters of the whole net."""
    return sum(layer.num_parameters for layer in sized)


def _check_size(output: Shape, parameters: int) -> None:
    """Refuse what no memory holds, before any is asked for. Raises ValueError."""
    if parameters > MOST_NUMBERS:
        raise ValueError(f"its {parameters:,} parameters are more than {MOST_NUMBERS:,}: make it smaller")
    if prod(output) > MOST_NUMBERS:
        raise ValueError(
            f"its output {format_shape(output)} has {prod(output):,} numbers for each image, "
            f"more than {MOST_NUMBERS:,}: make it smaller"
        )


def _apply(layer: Layer, shape: Shape) -> tuple[Shape, int]:
    """Output shape and number of parameters of one layer."""
    match layer:
        case Conv():
            channels, height, width = _image(shape)
            padded = (height + 2 * layer.padding, width + 2 * layer.padding)
            out = _slide(padded, layer.kernel, layer.stride)
            parameters = layer.conv * channels * layer.kernel**2 + (layer.conv if layer.bias else 0)
            return (layer.conv, *out), parameters
        case MaxPool(maxpool=window) | AvgPool(avgpool=window):
            channels, height, width = _image(shape)
            return (channels, *_slide((height, width), window, layer.stride or window)), 0
        case Linear():
            features = prod(shape)
            return (layer.linear,), layer.linear * features + (layer.linear if layer.bias else 0)
        case Plain(name="batch_norm"):
            return shape, 2 * shape[0]
        case Plain(name="global_avgpool" | "flatten" as name):
            return (_image(shape)[0] if name == "global_avgpool" else prod(shape),), 0
        case Plain() | LeakyRelu() | Dropout():
            return shape, 0
        case _:
            raise ValueError(f"no size rule for {layer!r}")


def _image(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError("it needs an image (channels×height×width), but the net is flat by here")
    channels, height, width = shape
    return channels, height, width


def _slide(size: tuple[int, int], window: int, stride: int) -> tuple[int, int]:
    """Positions of a square window over a map of `size` (height, width)."""
    if window > min(size):
        raise ValueError(f"its window {window}×{window} is larger than the {size[0]}×{size[1]} map it sees")
    height, width = ((length - window) // stride + 1 for length in size)
    return height, width
