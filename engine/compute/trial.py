"""One net in a process of its own: a user's module may hang, end it, or set what others go by."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from lazytrain.engine.child_process import host_own_code
from lazytrain.engine.compute.checking import CHECK_SECONDS, describe_failure
from lazytrain.engine.compute.passes import Rows, try_architecture, try_resume
from lazytrain.engine.errors import describe, text_of
from lazytrain.presets.errors import PresetError
from lazytrain.presets.schema import Architecture


def try_somewhere(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int = 2,
    devices: tuple[str, ...] = ("meta", "cpu"),
) -> Rows:
    """Try it in this process, one of its own, on the first of `devices` that it doesn't fail on, and a resume of it.

    Raises:
        PresetError: it fails on all of them, its output isn't N × classes, or what it keeps can't be saved or taken.
    """
    torch.set_num_threads(1)
    rows = _try_images(architecture, input_shape, num_classes, module_folder, num_images, devices)
    try:
        try_resume(architecture, input_shape, num_classes, module_folder)
    except BaseException as error:  # a user's module may raise anything, SystemExit too
        raise PresetError(f"{architecture.title}: could not go on after a stop: {describe(error)}") from error
    return rows


def _try_images(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    num_classes: int,
    module_folder: Path | None,
    num_images: int,
    devices: tuple[str, ...],
) -> Rows:
    for device in devices:
        try:
            return try_architecture(architecture, input_shape, num_classes, module_folder, num_images, device)
        except PresetError:
            raise
        except BaseException as error:  # a user's module may raise anything, SystemExit too
            if device == devices[-1]:
                raise PresetError(describe_failure(architecture, input_shape, describe(error))) from error
    raise ValueError("no device to try it on")


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
    json.dump(_answer(request), answers)
    answers.flush()
    # Whatever the net has started, or left to do at the end, is nobody's.
    os._exit(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        rows = try_somewhere(
            Architecture.model_validate(request["architecture"]),
            tuple(request["input_shape"]),
            request["num_classes"],
            None if request["module_folder"] is None else Path(request["module_folder"]),
            request["num_images"],
            tuple(request["devices"]),
        )
    except PresetError as error:
        return {"refused": text_of(error)}
    return {"rows": rows}


if __name__ == "__main__":
    sys.exit(main())
