"""From an architecture to an `nn.Module`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from lazytrain.engine.child_process import keep_importable
from lazytrain.engine.compute.randomness import forked, seed_all
from lazytrain.engine.data.augmentation import seed_for
from lazytrain.engine.errors import first_line
from lazytrain.presets import schema
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import SizedLayer, size_layers
from lazytrain.presets.schema import Architecture, AvgPool, Conv, Dropout, LeakyRelu, Linear, MaxPool, Plain

_PLAIN: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "flatten": nn.Flatten,
}


def build_net(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    seed: int,
    module_folder: Path | None = None,
) -> nn.Module:
    """The net on the CPU, its weights drawn from `seed` alone: the same on every device.

    Args:
        input_shape: (channels, height, width) of an image.
        module_folder: where a `module = "…"` may also be found: the user's presets folder.

    Raises:
        LayerError: a layer list doesn't fit the images.
        PresetError: torchvision or the module has no such net, or it can't be made.
    """
    with forked([]):
        seed_all(seed_for(seed, "weights"))
        if architecture.layers is not None:
            return build_layers(size_layers(architecture.layers, input_shape, num_classes))
        net = build_other(architecture, num_classes, module_folder)
        if any(isinstance(each, UninitializedParameter | UninitializedBuffer) for each in _tensors(net)):
            # Lazy modules draw their weights when they first see an image, before any optimizer looks for them.
            net.eval()
            with torch.no_grad():
                net(torch.zeros(2, *input_shape))
            net.train()
        return net


def _tensors(net: nn.Module) -> Iterator[Tensor]:
    yield from net.parameters()
    yield from net.buffers()


class Residual(nn.Sequential):
    """Layers around which their input goes, too."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  as its base class calls it
        return input + super().forward(input)


def build_layers(sized: tuple[SizedLayer, ...]) -> nn.Sequential:
    """A sized layer list as a stack of torch's modules; an image is flattened where a linear layer first sees it."""
    modules: list[nn.Module] = []
    for layer in sized:
        if isinstance(layer.layer, Linear) and len(layer.input_shape) == 3:
            modules.append(nn.Flatten())
        modules.append(_build_layer(layer))
    return nn.Sequential(*modules)


def _build_layer(sized: SizedLayer) -> nn.Module:
    match sized.layer:
        case Conv() as layer:
            channels = sized.input_shape[0]
            return nn.Conv2d(channels, layer.conv, layer.kernel, layer.stride, layer.padding, bias=layer.bias)
        case MaxPool() as layer:
            return nn.MaxPool2d(layer.maxpool, layer.stride)
        case AvgPool() as layer:
            return nn.AvgPool2d(layer.avgpool, layer.stride)
        case Linear() as layer:
            return nn.Linear(_features(sized), layer.linear, bias=layer.bias)
        case Dropout() as layer:
            return nn.Dropout(layer.dropout)
        case LeakyRelu() as layer:
            return nn.LeakyReLU(layer.leaky_relu)
        case schema.Residual():
            return Residual(*build_layers(sized.inner))
        case Plain(name="batch_norm"):
            kind = nn.BatchNorm2d if len(sized.input_shape) == 3 else nn.BatchNorm1d
            return kind(sized.input_shape[0])
        case Plain(name="global_avgpool"):
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case Plain() as layer:
            return _PLAIN[layer.name]()
        case _:
            raise TypeError(f"no module for {sized.layer!r}")


def _features(sized: SizedLayer) -> int:
    features = 1
    for size in sized.input_shape:
        features *= size
    return features


def build_other(architecture: Architecture, num_classes: int, module_folder: Path | None) -> nn.Module:
    """A net that torchvision or a user's module makes. Raises PresetError, and whatever that raises."""
    if architecture.torchvision is not None:
        # Its import takes as long again as torch's, which every other training is spared.
        import torchvision

        if architecture.torchvision not in torchvision.models.list_models(module=torchvision.models):
            raise PresetError(f"torchvision = {architecture.torchvision!r}: torchvision has no such classifier")
        made = torchvision.models.get_model(
            architecture.torchvision, weights=None, num_classes=num_classes, **architecture.arguments
        )
    else:
        made = import_module(architecture.module or "", module_folder)(
            num_classes=num_classes, **architecture.arguments
        )
    if not isinstance(made, nn.Module):
        raise PresetError(f"{architecture.title}: {type(made).__name__} is no torch.nn.Module")
    return made


def import_module(reference: str, folder: Path | None) -> type[nn.Module]:
    """The class that `module = "package.module:Class"` names. Raises PresetError."""
    package, _, name = reference.partition(":")
    with _importable(folder):
        try:
            module = importlib.import_module(package)
        except ImportError as error:
            raise PresetError(f"module = {reference!r}: {first_line(error)}") from error
    if not hasattr(module, name):
        raise PresetError(f"module = {reference!r}: {package} has no {name}")
    return getattr(module, name)


@contextmanager
def _importable(folder: Path | None) -> Iterator[None]:
    if folder is None or str(folder) in sys.path or keep_importable(folder):
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
