"""Errors about what a person wrote, worded for that person: file, field, value, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails


class PresetError(ValueError):
    """A preset, a setting or a pair of presets that cannot be used; the message is for the person who wrote it."""


def explain(error: ValidationError, source: str, fields: Mapping[str, Any] | None = None) -> PresetError:
    """Word pydantic's `error` about `source` (a file's path, or "--set"); `fields` are the names that exist."""
    lines = [_explain_one(details, tuple(fields or ())) for details in error.errors()]
    return PresetError(f"{source}: " + "; ".join(dict.fromkeys(lines)))


def explain_field(error: ValidationError, fields: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The same sentences by dotted field name, for a form that shows each beside its field ("" for the whole)."""
    return {
        ".".join(str(part) for part in details["loc"]): _explain_one(details, tuple(fields or ()))
        for details in error.errors()
    }


def _explain_one(details: ErrorDetails, known: tuple[str, ...]) -> str:
    field = _field_name(details["loc"])
    value: object = details.get("input")
    given = f" = {value!r}" if len(repr(value)) <= 60 else ""
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(details["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known)}" if known else "remove it"
            return f"unknown field {field}{given}: {hint}"
        case "missing":
            return f"{field} is missing"
        case "value_error":
            reason = str(context.get("error", details["msg"]))
            return f"{field}: {reason}" if field else reason
        case "literal_error":
            return f"{field}{given}: must be one of {context.get('expected', '')}"
        case "string_pattern_mismatch" if field.endswith("dataset"):
            return f"{field}{given}: must be cifar10, digits or folder:<path>"
        case _:
            message = details["msg"].removeprefix("Input should be ").replace("Input should have", "must have")
            return f"{field}{given}: must be {message}" if message != details["msg"] else f"{field}{given}: {message}"


def _field_name(location: tuple[int | str, ...]) -> str:
    """`("layers", 3, "conv", "kernel")` → `layers.4.kernel`: layers are counted from 1, the union's tag is left out."""
    parts: list[str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            parts.append(str(part + 1))
        elif not (index and isinstance(location[index - 1], int)):
            parts.append(part)
    return ".".join(parts)
