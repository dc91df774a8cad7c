"""From an architecture to an `nn.Module`, and the check of nets whose sizes only torch knows."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from lazytrain.engine.child_process import describe_end, keep_importable, python_command
from lazytrain.engine.compute.randomness import forked, seed_all
from lazytrain.engine.data.augmentation import seed_for
from lazytrain.engine.errors import first_line
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import SizedLayer, size_layers
from lazytrain.presets.schema import Architecture, AvgPool, Conv, Dropout, LeakyRelu, Linear, MaxPool, Plain

CHECK_SECONDS = 120
"""How long a net may take for two images on the CPU before the check gives up."""

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
        net = _build_other(architecture, num_classes, module_folder)
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


def _build_other(architecture: Architecture, num_classes: int, module_folder: Path | None) -> nn.Module:
    if architecture.torchvision is not None:
        # Its import takes as long again as torch's, which every other training is spared.
        import torchvision

        if architecture.torchvision not in torchvision.models.list_models(module=torchvision.models):
            raise PresetError(f"torchvision = {architecture.torchvision!r}: torchvision has no such classifier")
        made = torchvision.models.get_model(
            architecture.torchvision, weights=None, num_classes=num_classes, **architecture.arguments
        )
    else:
        made = _import_module(architecture.module or "", module_folder)(
            num_classes=num_classes, **architecture.arguments
        )
    if not isinstance(made, nn.Module):
        raise PresetError(f"{architecture.title}: {type(made).__name__} is no torch.nn.Module")
    return made


def _import_module(reference: str, folder: Path | None) -> type[nn.Module]:
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


def check_net(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None = None,
    num_images: int = 2,
) -> list[tuple[str, str, int]]:
    """Try a torchvision net or a user's module on a few images, on the meta device: nothing is computed.

    Where meta itself is what fails, the pass is a real one on the CPU. A user's module is tried in a process of its
    own: it may hang, end its process, or set what others go by.

    Returns:
        (name, output size, parameters) of its parts, for a layer table.

    Raises:
        PresetError: it can't be made, fails, or its output isn't N × classes.
    """

    def elsewhere(device: str) -> list[tuple[str, str, int]]:
        return _try_elsewhere(architecture, input_shape, num_classes, module_folder, num_images, device)

    try:
        if architecture.module is not None:
            return elsewhere("meta")
        return try_architecture(architecture, input_shape, num_classes, module_folder, num_images, "meta")
    except PresetError:
        raise
    except Exception:  # noqa: BLE001  torch's meta kernels may raise anything, and so may a user's module
        return elsewhere("cpu")


class TrialFailed(RuntimeError):
    """A net that was tried in a process of its own failed there; the message says how."""


def try_architecture(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int,
    device: str,
) -> list[tuple[str, str, int]]:
    """`check_net` in this process, on `device`. Raises PresetError, and whatever the net raises."""
    if architecture.module is not None:
        # What stands beside the class is made where it will be made in a training.
        _import_module(architecture.module, module_folder)
    with torch.device(device):
        net = _build_other(architecture, num_classes, module_folder)
    return try_net(net, torch.zeros(num_images, *input_shape, device=device), num_classes)


def try_net(net: nn.Module, images: Tensor, num_classes: int) -> list[tuple[str, str, int]]:
    """Passes in train and in eval mode. Raises PresetError if an output isn't N × classes."""
    sizes: dict[str, str] = {}

    def note(name: str) -> None:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            sizes[name] = "×".join(str(size) for size in output.shape[1:]) if isinstance(output, Tensor) else ""

        children[name].register_forward_hook(hook)

    children = dict(net.named_children())
    for name in children:
        note(name)
    for training in (True, False):
        net.train(training)
        with torch.no_grad():
            output = net(images)
        expected = (len(images), num_classes)
        if not isinstance(output, Tensor) or tuple(output.shape) != expected:
            got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            mode = "train" if training else "eval"
            raise PresetError(f"its output in {mode} mode is {got}, not {expected} (images × classes)")
    rows = [(name, sizes.get(name, ""), _parameters(child)) for name, child in children.items()]
    return rows or [(type(net).__name__, str(num_classes), _parameters(net))]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _try_elsewhere(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int,
    device: str,
) -> list[tuple[str, str, int]]:
    """`try_architecture` in a process of its own.

    Raises:
        PresetError: as `check_net` does.
        TrialFailed: it failed on the meta device, which may be that device's fault.
    """
    request = {
        "architecture": architecture.model_dump(mode="json"),
        "input_shape": input_shape,
        "num_classes": num_classes,
        "module_folder": None if module_folder is None else str(module_folder),
        "device": device,
        "num_images": num_images,
    }
    try:
        done = subprocess.run(
            python_command("lazytrain.engine.compute.trial"),
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PresetError(f"{architecture.title}: two images took over {CHECK_SECONDS} s on the CPU") from error
    ended = {"failed": f"it ended the process that tried it ({describe_end(done.returncode)})"}
    match json.loads(done.stdout) if done.stdout else ended:
        case {"rows": rows}:
            return [(name, size, count) for name, size, count in rows]
        case {"refused": refused}:
            raise PresetError(refused)
        case {"failed": failed}:
            if device == "meta":
                raise TrialFailed(failed)
            raise PresetError(f"{architecture.title}: fails on images of {'×'.join(map(str, input_shape))}: {failed}")
        case other:
            raise AssertionError(f"no answer of a trial: {other}")
