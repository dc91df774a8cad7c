"""What a script logs, made into what the store keeps: numbers, and configurations as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from lazytrain.engine.errors import encodable
from lazytrain.presets.plain_text import harmless

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK")
"""Which of several processes this one is, as torchrun, Slurm and MPI say it."""


class NotANumber(TypeError):
    """A value that can't be a point of a curve."""


def number(value: Any) -> float:
    """A float, int, bool, numpy scalar or tensor of one value as a float. Raises NotANumber."""
    if isinstance(value, str | bytes | Mapping | list | tuple | set) or value is None:
        raise NotANumber(type(value).__name__)
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        # An array or tensor of several values, a complex number, an int beyond every float.
        raise NotANumber(type(value).__name__) from error


def plain(value: Any, depth: int = 0) -> Any:
    """A configuration as JSON holds it: what isn't a number, a text or a collection of those is its `str`."""
    if depth > 20:
        return "…"
    match value:
        case None | bool() | int():
            return value
        case str():
            return encodable(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {encodable(str(key)): plain(each, depth + 1) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each, depth + 1) for each in value]
        case _:
            try:
                return number(value)
            except NotANumber:
                return encodable(harmless(str(value)))[:1000]


def as_mapping(given: Any) -> dict[str, Any]:
    """`config=` as a dict: a mapping, an `argparse.Namespace`, a dataclass. Raises TypeError."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    if hasattr(given, "__dict__") and not isinstance(given, type):
        return {name: each for name, each in vars(given).items() if not name.startswith("_")}
    raise TypeError(f"config must be a dict or a namespace, not {type(given).__name__}")


def to_json(value: Any) -> str:
    """`plain` as text."""
    return json.dumps(plain(value), ensure_ascii=False)


def rank() -> int:
    """The number of this process among those that train together, 0 for the first or the only one."""
    for name in RANKS:
        given = os.environ.get(name, "")
        if given.isdecimal():
            return int(given)
    return 0
