"""Which runs are the same experiment: a hash of everything that decides what a training learns.

In it: the net (its layers; or the torchvision model or module with its arguments, and a digest of the module's source),
every hyperparameter that has an effect, the seed, and the data (a digest of a folder's files; else the dataset's name,
since CIFAR-10, the digits and torchvision's sets are known; and the size that images are resized to).

Not in it: names, titles, what a preset says of itself, the report's figures, and which fields were edited. Neither are
the device, the number of threads, the memory layout and compilation: they change in which order numbers are added, so
the last digits, but not the experiment, and a study begun on a laptop goes on elsewhere. Versions of torch are left out
for the same reason. A field without effect beside the others, such as `shift_pixels` with `shift = 0`, doesn't count.

A module's digest is of its file, or of every `.py` file of its package, not of what these import from elsewhere.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetFacts, is_resized
from lazytrain.presets.schema import AvgPool, Hyperparameters, MaxPool, Residual

_VERSION = 1
"""Of what is hashed, and how."""

APART = frozenset(("threads", "channels_last", "compile", "seed", "dataset", "image_size", "augmentation"))
"""Hyperparameters that aren't hashed as they stand: the first three not at all, the others by themselves."""
STRENGTHS = (("shift", "shift_pixels"), ("rotation", "rotation_degrees"), ("colour", "colour_strength"))
"""Transforms of images, each with the field that says nothing while its probability is 0."""


def identify(configuration: RunConfiguration) -> str:
    """32 hexadecimal digits, the same for two configurations that are the same experiment."""
    values = configuration.hyperparameters
    facts = {
        "version": _VERSION,
        "net": _net(configuration),
        "hyperparameters": _effective(values),
        "seed": values.seed,
        "data": _data(configuration),
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def freeze(configuration: RunConfiguration, facts: DatasetFacts, module_folder: Path | None = None) -> RunConfiguration:
    """The configuration with digests of what it only refers to: a module's source, a folder's files.

    Do this before a run is queued: otherwise it can't be told later from one with other code or data.
    """
    module = configuration.architecture.module
    return configuration.model_copy(
        update={
            "module_digest": digest_module(module, module_folder) if module is not None else None,
            "data_digest": facts.digest,
        }
    )


def digest_module(reference: str, module_folder: Path | None) -> str | None:
    """Digest of the source of `package.module:Class`, which isn't imported; None if it isn't found, or isn't Python."""
    top = reference.partition(":")[0].partition(".")[0]
    # As it is imported for training: the user's folder comes first.
    spec = PathFinder.find_spec(top, [*([str(module_folder)] if module_folder else []), *sys.path])
    digest = hashlib.sha256()
    try:
        for name, path in _sources(spec):
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    except OSError:
        return None
    return digest.hexdigest()[:32] if spec is not None else None


def module_sources(reference: str, module_folder: Path | None) -> dict[str, str]:
    """File → SHA-256 of the source of `package.module:Class`, and of what it imports from the folder it is in.

    More than `digest_module` looks at, by which runs are the same and which so can't change: this tells whether the net
    of a run that goes on is still what it was. Found by reading the import lines: nothing is imported.
    """
    files = module_files(reference, module_folder)
    return {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}


def module_files(reference: str, module_folder: Path | None) -> dict[str, bytes]:
    """File → its content, of those that `module_sources` tells of."""
    top = reference.partition(":")[0].partition(".")[0]
    search = [*([str(module_folder)] if module_folder else []), *sys.path]
    spec = PathFinder.find_spec(top, search)
    place = _folder_of(spec)
    found: dict[str, bytes] = {}
    waiting = [top]
    while waiting:
        name = waiting.pop()
        spec = PathFinder.find_spec(name, [str(place)]) if place is not None else None
        for inner, path in _sources(spec):
            file = f"{name}/{inner}" if inner else path.name
            if file in found:
                break
            try:
                content = path.read_bytes()
            except OSError:
                continue
            found[file] = content
            if not _is_installed(path):
                waiting += sorted(_imported(content))
    return dict(sorted(found.items()))


def _folder_of(spec: ModuleSpec | None) -> Path | None:
    """Where a module's file or a package's folder lies."""
    if spec is None:
        return None
    place = next(iter(spec.submodule_search_locations or ()), spec.origin)
    return Path(place).parent if place and spec.origin not in ("built-in", "frozen") else None


def _is_installed(path: Path) -> bool:
    """Beside what is installed lies all the rest that is: not the user's own, and known by its version."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)


def _imported(content: bytes) -> set[str]:
    """The first names of what a source imports; none where it can't be understood."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return set()
    plain = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        node.module.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.ImportFrom) and not node.level and node.module
    }


def _sources(spec: ModuleSpec | None) -> list[tuple[str, Path]]:
    """(name, file) of a module, or of everything in a package, in order."""
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [("", Path(spec.origin))] if spec.origin else []
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    return sorted((os.fspath(path.relative_to(folder)), path) for folder in folders for path in folder.rglob("*.py"))


def _net(configuration: RunConfiguration) -> dict[str, Any]:
    architecture = configuration.architecture
    if architecture.layers is not None:
        return {"layers": [_layer(layer) for layer in architecture.layers]}
    named = architecture.model_dump(mode="json", include={"torchvision", "module", "arguments"}, exclude_none=True)
    return {**named, "source": configuration.module_digest}


def _layer(layer: Any) -> dict[str, Any]:
    values = layer.model_dump(mode="json")
    match layer:
        case Residual():
            return {"residual": [_layer(each) for each in layer.residual]}
        case MaxPool(maxpool=window) | AvgPool(avgpool=window):
            values["stride"] = layer.stride or window
        case _:
            pass
    return {name: _exact(value) for name, value in values.items()}


def _effective(values: Hyperparameters) -> dict[str, Any]:
    """The hyperparameters that have an effect beside the others."""
    fields = {name: value for name, value in values.model_dump(mode="json").items() if name not in APART}
    if values.schedule not in ("exponential", "step"):
        del fields["decay_epochs"], fields["decay_factor"]
    if values.precision == "float32":
        # What every run had before there was a choice.
        del fields["precision"]
    augmentation = values.augmentation.model_dump(mode="json")
    for transform, strength in (
        ("shift", "shift_pixels"),
        ("rotation", "rotation_degrees"),
        ("colour", "colour_strength"),
    ):
        if not augmentation[transform]:
            del augmentation[strength]
    return {
        **{name: _exact(value) for name, value in fields.items()},
        "augmentation": {name: _exact(value) for name, value in augmentation.items()},
    }


def _exact(value: Any) -> Any:
    """-0.0 is 0.0."""
    return value + 0.0 if isinstance(value, float) else value


def _data(configuration: RunConfiguration) -> list[Any]:
    values = configuration.hyperparameters
    dataset = values.dataset if configuration.data_digest is None else configuration.data_digest
    return [dataset, values.image_size] if is_resized(values.dataset) else [dataset]
