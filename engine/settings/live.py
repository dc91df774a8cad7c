"""The user's settings as they stand now. What checks them takes pydantic, and is imported when they are first read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.places import settings_path, store_file

if TYPE_CHECKING:
    from lazytrain.engine.settings.settings import Settings


class LiveSettings:
    """The settings, read when they are first asked for and again when the file changed. While it is broken, the last
    ones count.

    Args:
        complain: told once of each broken version of the file.
    """

    def __init__(self, home: Path, complain: Callable[[str], object] = lambda _: None) -> None:
        self._home = home
        self._complain = complain
        self._seen: tuple[int, int] | None = None
        self._settings: Settings | None = None
        self._error: str | None = None

    def __call__(self) -> Settings:
        if self._settings is None or self._stamp() != self._seen:
            self._settings = self._read()
        return self._settings

    @property
    def error(self) -> str | None:
        """Why the file as it stands can't be used."""
        if self._stamp() != self._seen:
            self()
        return self._error

    def _read(self) -> Settings:
        from lazytrain.engine.settings.settings import Settings, SettingsError, load_settings

        if self._settings is not None and not (settings_path(self._home).exists() or store_file(self._home).exists()):
            # The home is gone for now: what was set there still counts.
            return self._settings
        self._seen, self._error = self._stamp(), None
        try:
            return load_settings(self._home)
        except SettingsError as error:
            self._error = str(error)
            self._complain(self._error)
            return self._settings or Settings()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(settings_path(self._home))  # noqa: PTH116  asked each second
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
