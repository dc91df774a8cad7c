"""The presets as the app has them: read when they are first asked for, and again when a file of the user's changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.presets.listing import Stamp, stamp_files

if TYPE_CHECKING:
    from lazytrain.presets import Catalogue


class PresetShelf:
    """The package's presets and those in a user's folder; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalogue: Catalogue | None = None
        self._stamp: Stamp = frozenset()
        self._reading = threading.Lock()

    @property
    def catalogue(self) -> Catalogue:
        """What there is to choose."""
        with self._reading:
            if self._catalogue is None:
                # Takes pydantic, and the first frame does without.
                from lazytrain.presets import load_catalogue

                self._stamp = stamp_files(self._folder)
                self._catalogue = load_catalogue(self._folder)
        return self._catalogue

    def read_again(self) -> bool:
        """Read them anew if a file of the user's was added, changed or taken away since; whether one was."""
        with self._reading:
            if self._catalogue is None or stamp_files(self._folder) == self._stamp:
                return False
            self._catalogue = None
        _ = self.catalogue
        return True
