"""One net, two images, the CPU: a process of its own, since a user's module may hang."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from lazytrain.engine.compute.architecture import build_net, try_net
from lazytrain.presets.errors import PresetError
from lazytrain.presets.schema import Architecture


def main() -> int:
    """Read a request from standard input; write the layer rows, or the reason on standard error and exit with 1."""
    request = json.load(sys.stdin)
    shape, classes = tuple(request["input_shape"]), request["num_classes"]
    folder = None if request["module_folder"] is None else Path(request["module_folder"])
    torch.set_num_threads(1)
    try:
        net = build_net(
            Architecture.model_validate(request["architecture"]), shape, classes, seed=0, module_folder=folder
        )
        rows = try_net(net, torch.zeros(request["num_images"], *shape), classes)
    except PresetError as error:
        print(error, file=sys.stderr)  # noqa: T201  the answer of a subprocess
        return 1
    print(json.dumps(rows))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
