"""Asks for the parameters of a command: one line, `lr=0.1 batch=4`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from lazytrain.presets.catalogue import parse_setting
from lazytrain.presets.command import CommandPreset, fill_preset, say
from lazytrain.presets.errors import PresetError
from lazytrain.tui.screens.label import LabelScreen


def ask_parameters(name: str, preset: CommandPreset, values: Mapping[str, Any]) -> LabelScreen:
    """The question for a preset's parameters, as they are."""
    text = " ".join(f"{each}={shlex.quote(say(value))}" for each, value in values.items())

    def find_error(text: str) -> str | None:
        try:
            fill_preset(preset, read_parameters(text), "parameters")
        except ValueError as error:
            return str(error)
        return None

    about = f"{preset.command}\nname=value, with blanks between them; a value with blanks in quotes"
    return LabelScreen(
        f"parameters of {name}", text, verb="take", may_be_empty=True, about=about, find_error=find_error
    )


def read_parameters(text: str) -> dict[str, Any]:
    """`lr=0.1 net='two words'` → the values. Raises ValueError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{error}: close the quotes") from None
    if wrong := next((word for word in words if "=" not in word), None):
        raise ValueError(f"{wrong}: write name=value")
    try:
        return dict(map(parse_setting, words))
    except PresetError as error:
        raise ValueError(str(error).removeprefix("--set ")) from None
