"""The check of nets whose sizes only torch knows. Importing this does not import torch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytrain.engine.child_process import describe_end, python_command
from lazytrain.presets.errors import PresetError
from lazytrain.presets.schema import Architecture

if TYPE_CHECKING:
    from lazytrain.engine.compute.passes import Rows

CHECK_SECONDS = 120
"""How long a net may take for two images on the CPU before the check gives up."""


class NetDied(RuntimeError):
    """A net ended the process that tried it; the message says how."""


def check_net(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None = None,
    num_images: int = 2,
) -> Rows:
    """Try a torchvision net or a user's module on a few images, on the meta device: nothing is computed.

    Where meta itself is what fails, the pass is a real one on the CPU. A user's module is tried in a process of its
    own: it may hang, end its process, or set what others go by. Only torchvision's nets take torch here.

    Raises:
        PresetError: it can't be made, fails, or its output isn't N × classes.
    """

    def elsewhere(*devices: str) -> Rows:
        return _try_elsewhere(architecture, input_shape, num_classes, module_folder, num_images, devices)

    try:
        if architecture.module is not None:
            return elsewhere("meta", "cpu")
        from lazytrain.engine.compute.passes import try_architecture

        return try_architecture(architecture, input_shape, num_classes, module_folder, num_images, "meta")
    except PresetError:
        raise
    except Exception:  # noqa: BLE001  torch's meta kernels may raise anything, and may crash on a user's own operations
        try:
            return elsewhere("cpu")
        except NetDied as died:
            raise PresetError(f"{architecture.title}: {died}") from None


def describe_failure(architecture: Architecture, input_shape: tuple[int, ...], failed: str) -> str:
    """What is said of a net that fails on images."""
    return f"{architecture.title}: fails on images of {'×'.join(map(str, input_shape))}: {failed}"


def _try_elsewhere(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int,
    devices: tuple[str, ...],
) -> Rows:
    """Try it in a process of its own, on the first of the devices that it doesn't fail on.

    Raises:
        PresetError: as `check_net` does.
        NetDied: it ended that process.
    """
    request = {
        "architecture": architecture.model_dump(mode="json"),
        "input_shape": input_shape,
        "num_classes": num_classes,
        "module_folder": None if module_folder is None else str(module_folder),
        "devices": devices,
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
    if not done.stdout:
        raise NetDied(f"it ended the process that tried it ({describe_end(done.returncode)})")
    answer: dict[str, Any] = json.loads(done.stdout)
    match answer:
        case {"rows": rows}:
            return [(name, size, count) for name, size, count in rows]
        case {"refused": refused}:
            raise PresetError(refused)
        case _:
            raise AssertionError(f"no answer of a trial: {answer}")
