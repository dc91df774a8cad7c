"""Inspections of nets: begun where they are asked for, and kept as long as the checkpoint is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lazytrain.engine.analysis.findings import FirstLook, Inspection
from lazytrain.engine.analysis.inspection_process import Inspector
from lazytrain.engine.events import Progress
from lazytrain.engine.store.store import Store

MOST_KEPT = 8


class Inspecting(Protocol):
    """An inspection under way: `engine.analysis.inspection_process.Inspector`."""

    progress: Progress | None
    first_look: FirstLook | None
    result: Inspection | None
    error: str | None

    @property
    def done(self) -> bool: ...

    def stop(self) -> None: ...


class Inspections:
    """Looks into nets for the screens of one app.

    Args:
        begin: begins one, of a run and of its best epoch's weights or the newest.
    """

    def __init__(self, store: Store, begin: Callable[[str, bool], Inspecting]) -> None:
        self._store, self._begin = store, begin
        self._kept: dict[tuple[str, bool, str | None], Inspecting] = {}

    @classmethod
    def of(cls, store: Store, home: Path, data: Path) -> Inspections:
        """Each in a process of its own."""
        return cls(store, lambda run_id, best: Inspector(home, data, run_id, best=best))

    def look(self, run_id: str, best: bool) -> Inspecting:
        """What is known of these weights, or an inspection that finds it out. Raises RunNotFound."""
        key = (run_id, best, self._store.run(run_id).weights_sha256)
        kept = self._kept.pop(key, None)
        # One that was left or that found nothing is begun anew: what was missing may be there now.
        found = kept if kept is not None and kept.result is not None else self._begin(run_id, best)
        self._kept[key] = found
        for oldest in list(self._kept)[:-MOST_KEPT]:
            del self._kept[oldest]
        return found
