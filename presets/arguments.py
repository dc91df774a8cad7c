"""What a person may hand to a torchvision model or a net of their own: plain values, and not without end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

MOST_VALUES = 1_000
MOST_CHARACTERS = 10_000
DEEPEST = 8
LARGEST = 2**53
"""Of a whole number: above it programs that read JSON, as runs are stored in, may not agree."""


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raises ValueError for what isn't a number, text, yes or no, or a list or table of these, by its name."""
    left = MOST_VALUES
    waiting: list[tuple[str, Any, int]] = [(name, value, 1) for name, value in arguments.items()]
    while waiting:
        name, value, depth = waiting.pop()
        left -= 1
        if left < 0:
            raise ValueError(f"arguments: more than {MOST_VALUES:,} values are no settings of a net")
        match value:
            case None | bool():
                pass
            case int() if abs(value) > LARGEST:
                raise ValueError(f"arguments.{name}: a number beyond ±2^53 is no setting of a net")
            case float() if not math.isfinite(value):
                raise ValueError(f"arguments.{name} = {value}: give a finite number")
            case str() if len(value) > MOST_CHARACTERS:
                raise ValueError(f"arguments.{name}: a text of {len(value):,} letters, {MOST_CHARACTERS:,} at most")
            case int() | float() | str():
                pass
            case list() | tuple() | dict() if depth == DEEPEST:
                raise ValueError(f"arguments.{name}: more than {DEEPEST} lists or tables in each other")
            case list() | tuple():
                several = cast("Sequence[Any]", value)
                waiting += [(f"{name}[{place}]", each, depth + 1) for place, each in enumerate(several)]
            case dict():
                named = cast("Mapping[str, Any]", value)
                waiting += [(f"{name}.{key}", each, depth + 1) for key, each in named.items()]
            case _:
                kind = type(value).__name__
                raise ValueError(f"arguments.{name} = {value}: a {kind} can't be handed to a net; write it as text")
