"""Where things lie: LAZYTRAIN_HOME (store, checkpoints, your presets) and LAZYTRAIN_DATA (datasets)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.places import cache_folder, expand, find_home, presets_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The two folders everything lies in; neither need exist yet."""

    home: Path
    data: Path

    @property
    def presets(self) -> Path:
        """The user's own presets."""
        return presets_folder(self.home)

    @property
    def cache(self) -> Path:
        """Decoded datasets."""
        return cache_folder(self.home)


def find_places(
    home: Path | None = None, data: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Places:
    """`home` and `data` as given, else from LAZYTRAIN_HOME and LAZYTRAIN_DATA, else the user's data folder.

    Both come back absolute, since a run may be trained from another folder than it was queued in.

    Raises:
        PlaceError: one begins with the home folder of a user that there isn't.
    """
    home = find_home(home, environment)
    if data is None:
        named = environment.get("LAZYTRAIN_DATA")
        data = Path(named) if named else home / "data"
    return Places(home=home, data=expand(data).absolute())


def own_version() -> str:
    """The installed version."""
    from importlib.metadata import PackageNotFoundError, version  # the first frame does without

    try:
        return version("lazytrain")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"
