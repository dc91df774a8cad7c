"""The full configuration of a run, of presets or of a command, frozen when it is queued."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lazytrain.presets.catalogue import DEFAULT
from lazytrain.presets.command import Needs
from lazytrain.presets.schema import Architecture, Frozen, Hyperparameters, Report

SHORT_NAMES = {
    "learning_rate": "lr",
    "batch_size": "batch",
    "weight_decay": "decay",
    "early_stopping_epochs": "early stopping",
    "time_budget_minutes": "time budget",
    "validation_fraction": "validation",
}
"""How people say a field in a run's name or a column's head; the others by their own name."""


class RunConfiguration(Frozen):
    """What is trained: the presets' names and everything they held, with the edits made before the start."""

    architecture_name: str
    architecture: Architecture
    hyperparameters_name: str = DEFAULT
    hyperparameters: Hyperparameters = Hyperparameters()
    edits: tuple[str, ...] = ()
    """Dotted names of the fields changed from the preset before the start."""
    device: str = "auto"
    """What was asked for; the run records what it got."""
    module_digest: str | None = None
    """Of a user's own net: of its source when the run was queued."""
    data_digest: str | None = None
    """Of a dataset that is a folder of images: of its files' names and sizes when the run was queued."""

    @property
    def suggested_name(self) -> str:
        """`coolnet-v10 quick`, `coolnet-v10 lr-0.1 epochs=5`."""
        values = dict(flatten(self.hyperparameters.model_dump()))
        edits = (f"{SHORT_NAMES.get(name, name).replace(' ', '-')}={_short(values[name])}" for name in self.edits)
        return " ".join((self.architecture_name, self.hyperparameters_name, *edits))

    @property
    def report(self) -> Report | None:
        """The original report's figures, where they are of just this experiment: its net with its default settings."""
        plain = self.hyperparameters.model_copy(update={"seed": 0, "threads": 1, "compile": False})
        return self.architecture.report if plain == Hyperparameters() else None


class CommandConfiguration(Frozen):
    """A command of the user's, as it was queued."""

    arguments: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program and what it is given, as they were written; no shell reads them."""
    program: str
    """The program's file, found when the command was queued."""
    folder: str
    """Where it is started."""
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    """What is added to the environment of whoever starts it."""
    needs: Needs | None = None
    """None: whatever device its runner holds."""
    after: str | None = None
    """Id of the run that must have finished before."""
    path: str | None = None
    """PATH where it was queued: programs that it starts are those that a person meant there."""

    @property
    def line(self) -> str:
        """As a shell would read it."""
        return shlex.join(self.arguments)

    @property
    def suggested_name(self) -> str:
        """What it is called where nobody says otherwise: `train` for `python train.py --lr 0.1`."""
        words = [Path(word) for word in self.arguments]
        named = next((word.stem for word in words if word.suffix in (".py", ".sh")), words[0].stem)
        return named[:60] or "command"


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested fields → (dotted name, value), in order."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def edited_fields(before: Hyperparameters, after: Hyperparameters) -> tuple[str, ...]:
    """Dotted names of the fields that differ, in the schema's order."""
    old = dict(flatten(before.model_dump()))
    return tuple(name for name, value in flatten(after.model_dump()) if old[name] != value)


def _short(value: Any) -> str:
    """All its digits where six don't tell it from another: two values of a grid have two names."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)
