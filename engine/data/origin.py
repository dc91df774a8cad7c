"""What a run was begun with, kept in its folder: its data, and the source of a net of the user's own.

A file is one line of JSON and then the list of the data's files (`engine.data.manifest`), compressed. No torch needed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from lazytrain.engine.data.image_folders import counted, readable
from lazytrain.engine.data.manifest import compare
from lazytrain.engine.data.rules import Rules

if TYPE_CHECKING:
    from lazytrain.engine.data.tensors import Dataset

NAME = "origin"
"""Of the file in a run's folder."""
_FORMAT = "lazytrain origin 1"


class OriginDamaged(RuntimeError):
    """The file isn't what was written; the message names it."""


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    format: str
    sha256: str
    """Of the compressed list."""
    rules: int
    integer_bits: int
    float_bits: int
    checksum: str
    classes: tuple[str, ...]
    num_train: int
    num_test: int
    pillow: str
    sources: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The data, and the source of a net of the user's own."""

    rules: Rules
    """By which the images were found and made RGB."""
    integer_bits: int
    """Of grey images of more than 8 bits, and of floating-point numbers."""
    float_bits: int
    checksum: str
    """Of the decoded images."""
    classes: tuple[str, ...]
    num_train: int
    num_test: int
    pillow: str
    """Version of what decoded them."""
    sources: Mapping[str, str]
    """File → SHA-256, of a user's own net and of what it imports from beside it."""
    files: bytes
    """Those that the images are made of."""

    def pack(self) -> bytes:
        """As a file."""
        body = zlib.compress(self.files, 1)
        values = {name: getattr(self, name) for name in _Header.model_fields if hasattr(self, name)}
        header = _Header(format=_FORMAT, sha256=hashlib.sha256(body).hexdigest(), **values)
        return header.model_dump_json().encode() + b"\n" + body


def read_origin(folder: Path) -> Origin | None:
    """What the run with that folder was begun with; None if an older lazytrain began it. Raises OriginDamaged."""
    path = folder / NAME
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        header = _Header.model_validate_json(head)
        if header.format != _FORMAT or hashlib.sha256(body).hexdigest() != header.sha256:
            raise OriginDamaged(f"{path} is not what was written")
        values = header.model_dump(exclude={"format", "sha256", "rules"})
        return Origin(rules=Rules(header.rules), files=zlib.decompress(body), **values)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as error:
        raise OriginDamaged(f"{path} can't be read: {error}") from error


def origin_of(dataset: Dataset, sources: Mapping[str, str]) -> Origin:
    """What a run on `dataset` is begun with."""
    from PIL import __version__ as pillow  # here, since whoever only reads an origin needs it not

    return Origin(
        rules=dataset.rules,
        integer_bits=dataset.depth.integers,
        float_bits=dataset.depth.floats,
        checksum=dataset.checksum,
        classes=dataset.classes,
        num_train=len(dataset.train),
        num_test=len(dataset.test),
        pillow=pillow,
        sources=dict(sources),
        files=dataset.files,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How data differ from those of before: in a clause each, and whether it may be by their decoding alone."""

    clauses: tuple[str, ...]
    by_decoding: bool = False

    def __str__(self) -> str:
        return "; ".join(self.clauses)


def data_difference(before: Origin, now: Origin, split: str = "") -> Difference | None:
    """How the images differ; None if they are the same, bit for bit.

    Args:
        split: looks at the classes and at this part of a folder of images alone, `train` or `test`.
    """
    if before.checksum == now.checksum:
        return None
    changes = compare(before.files, now.files, before.classes, now.classes)
    if split:
        changes = changes.within(f"{split}/")
        if before.files and not changes.any and not changes.touched:
            return None
    clauses = tuple(changes.say())
    if clauses:
        return Difference(clauses)
    if before.pillow != now.pillow or (before.files and not changes.touched):
        return Difference((f"decoded by Pillow {now.pillow}, was {before.pillow}",), by_decoding=True)
    if changes.touched:
        return Difference((f"changed, of the same size: {counted([*map(readable, changes.touched)])}",))
    there = f"{now.num_train:,} training and {now.num_test:,} test images, were {before.num_train:,} and"
    return Difference((f"{there} {before.num_test:,}",))


def source_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Which files of a net's source differ; None if all are the same."""
    parts: Sequence[tuple[str, list[str]]] = (
        ("changed", [name for name in before if name in now and before[name] != now[name]]),
        ("gone", [name for name in before if name not in now]),
        ("new", [name for name in now if name not in before]),
    )
    return "; ".join(f"{what}: {counted(names)}" for what, names in parts if names) or None
