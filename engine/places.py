"""Where things lie in a lazytrain home."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs


def make_folder(folder: Path, levels: int) -> None:
    """Make `folder` where it isn't there, with the folders above it: at most `levels` in all, and so never a home.

    A home that is gone for a moment, moved or unmounted, must not find another in its place when it comes back.

    Raises:
        OSError: it can't be made; FileNotFoundError if the home is gone.
    """
    for each in (*reversed(folder.parents[: levels - 1]), folder):
        each.mkdir(exist_ok=True)


class PlaceError(ValueError):
    """A path that leads nowhere; the message names it and says what to write."""


def expand(path: str | Path) -> Path:
    """`path` with `~` and `~user` as a shell would read them. Raises PlaceError where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0]
        raise PlaceError(f"{path}: there is no home folder {user}: write the path in full, or ./{path}") from None


def find_home(home: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """`home` as given, else from LAZYTRAIN_HOME, else the user's data folder; absolute. Raises PlaceError."""
    if home is None:
        named = environment.get("LAZYTRAIN_HOME")
        home = Path(named) if named else platformdirs.user_data_path("lazytrain", appauthor=False)
    return expand(home).absolute()


def store_file(home: Path) -> Path:
    """The run store."""
    return home / "store.sqlite3"


def cache_folder(home: Path) -> Path:
    """Decoded datasets: safe to delete, made again when needed."""
    return home / "cache" / "datasets"


def logs_folder(home: Path) -> Path:
    """What was read of logs that are only watched, a store for each: safe to delete, read again when needed."""
    return home / "cache" / "logs"


def presets_folder(home: Path) -> Path:
    """The user's own presets: `{architectures,hyperparameters,studies}/*.toml`."""
    return home / "presets"


def screens_lock(home: Path) -> Path:
    """The lock that every open screen shares, so that it can be asked whether there is one."""
    return home / "locks" / "screens.lock"


def module_folder(home: Path) -> Path:
    """Where the `module = "…"` of a user's architecture is looked for, besides what Python finds anyway."""
    return presets_folder(home)


def settings_path(home: Path) -> Path:
    """Where the settings of a home lie."""
    return home / "settings.toml"
