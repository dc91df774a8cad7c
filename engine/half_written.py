"""Half-written files that a process left when it died."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_ABANDONED_SECONDS = 24 * 3600.0
"""Nothing here takes a day to write."""


def sweep_parts(folder: Path, pattern: str) -> None:
    """Delete the files in `folder` that match `pattern` and were not written to for a day."""
    for part in folder.glob(pattern):
        with contextlib.suppress(OSError):  # another process may sweep as well
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()
