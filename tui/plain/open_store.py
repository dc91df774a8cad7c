"""The run store, opened for a command: what everyone should be told of it goes to stderr."""

from __future__ import annotations

import sys
from pathlib import Path

from lazytrain.engine.store.store import Store
from lazytrain.tui.plain.reporters import write_line


def open_store(home: Path, by: str = "lazytrain") -> Store:
    """The store in `home`; says so if it was rebuilt lately. Raises StoreError.

    `by`: who asks of runs, for their logs.
    """
    store = Store(home, by=by)
    if store.notice is not None:
        write_line(sys.stderr, f"lazytrain: {store.notice}")
    return store
