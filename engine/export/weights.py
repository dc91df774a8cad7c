"""Weights that load without lazytrain: `weights.safetensors`, `weights.pt`, and the Python that builds the net.

torch is imported when a run's weights are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from lazytrain.engine.analysis.identity import digest_module
from lazytrain.engine.data.datasets import DatasetError, DatasetFacts, is_resized, pixels
from lazytrain.engine.data.origin import Origin
from lazytrain.engine.data.rules import USUAL_BITS, Rules
from lazytrain.engine.data.vision.sets import PREFIX
from lazytrain.engine.export.files import ExportError
from lazytrain.engine.export.load_script import RESIDUAL, LoadScript, NetSource
from lazytrain.engine.records import Run

if TYPE_CHECKING:
    from torch import Tensor

    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.engine.store.reading import Reader
    from lazytrain.presets import Hyperparameters

Which = Literal["best", "last"]
Describe = Callable[["Hyperparameters"], DatasetFacts | DatasetError]
"""What is known of the data that hyperparameters name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A net's state, on the CPU, and where in the training it is from."""

    tensors: dict[str, Tensor]
    """As `state_dict` names them; contiguous, none sharing memory with another."""
    whole: bool
    """Whether that is all of its state: what else a net's `get_extra_state` gives is not taken along."""
    moment: str
    """`its best epoch, 14`, `its last checkpoint, at step 12,500`."""


def read_weights(reader: Reader, run: Run, which: Which) -> Weights:
    """The weights of a run's best epoch, or of its newest checkpoint that is sound.

    Raises:
        ExportError: there are none, or they can't be read; it names the run and what to do.
    """
    from lazytrain.engine.store.checkpoint import CheckpointError, best_path, generations, load_checkpoint

    folder = reader.run_folder(run.id) / "checkpoints"
    problems: list[str] = []
    if which == "best":
        if run.best_epoch is None:
            raise ExportError(f"{run.shown_name} ({run.id}): no epoch is finished yet, so none is the best")
        try:
            content = load_checkpoint(best_path(folder, run.best_epoch))
        except CheckpointError as error:
            raise ExportError(
                f"{run.shown_name} ({run.id}): the weights of its best epoch ({run.best_epoch}) aren't there: {error}; "
                "`--checkpoint last` takes those of its newest checkpoint"
            ) from None
        return _weights(content["net"], f"its best epoch, {run.best_epoch}")
    for path in generations(folder):
        try:
            content = load_checkpoint(path)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        step = content["position"]["step"]
        return _weights(content["net"], f"its last checkpoint, at step {step:,}")
    why = "; ".join(problems) or "it has none yet"
    raise ExportError(f"{run.shown_name} ({run.id}): no checkpoint to take weights from: {why}")


def _weights(state: dict[str, Any], moment: str) -> Weights:
    from torch import Tensor

    # safetensors takes no two tensors that share memory.
    tensors = {name: each.detach().clone().contiguous() for name, each in state.items() if isinstance(each, Tensor)}
    return Weights(tensors=tensors, whole=len(tensors) == len(state), moment=moment)


def write_safetensors(weights: Weights, run: Run, script: LoadScript, file: BinaryIO) -> None:
    """Tensors with what one must know of them as metadata, which safetensors has as texts."""
    from safetensors.torch import save

    metadata = {
        "format": "pt",
        "run": run.name,
        "run_id": run.id,
        "weights": weights.moment,
        "architecture": run.architecture,
        "classes": json.dumps(script.classes, ensure_ascii=False),
        "input": json.dumps(script.input_shape),
        "normalisation": "(x / 255 - 0.5) / 0.5 of uint8 RGB",
    }
    file.write(save(weights.tensors, metadata))


def write_state_dict(weights: Weights, file: BinaryIO) -> None:
    """What `net.load_state_dict(torch.load(…, weights_only=True))` takes."""
    import torch

    torch.save(weights.tensors, file)


def describe_net(
    run: Run, configuration: RunConfiguration, weights: Weights, describe: Describe, origin: Origin | None = None
) -> LoadScript:
    """What `load.py` says: how the net is built, what it was trained on, and what its outputs mean.

    Args:
        origin: what the run was begun with; None where an older lazytrain began it.
    """
    values, architecture = configuration.hyperparameters, configuration.architecture
    size = pixels(values.dataset, values.image_size)
    shape = (3, size, size)
    facts = describe(values)
    notes: list[str] = []
    known = facts.classes if isinstance(facts, DatasetFacts) else None
    if origin is not None:
        known = origin.classes
    elif isinstance(facts, DatasetError):
        notes.append(f"The data wasn't there when this was written, so that classes have numbers: {facts}")
    elif configuration.data_digest is not None and facts.digest != configuration.data_digest:
        notes.append("The folder of images has changed since the run was queued.")
    num_classes = len(known) if known and architecture.layers is None else _num_outputs(weights.tensors)
    if known is not None and len(known) != num_classes:
        notes.append(f"The data has {len(known)} classes now and the net {num_classes} outputs: classes have numbers.")
        known = None
    if is_resized(values.dataset):
        notes.append(f"Pictures were resized to {size}×{size}, bilinearly, whatever their shape.")
    if values.dataset.startswith(PREFIX) and isinstance(facts, DatasetFacts) and facts.notes:
        notes.append(f"The set's own: {'; '.join(facts.notes)}.")
    if not weights.whole:
        notes.append("What its get_extra_state gave is not among the weights.")
    return LoadScript(
        about=f"{run.shown_name} ({run.id}): {architecture.title} on {values.dataset}, weights of {weights.moment}.",
        net=_build_expression(configuration, shape, num_classes),
        input_shape=shape,
        classes=known or tuple(str(number) for number in range(num_classes)),
        notes=tuple(notes),
        whole=weights.whole,
        upright=origin is not None and origin.rules > Rules.FIRST,
        integer_bits=USUAL_BITS[0] if origin is None else origin.integer_bits,
        float_bits=USUAL_BITS[1] if origin is None else origin.float_bits,
    )


def describe_sources(configuration: RunConfiguration, sources: Mapping[str, Path], module_folder: Path) -> str:
    """What `load.py` says of a user's own code."""
    module = configuration.architecture.module or ""
    if not sources:
        return f"{module} is your own code: it must be importable from here."
    note = f"{module} is your own code, copied as it was when this was written: {', '.join(sources)}."
    if configuration.module_digest not in (None, digest_module(module, module_folder)):
        note += " It has changed since the run was queued, so the weights may not fit."
    return note


def _num_outputs(tensors: dict[str, Tensor]) -> int:
    """Of a net whose last layer is its classifier, as it is in all layer lists."""
    return int(list(tensors.values())[-1].shape[0])


def _build_expression(configuration: RunConfiguration, shape: tuple[int, int, int], num_classes: int) -> NetSource:
    """Python that makes the net: every argument written out, so that no other default of another torch changes it."""
    from lazytrain.engine.compute.architecture import Residual, build_layers
    from lazytrain.presets.layers import size_layers

    architecture = configuration.architecture
    arguments = "".join(f", {name}={value!r}" for name, value in architecture.arguments.items())
    if architecture.layers is not None:
        net = build_layers(size_layers(architecture.layers, shape, num_classes))
        lines = [f"        {_source(module)}," for module in net]
        code = RESIDUAL if any(isinstance(module, Residual) for module in net.modules()) else ""
        return NetSource(expression="nn.Sequential(\n" + "\n".join(lines) + "\n    )", code=code)
    if architecture.torchvision is not None:
        return NetSource(
            expression=f'get_model("{architecture.torchvision}", weights=None, num_classes={num_classes}{arguments})',
            imports=("from torchvision.models import get_model",),
        )
    module, _, name = (architecture.module or "").partition(":")
    return NetSource(
        expression=f"{name}(num_classes={num_classes}{arguments})", imports=(f"from {module} import {name}",)
    )


def _source(module: Any) -> str:
    """A module of torch as Python: its `repr` is that, but for where its name is from."""
    children = list(module.children())
    if children:
        kind = "Residual" if type(module).__name__ == "Residual" else "nn.Sequential"
        return f"{kind}({', '.join(map(_source, children))})"
    return f"nn.{module!r}"
