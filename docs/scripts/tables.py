"""Tables in Markdown, and the one of a pydantic model's fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

NOT_SET = "not set"
MEANINGS = {
    "epochs": "Passes over the training images.",
    "optimizer": "What turns gradients into steps.",
    "learning_rate": "As the optimizer takes it; see `schedule`.",
    "weight_decay": "Added to the gradient; with `adamw` apart from it.",
    "decay_factor": "See `decay_epochs`.",
    "shift_pixels": "The farthest shift.",
    "rotation_degrees": "The largest rotation.",
    "colour_strength": "The largest change.",
    "seed": "Of everything random: first weights, order of the images, augmentation, dropout.",
}
"""Of fields whose name says nearly everything, and which have no sentence in the code."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, with a newline at its end."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Text that stays in its cell."""
    return " ".join(text.replace("|", "\\|").split())


def list_fields(model: type[BaseModel], leave_out: Sequence[str] = ()) -> str:
    """A line a field: its name, default, what is allowed, and what it means. Raises KeyError if nothing says that."""
    schema = model.model_json_schema()["properties"]
    rows = [
        (f"`{name}`", f"`{value(each.get('default'))}`", allowed(each), meaning(model, name))
        for name, each in schema.items()
        if name not in leave_out
    ]
    return table(("field", "default", "allowed", "what it does"), rows)


def meaning(model: type[BaseModel], name: str) -> str:
    """The sentence under a field."""
    return model.model_fields[name].description or MEANINGS[name]


def value(written: Any) -> str:
    """A value as it stands in a TOML file."""
    match written:
        case None:
            return NOT_SET
        case bool():
            return str(written).lower()
        case str():
            return f'"{written}"'
        case list() | tuple():
            return f"[{', '.join(map(value, written))}]"
        case float() if written.is_integer():
            return f"{written:.1f}"
        case _:
            return str(written)


def allowed(schema: dict[str, Any]) -> str:
    """What a field takes, from its JSON schema: `number from 0 to 1`, `"sgd", "adam"`."""
    if "anyOf" in schema:
        return ", ".join(filter(None, map(allowed, schema["anyOf"])))
    if "enum" in schema:
        return ", ".join(f"`{value(each)}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{value(schema['const'])}`"
    match schema.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return limits(schema, "whole number" if kind == "integer" else "number")
        case "array":
            return f"list of {allowed(schema['items'])}"
        case "string" | None:
            return "text"
        case _:
            return ""


def limits(schema: dict[str, Any], kind: str) -> str:
    """`whole number from 1 to 100,000`, `number above 0 below 1`."""
    words = (("exclusiveMinimum", "above"), ("minimum", "from"), ("exclusiveMaximum", "below"), ("maximum", "to"))
    # The end of 64 bits is no limit that anybody meets.
    found = [f"{word} {number(schema[key])}" for key, word in words if schema.get(key, 2**63) < 2**62]
    return " ".join([kind, *found])


def number(written: float) -> str:
    """`100000` → `100,000`."""
    return f"{int(written):,}" if float(written).is_integer() else f"{written:g}"
