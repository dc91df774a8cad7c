"""Which preset files there are, in the order they are listed, and what they are called; needs no pydantic."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from lazytrain.presets.plain_text import EncodingError, harmless, read_utf8

Origin = Literal["shipped", "yours"]
Kind = Literal["architectures", "hyperparameters", "studies", "commands"]

_ORDER: dict[str, tuple[str, ...]] = {
    "architectures": (
        *("coolnet-v10", "coolnet-v7", "coolnet-v1", "coolnet-v2", "coolnet-v2-k3", "coolnet-v2-k9", "coolnet-v3"),
        *("coolnet-v4", "coolnet-v5", "coolnet-v6", "coolnet-v8", "boringnet", "boringnet-relu"),
        *("boringnet-leaky-relu", "lazynet", "resnet18"),
    ),
    "hyperparameters": (
        *("quick", "default", "batch-5", "batch-10", "batch-20", "lr-10", "lr-0.1", "lr-0.0001"),
        *("decreasing-lr", "augmentation", "mse"),
    ),
    "studies": (
        *("learning-rate", "batch-size", "decreasing-lr", "augmentation", "mse", "activations", "architectures"),
        *("coolnet-variants", "whole-report"),
    ),
    "commands": (),
}
"""The order in which shipped presets are listed: what a newcomer wants first."""
_TITLE = re.compile(r"""^title[ \t]*=[ \t]*(?:"([^"\\\n]+)"|'([^'\n]+)')[ \t]*(?:#.*)?$""", re.MULTILINE)
"""A title as nearly everybody writes it."""


def find_files(kind: str, user_folder: Path | None) -> Iterator[tuple[str, Origin, Traversable]]:
    """(name, origin, file): shipped first in their written order, then the user's by name, as it can be shown."""
    shipped = {entry.name.removesuffix(".toml"): entry for entry in _toml_files(files("lazytrain.presets") / kind)}
    listed = _ORDER.get(kind, ())
    for name in sorted(shipped, key=lambda name: (listed.index(name) if name in listed else len(listed), name)):
        yield name, "shipped", shipped[name]
    if user_folder is not None and (user_folder / kind).is_dir():
        for entry in _toml_files(user_folder / kind):
            yield harmless(entry.name.removesuffix(".toml")), "yours", entry


def list_titles(kind: Kind, user_folder: Path | None = None) -> dict[str, str]:
    """Name → title of every preset of a kind, at a glance: neither read as TOML nor checked.

    One whose title can't be seen so, or can't be read at all, goes by its name until `load_catalogue` has read it.
    """
    titles: dict[str, str] = {}
    for name, _, source in find_files(kind, user_folder):
        try:
            found = _TITLE.search(read_utf8(source))
        except (OSError, EncodingError):
            found = None
        titles[name] = (found[1] or found[2]) if found else name
    return titles


def is_passed_over(name: str) -> bool:
    """Whether a file of that name, without `.toml`, is hidden, an editor's lock or backup, never a person's preset."""
    return name.startswith((".", "#", "~")) or name.endswith("~")


Stamp = frozenset[tuple[str, int, int]]
"""Files with their times and sizes."""


def stamp_files(user_folder: Path) -> Stamp:
    """What the user's files look like from outside: another stamp, and they are to be read again."""
    found: set[tuple[str, int, int]] = set()
    for kind in _ORDER:
        for path in (user_folder / kind).glob("*.toml"):
            with contextlib.suppress(OSError):  # gone meanwhile: then it isn't there
                status = path.stat()
                found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)


def _toml_files(folder: Traversable) -> list[Traversable]:
    if not folder.is_dir():
        return []
    found = (entry for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return sorted(
        (entry for entry in found if not is_passed_over(entry.name.removesuffix(".toml"))), key=lambda entry: entry.name
    )
