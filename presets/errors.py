"""Errors about what a person wrote, worded for that person: file, field, value, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class PresetError(ValueError):
    """A preset, a setting or a pair of presets that cannot be used; the message is for the person who wrote it."""


def explain(error: ValidationError, source: str, fields: Mapping[str, Any] | None = None) -> PresetError:
    """Word pydantic's `error` about `source` (a file's path, or "--set"); `fields` are the names that exist."""
    lines = [_explain_one(details, fields or {}) for details in _telling(error)]
    return PresetError(f"{source}: " + "; ".join(dict.fromkeys(lines)))


def explain_field(error: ValidationError, fields: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The same sentences by dotted field name, for a form that shows each beside its field ("" for the whole)."""
    return {
        ".".join(str(part) for part in details["loc"]): _explain_one(details, fields or {})
        for details in _telling(error)
    }


def _telling(error: ValidationError) -> list[ErrorDetails]:
    """The errors but those that only follow from others: a list is too short once its wrong items are left out."""
    errors = error.errors()
    inner = [details["loc"] for details in errors]
    return [
        details
        for details in errors
        if details["type"] != "too_short"
        or not any(len(each) > len(details["loc"]) and each[: len(details["loc"])] == details["loc"] for each in inner)
    ]


def _explain_one(details: ErrorDetails, fields: Mapping[str, Any]) -> str:
    field = _field_name(details["loc"])
    known = _known_beside(fields, details["loc"])
    value: object = details.get("input")
    # An address may hold keys: `notify` in settings.toml.
    given = f" = {value!r}" if len(repr(value)) <= 60 and "://" not in repr(value) else ""
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            word = str(details["loc"][-1])
            near = get_close_matches(word, known, n=1) or [name for name in known if _initials(name) == word]
            hint = f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known)}" if known else "remove it"
            return f"unknown field {field}{given}: {hint}"
        case "missing":
            return f"{field} is missing"
        case "value_error":
            reason = str(context.get("error", details["msg"]))
            return f"{field}: {reason}" if field else reason
        case "too_short":
            return f"{field}{given}: must have at least {context.get('min_length', 1)} item"
        case "literal_error":
            return f"{field}{given}: must be one of {context.get('expected', '')}"
        case "string_pattern_mismatch" if field.endswith("dataset"):
            return f"{field}{given}: must be cifar10, digits, folder:<path> or torchvision:<set>"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{field}{given}: must be a whole number"
        case "float_parsing" | "float_type":
            return f"{field}{given}: must be a number"
        case _:
            message = details["msg"].removeprefix("Input should be ").replace("Input should have", "must have")
            return f"{field}{given}: must be {message}" if message != details["msg"] else f"{field}{given}: {message}"


def _initials(name: str) -> str:
    """How people shorten a field's name: learning_rate is `lr` on the screen, too."""
    return "".join(part[:1] for part in name.split("_"))


def _known_beside(fields: Mapping[str, Any], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Names that could stand where `location` ends, within what `fields` describe; none where that isn't told."""
    for part in location[:-1]:
        if isinstance(part, str):
            inner = _model_in(getattr(fields.get(part), "annotation", None))
            if inner is None or part == "layers":
                return ()
            fields = inner.model_fields
    return tuple(fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a field, or of its items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for each in get_args(annotation) if (model := _model_in(each)) is not None), None)


def _field_name(location: tuple[int | str, ...]) -> str:
    """`("layers", 3, "conv", "kernel")` → `layers.4.kernel`: layers are counted from 1, the union's tag is left out."""
    parts: list[str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            parts.append(str(part + 1))
        elif not (index > 1 and isinstance(location[index - 1], int) and location[index - 2] == "layers"):
            parts.append(part)
    return ".".join(parts)
