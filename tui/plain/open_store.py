"""The run store, opened for a command: what everyone should be told of it goes to stderr."""

from __future__ import annotations

import sys
from pathlib import Path

from lazytrain.engine.store.store import Store
from lazytrain.tui.plain.reporters import write_line


def open_store(home: Path) -> Store:
    """The store in `home`; says so if it was rebuilt lately. Raises StoreError."""
    store = Store(home)
    if store.notice is not None:
        write_line(sys.stderr, f"lazytrain: {store.notice}")
    return store
