"""The hyperparameters as a form has them: which fields, in which groups, and text to value and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from lazytrain.engine.configuration import flatten
from lazytrain.presets import Augmentation, Hyperparameters, explain_field

GROUPS: Mapping[str, tuple[str, ...]] = {
    "data": ("dataset", "image_size", "validation_fraction"),
    "optimisation": (
        *("epochs", "batch_size", "optimizer", "learning_rate", "momentum", "nesterov", "weight_decay"),
        *("schedule", "decay_epochs", "decay_factor", "warmup_epochs", "loss", "label_smoothing"),
    ),
    "augmentation": tuple(f"augmentation.{name}" for name in Augmentation.model_fields),
    "stopping": ("on_nan", "early_stopping_epochs", "time_budget_minutes"),
    "run": ("seed", "threads", "precision", "channels_last", "compile", "deterministic"),
}
"""Fields that are named in no group come last."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form."""

    name: str
    """Dotted, as in a preset: `augmentation.flip`."""
    kind: Literal["choice", "switch", "number", "text"]
    about: str
    """One sentence, or empty."""
    options: tuple[str, ...] = ()
    """Of a choice."""
    optional: bool = False
    """An empty text means none."""
    whole: bool = False
    """A whole number."""

    def parse(self, text: str) -> Any:
        """The text as the field's type, or as it is where it isn't one: validation then says what would be right."""
        text = text.strip()
        if self.optional and text in ("", "none"):
            return None
        if self.kind != "number":
            return text
        for read in (int, float):
            try:
                return read(text.replace("_", ""))
            except ValueError:
                continue
        return text


def form_groups() -> dict[str, tuple[Field, ...]]:
    """Every field of `Hyperparameters`, by group."""
    fields = {name: _field(name, info) for name, info in _fields(Hyperparameters.model_fields)}
    groups = {title: tuple(fields.pop(name) for name in names) for title, names in GROUPS.items()}
    groups["run"] += tuple(fields.values())
    return groups


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names → nested tables, one level deep as in a preset."""
    tables: dict[str, Any] = {}
    for name, value in values.items():
        table, _, leaf = name.rpartition(".")
        (tables.setdefault(table, {}) if table else tables)[leaf] = value
    return tables


def find_errors(values: Mapping[str, Any]) -> dict[str, str]:
    """What doesn't fit, by dotted field; what several fields do together stands at the first it names.

    Its key is "" where it names none.
    """
    try:
        Hyperparameters.model_validate(nested(values))
    except ValidationError as error:
        found = explain_field(error, Hyperparameters.model_fields)
    else:
        return {}
    together = found.pop("", None)
    if together is not None:
        first = together.split(maxsplit=1)[0]
        found[first if first in values else ""] = together
    return found


def flat(values: Hyperparameters) -> dict[str, Any]:
    """Dotted name → value."""
    return dict(flatten(values.model_dump()))


def to_text(value: Any) -> str:
    """A value as it stands in the form."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


def _fields(model_fields: Mapping[str, FieldInfo], prefix: str = ""):
    for name, info in model_fields.items():
        if info.annotation is Augmentation:
            yield from _fields(Augmentation.model_fields, f"{name}.")
        else:
            yield f"{prefix}{name}", info


def _field(name: str, info: FieldInfo) -> Field:
    kinds, optional = _types(info.annotation)
    about, limits = " ".join((info.description or "").replace("`", "").split()), _limits(info)
    about = f"{about} ({limits})" if about and limits else about or limits
    if all(get_origin(kind) is Literal for kind in kinds):
        return Field(name, "choice", about, options=get_args(kinds[0]))
    if bool in kinds:
        return Field(name, "switch", about)
    if int in kinds or float in kinds:
        return Field(name, "number", about, optional=optional, whole=float not in kinds)
    return Field(name, "text", about, optional=optional)


def _limits(info: FieldInfo) -> str:
    """`from 1, up to 100,000`, `above 0`, `from 0, below 1`, or empty."""
    words: list[str] = []
    for limit in info.metadata:
        match limit:
            case Ge(ge=value):
                words.append(f"from {value:,}")
            case Gt(gt=value):
                words.append(f"above {value:,}")
            case Le(le=value):
                words.append(f"up to {value:,}")
            case Lt(lt=value) if value < 2**62:  # type: ignore[operator]
                words.append(f"below {value:,}")
            case _:
                pass
    return ", ".join(words)


def _types(annotation: Any) -> tuple[tuple[Any, ...], bool]:
    """(the types without None, whether None is one)."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    plain = tuple(_bare(part) for part in parts if part is not type(None))
    return plain, len(plain) < len(parts)


def _bare(annotation: Any) -> Any:
    """`Annotated[float, …]` → `float`."""
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
