"""The user's own settings: `settings.toml` in lazytrain's home. A field that isn't there has its default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from lazytrain.engine.places import settings_path
from lazytrain.engine.settings.availability import Hours
from lazytrain.engine.settings.recipients import check_recipients, masked
from lazytrain.presets import PresetError, explain
from lazytrain.presets.plain_text import read_utf8
from lazytrain.presets.schema import Frozen


class SettingsError(PresetError):
    """`settings.toml` can't be used; the message names file, field, value, and what would be right."""


def _read_hours(value: object) -> object:
    if value is None or isinstance(value, Hours):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} must be two times of day in quotes, such as '23:00-07:00'")
    return Hours.parse(value)


def _read_list(value: object) -> object:
    """One alone needs no brackets."""
    return (value,) if isinstance(value, str) else value


class Settings(Frozen):
    """What is the same for every run on this machine."""

    # The sentence under a field is what the documentation says of it.
    model_config = ConfigDict(use_attribute_docstrings=True)

    nice: Annotated[int, Field(ge=0, le=19, strict=True)] = 10
    """How far training that no screen shows steps back for other programs: 0 not at all, 19 as far as possible."""
    keep_core_free: bool = True
    """`work --jobs auto` leaves one core to other programs."""
    only_between: Annotated[Hours | None, BeforeValidator(_read_hours)] = None
    """The hours in which to train, such as "23:00-07:00", local time; outside them runs wait. Absent: always."""
    pause_on_battery: bool = False
    """Whether runs wait while the machine runs on its battery."""
    stop_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """How long a command that is stopped (SIGTERM) may take to end by itself; then it is killed."""
    notify_bell: bool = False
    """Whether a screen rings the terminal's bell and sends it a notification (OSC 9) when a run ends."""
    notify_command: Annotated[str, Field(min_length=1)] | None = None
    """What the shell runs when a run ends: the facts are in `LAZYTRAIN_…` and, as JSON, on standard input."""
    notify_webhook: str | None = None
    """Address that gets the same JSON by POST when a run ends."""
    notify: Annotated[tuple[str, ...], BeforeValidator(_read_list)] = ()
    """Whom apprise tells when a run ends, such as "slack://…" or "mailto://…"; takes the extra `notify`."""
    notify_on: tuple[Literal["finished", "failed", "stopped"], ...] = ("finished", "failed")
    """Which ends to notify of."""
    images: Literal["auto", "blocks", "kitty", "sixel"] = "auto"
    """How images are drawn: "auto" in real pixels where the terminal says that it can, else in half blocks."""

    @field_validator("notify_webhook")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"{masked(value)!r} must begin with http:// or https:// (other services go into notify)")
        return value

    @field_validator("notify")
    @classmethod
    def _check_recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_recipients(value)
        return value


def load_settings(home: Path) -> Settings:
    """The settings of a home, the defaults if there is no file. Raises SettingsError."""
    path = settings_path(home)
    try:
        written: dict[str, Any] = tomllib.loads(read_utf8(path))
    except FileNotFoundError:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    # A number of more digits than Python reads is a ValueError, too.
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: can't be read: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: not valid TOML: too many brackets in brackets") from error
    try:
        return Settings.model_validate(written)
    except ValidationError as error:
        raise SettingsError(str(explain(error, str(path), Settings.model_fields))) from error
