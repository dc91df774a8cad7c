"""Passes of a few images through a net, forward, in train and in eval mode: what its parts make of them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.architecture import build_other, import_module
from lazytrain.engine.compute.net_state import has_extra_state, try_extra_state
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import MOST_NUMBERS
from lazytrain.presets.schema import Architecture

Rows = list[tuple[str, str, int]]
"""(name, output size, parameters) of a net's parts, for a layer table."""


def try_architecture(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int,
    device: str,
) -> Rows:
    """Make the net on `device` and try it there. Raises PresetError, and whatever the net raises."""
    if architecture.module is not None:
        # What stands beside the class is made where it will be made in a training.
        import_module(architecture.module, module_folder)
    with torch.device(device):
        net = build_other(architecture, num_classes, module_folder)
    return try_net(net, torch.zeros(num_images, *input_shape, device=device), num_classes)


def try_resume(
    architecture: Architecture, input_shape: tuple[int, ...], num_classes: int, module_folder: Path | None
) -> None:
    """Whether a net that keeps more than tensors could go on after a stop. Raises whatever the net raises."""

    def build() -> nn.Module:
        return build_other(architecture, num_classes, module_folder)

    net = build()
    if has_extra_state(net):
        # What is kept may be there only once an image was seen.
        try_net(net, torch.zeros(2, *input_shape), num_classes)
        try_extra_state(net, build())


def try_net(net: nn.Module, images: Tensor, num_classes: int) -> Rows:
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
    for name, _, parameters in rows:
        # On the meta device no memory was asked for yet.
        if parameters > MOST_NUMBERS:
            raise PresetError(f"{name}: its {parameters:,} parameters are more than {MOST_NUMBERS:,}: make it smaller")
    return rows or [(type(net).__name__, str(num_classes), _parameters(net))]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
