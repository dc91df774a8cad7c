"""`lazytrain presets` and `runs`: what can be trained, as tables or JSON; which runs are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from lazytrain.engine.analysis.queries import KnownSettings, names_in, parse_query, select
from lazytrain.engine.configuration import flatten
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader
from lazytrain.presets import (
    Architecture,
    Catalogue,
    HyperparameterPreset,
    Hyperparameters,
    LayerError,
    Preset,
    PresetError,
    Study,
    count_parameters,
    expand_study,
    size_layers,
)
from lazytrain.presets.command import expand_commands
from lazytrain.tui.plain.output import print_table
from lazytrain.tui.state.run_view import Order, sort_runs
from lazytrain.tui.words.text import NOTHING, format_count, format_number

CIFAR10_SHAPE = (3, 32, 32)
"""Channels, height, width; the digits come in the same size."""
CIFAR10_CLASSES = 10


def find_runs(reader: Reader, words: Sequence[str], order: Order = "now") -> list[Run]:
    """The runs that fit a filter, each word of it an argument of the shell's. Raises QueryError."""
    query = parse_query(" ".join(words), lambda: names_in(reader))
    return sort_runs(select(query, reader.runs(), reader, KnownSettings()), order)


def print_presets(catalogue: Catalogue, misfits: Mapping[str, str], console: Console) -> None:
    """Three tables, what is broken, and `misfits`, as `find_misfits` gives them."""
    architectures = [
        (name + _origin(preset), format_count(default_parameters(preset.value)), preset.value.about)
        for name, preset in catalogue.architectures.items()
        if preset.value is not None
    ]
    print_table(console, ("architecture", ">parameters", "+about"), architectures)
    console.print()
    hyperparameters = [
        (name + _origin(preset), describe_changes(preset.value))
        for name, preset in catalogue.hyperparameters.items()
        if preset.value is not None
    ]
    print_table(console, ("hyperparameters", "+differs from the defaults in"), hyperparameters)
    studies = [
        (name + _origin(preset), str(len(expand_study(catalogue, name))), preset.value.about)
        for name, preset in catalogue.studies.items()
        if preset.value is not None
    ]
    studies += [
        (name + _origin(preset), str(len(expand_commands(preset.value))), preset.value.about)
        for name, preset in catalogue.command_studies.items()
        if preset.value is not None
    ]
    if studies:
        console.print()
        print_table(console, ("study", ">runs", "+about"), studies)
    commands = [
        (name + _origin(preset), preset.value.command, preset.value.about)
        for name, preset in catalogue.commands.items()
        if preset.value is not None
    ]
    if commands:
        console.print()
        print_table(console, ("command", "+what is started", "about"), commands)
    for error in broken_presets(catalogue):
        console.print(f"broken: {error}", style="red", soft_wrap=True)
    for misfit in misfits.values():
        console.print(f"not built: {misfit}", style="yellow", soft_wrap=True, markup=False)


def presets_record(catalogue: Catalogue, misfits: Mapping[str, str]) -> dict[str, Any]:
    """The same for scripts; a broken preset has its reason under `error`, a net that can't be built under `misfit`."""
    return {
        "architectures": [
            {
                **_about(preset),
                "parameters": default_parameters(preset.value) if preset.value else None,
                "misfit": misfits.get(preset.name),
                **(preset.value.model_dump(exclude={"title", "about"}) if preset.value else {}),
            }
            for preset in catalogue.architectures.values()
        ],
        "hyperparameters": [
            {
                **_about(preset),
                "changed": list(preset.value.changed) if preset.value else [],
                "values": preset.value.values.model_dump() if preset.value else None,
            }
            for preset in catalogue.hyperparameters.values()
        ],
        "studies": [
            {
                **_about(preset),
                "report": preset.value.report if preset.value else None,
                "runs": _runs(catalogue, preset),
            }
            for preset in catalogue.studies.values()
        ]
        + [
            {
                **_about(preset),
                "report": preset.value.report if preset.value else None,
                "runs": [
                    {"arguments": list(run.arguments), "set": dict(run.config)}
                    for run in (expand_commands(preset.value) if preset.value else ())
                ],
            }
            for preset in catalogue.command_studies.values()
        ],
        "commands": [
            {**_about(preset), **(preset.value.model_dump(exclude={"title", "about"}) if preset.value else {})}
            for preset in catalogue.commands.values()
        ],
    }


def _runs(catalogue: Catalogue, study: Preset[Study]) -> list[dict[str, Any]]:
    """Each run with what is set beside its preset of hyperparameters, dotted."""
    if study.value is None:
        return []
    records: list[dict[str, Any]] = []
    for run in expand_study(catalogue, study.name):
        before = dict(flatten(catalogue.hyperparameter_preset(run.hyperparameters).values.model_dump()))
        changed = {name: value for name, value in flatten(run.values.model_dump()) if before[name] != value}
        records.append({"architecture": run.architecture, "hyperparameters": run.hyperparameters, "set": changed})
    return records


def broken_presets(catalogue: Catalogue) -> list[str]:
    """Why each broken preset is broken."""
    presets: Iterable[Preset[Any]] = (
        *catalogue.architectures.values(),
        *catalogue.hyperparameters.values(),
        *catalogue.studies.values(),
        *catalogue.commands.values(),
    )
    return [preset.error for preset in presets if preset.error is not None]


def find_misfits(catalogue: Catalogue, module_folder: Path) -> dict[str, str]:
    """Which of the user's own nets can't be built for 3×32×32 images of 10 classes: name → file and reason.

    Each is tried as Launch tries it. One that can't may be meant for images of another size.
    """
    misfits: dict[str, str] = {}
    for name, preset in catalogue.architectures.items():
        if preset.origin != "yours" or preset.value is None:
            continue
        try:
            if preset.value.layers is not None:
                size_layers(preset.value.layers, CIFAR10_SHAPE, CIFAR10_CLASSES)
            else:
                from lazytrain.engine.compute.checking import check_net

                check_net(preset.value, CIFAR10_SHAPE, CIFAR10_CLASSES, module_folder)
        except (LayerError, PresetError) as error:
            misfits[name] = f"{preset.path}: on {CIFAR10_CLASSES} classes of 3×32×32 images: {error}"
    return misfits


def default_parameters(architecture: Architecture) -> int | None:
    """Parameters for 3×32×32 images of 10 classes; None where torch would have to count, or where it doesn't fit."""
    if architecture.layers is None:
        return None
    try:
        return count_parameters(size_layers(architecture.layers, CIFAR10_SHAPE, CIFAR10_CLASSES))
    except LayerError:
        return None


def describe_changes(preset: HyperparameterPreset) -> str:
    """`epochs 25, dataset digits`: what differs from the schema's own values."""
    base = dict(flatten(Hyperparameters().model_dump()))
    changes = [
        f"{name} {format_number(value) if isinstance(value, float) else value}"
        for name, value in flatten(preset.values.model_dump())
        if base[name] != value
    ]
    return ", ".join(changes) or NOTHING


def _origin(preset: Preset[Any]) -> str:
    return " (yours)" if preset.origin == "yours" else ""


def _about(preset: Preset[Any]) -> dict[str, Any]:
    return {
        "name": preset.name,
        "title": preset.value.title if preset.value else None,
        "about": preset.value.about if preset.value else None,
        "origin": preset.origin,
        "path": preset.path,
        "error": preset.error,
    }
