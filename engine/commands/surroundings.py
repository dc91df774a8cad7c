"""The environment that a command is started in."""

from __future__ import annotations

import os
from collections.abc import Mapping

from lazytrain.engine.configuration import CommandConfiguration


def surroundings(
    configuration: CommandConfiguration,
    run_id: str,
    home: str,
    device: str,
    outer: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """That of its starter, with what the command adds, and with how its program finds its run.

    Args:
        device: what its runner holds: that GPU is the one that it sees.
    """
    found = dict(outer)
    # Lines come as they are printed, not when four thousand letters of them are there.
    found.setdefault("PYTHONUNBUFFERED", "1")
    if configuration.path is not None:
        found["PATH"] = configuration.path
    kind, _, number = device.partition(":")
    if configuration.needs == "cpu":
        found["CUDA_VISIBLE_DEVICES"] = ""
    elif kind == "cuda" and number.isdecimal():
        there = [each.strip() for each in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
        found["CUDA_VISIBLE_DEVICES"] = there[int(number)] if int(number) < len(there) else number
    found |= configuration.environment
    return found | {"LAZYTRAIN_HOME": home, "LAZYTRAIN_RUN": run_id}
