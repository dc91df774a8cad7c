"""What the subcommands share: refusals, and where and on what a command works."""

from __future__ import annotations

from pathlib import Path

import typer

from lazytrain.tui.state.environment import Places, find_places


class Refused(RuntimeError):
    """What was asked for is not done; the message says why and what to do."""


def places_of(context: typer.Context, home: Path | None, data: Path | None = None) -> Places:
    """Options after the subcommand, else those before it, else the environment."""
    outer_home, outer_data, _ = context.obj
    return find_places(home or outer_home, data or outer_data)


def device_of(context: typer.Context, device: str | None) -> str:
    return device or context.obj[2] or "auto"
