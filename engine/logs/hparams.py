"""Hyperparameters that lie beside a run's logs: Lightning's `hparams.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from lazytrain.engine.tracking.values import plain

NAME = "hparams.yaml"
MOST_BYTES = 1 << 20


class HParams(NamedTuple):
    """What stands there."""

    values: dict[str, Any]
    stamp: int
    """When it was written."""
    said: list[str]
    """What could not be read."""


def read_hparams(folder: Path, before: int | None) -> HParams | None:
    """What stands in the folder's file; None if there is none, or it is as it was at `before`."""
    path = folder / NAME
    try:
        status = path.stat()
        if status.st_mtime_ns == before or not 0 < status.st_size <= MOST_BYTES:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    try:
        import yaml  # Lightning writes it; no other format needs it
    except ImportError:
        return HParams({}, status.st_mtime_ns, [f"{NAME} isn't read: `pip install 'lazytrain[logs]'` brings PyYAML"])

    class Loader(yaml.SafeLoader):
        """Builds no objects: what is tagged as one of Python's is left out, and so can do nothing."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: f"<{suffix.rsplit(':')[-1]}>")
    try:
        found = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return HParams({}, status.st_mtime_ns, [f"{NAME} can't be read: {' '.join(str(error).split())[:200]}"])
    return HParams(plain(found) if isinstance(found, dict) else {}, status.st_mtime_ns, [])
