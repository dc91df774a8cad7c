"""One net, two images: a process of its own, since a user's module may hang, end it, or set what others go by."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from lazytrain.engine.child_process import host_own_code
from lazytrain.engine.compute.architecture import CHECK_SECONDS, try_architecture
from lazytrain.engine.errors import describe, text_of
from lazytrain.presets.errors import PresetError
from lazytrain.presets.schema import Architecture


def main() -> int:
    """Read a request from standard input; write the layer rows, or why there are none, as JSON on standard output."""
    request = json.load(sys.stdin)
    # What the net prints is no answer; Ctrl-C is the business of the one who waits, and so is patience while it lives.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.alarm(CHECK_SECONDS + 1)
    host_own_code()
    json.dump(_try(request), answers)
    answers.flush()
    # Whatever the net has started, or left to do at the end, is nobody's.
    os._exit(0)


def _try(request: dict[str, Any]) -> dict[str, Any]:
    folder = None if request["module_folder"] is None else Path(request["module_folder"])
    torch.set_num_threads(1)
    try:
        rows = try_architecture(
            Architecture.model_validate(request["architecture"]),
            tuple(request["input_shape"]),
            request["num_classes"],
            folder,
            request["num_images"],
            request["device"],
        )
    except PresetError as error:
        return {"refused": text_of(error)}
    except BaseException as error:  # noqa: BLE001  a user's module may raise anything, SystemExit too
        return {"failed": describe(error)}
    return {"rows": rows}


if __name__ == "__main__":
    sys.exit(main())
