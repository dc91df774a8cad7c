"""How long a run will take, and what a torchvision net's parts are: asked through the store, answered by a runner.

Nothing here imports torch before it must: screens and commands ask, the runner measures between two events.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytrain.engine.queue.fitting import find_misfit, num_held_out, one_image, trains_on_one
from lazytrain.engine.store.store import Store
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import LayerError, format_shape, size_layers

if TYPE_CHECKING:
    from pathlib import Path

    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.engine.data.datasets import DatasetFacts
    from lazytrain.presets.schema import Architecture


class Misfit(PresetError):
    """It isn't the net's file that is to be mended: the message names a hyperparameter and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The expected time of a run, from a short measurement on this machine."""

    seconds: float | None = None
    """Training and evaluation of all epochs; None while it isn't known."""
    images_per_second: float | None = None
    """While training."""
    device: str | None = None
    error: str | None = None
    """Why there is none; it may have failed to measure."""

    @property
    def pending(self) -> bool:
        """Still to be measured: a runner answers when it has a moment."""
        return self.seconds is None and self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """A line of the layer table; `output` is `6×28×28`."""

    name: str
    output: str
    num_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCheck:
    """Whether a net fits the data, and its parts if it does."""

    rows: tuple[LayerRow, ...] = ()
    error: str | None = None
    pending: bool = False
    """Not yet checked: a torchvision net or a user's module waits for torch."""

    @property
    def total(self) -> int:
        """Parameters of the whole net."""
        return sum(row.num_parameters for row in self.rows)


def estimate(store: Store, configuration: RunConfiguration, facts: DatasetFacts) -> Estimate:
    """What is known of the expected time; asks a runner to measure if nothing is yet."""
    values = configuration.hyperparameters
    asked = {
        "kind": "measure",
        "configuration": configuration.model_dump(mode="json"),
        "input_shape": facts.input_shape,
        "num_classes": facts.num_classes,
        "num_images": facts.num_train,
    }
    relevant = values.model_dump(
        include={"batch_size", "optimizer", "momentum", "nesterov", "weight_decay", "loss", "augmentation", "threads"}
    )
    identity = [platform.node(), configuration.device, _net(configuration.architecture), relevant]
    answer = store.ask(_key("measure", identity, facts), asked)
    if answer.result is None:
        return Estimate(error=answer.error)
    rate, evaluation_rate = (float(str(answer.result[name])) for name in ("images_per_second", "evaluated_per_second"))
    held_out = num_held_out(facts.num_train, values)
    epoch_seconds = (facts.num_train - held_out) / rate + (facts.num_test + held_out) / evaluation_rate
    seconds = epoch_seconds * values.epochs
    if values.time_budget_minutes is not None:
        seconds = min(seconds, values.time_budget_minutes * 60)
    return Estimate(seconds=seconds, images_per_second=rate, device=str(answer.result["device"]))


def checked_layers(store: Store, architecture: Architecture, facts: DatasetFacts, path: str = "") -> LayerCheck:
    """The layer table of a net, or why it can't work on this data. A layer list is sized at once, without torch.

    Args:
        path: the preset's file, named in the error.
    """
    if architecture.layers is not None:
        try:
            sized = size_layers(architecture.layers, facts.input_shape, facts.num_classes)
        except LayerError as error:
            return LayerCheck(error=f"{path}: {error}" if path else str(error))
        return LayerCheck(
            rows=tuple(
                LayerRow(name=each.name, output=format_shape(each.output_shape), num_parameters=each.num_parameters)
                for each in sized
            )
        )
    asked = {
        "kind": "check",
        "architecture": architecture.model_dump(mode="json"),
        "input_shape": facts.input_shape,
        "num_classes": facts.num_classes,
    }
    answer = store.ask(_key("check", _net(architecture), facts), asked)
    if answer.error is not None:
        return LayerCheck(error=f"{path}: {answer.error}" if path else answer.error)
    if answer.result is None:
        return LayerCheck(pending=True)
    rows: Any = answer.result["rows"]
    return LayerCheck(
        rows=tuple(LayerRow(name=name, output=output, num_parameters=count) for name, output, count in rows)
    )


def check_configuration(
    configuration: RunConfiguration, facts: DatasetFacts, path: str = "", module_folder: Path | None = None
) -> None:
    """Refuse a net that doesn't fit its data, before it is queued. Imports torch for torchvision's nets.

    Raises:
        PresetError: naming the preset's file (`path`), the layer, its input, and what doesn't fit.
        Misfit: the hyperparameters don't fit the data, or the net.
    """
    from lazytrain.engine.compute.checking import check_net

    architecture = configuration.architecture
    prefix = f"{path or configuration.architecture_name}: "
    try:
        if architecture.layers is not None:
            size_layers(architecture.layers, facts.input_shape, facts.num_classes)
        else:
            check_net(architecture, facts.input_shape, facts.num_classes, module_folder)
    except (LayerError, PresetError) as error:
        raise PresetError(f"{prefix}{error}") from None
    if (misfit := find_misfit(configuration, facts)) is not None:
        raise Misfit(misfit)
    if architecture.layers is None and trains_on_one(configuration.hyperparameters, facts):
        try:
            check_net(architecture, facts.input_shape, facts.num_classes, module_folder, num_images=1)
        except PresetError as error:
            raise Misfit(one_image(configuration.hyperparameters, str(error))) from None


def _net(architecture: Architecture) -> dict[str, Any]:
    return architecture.model_dump(mode="json", include={"layers", "torchvision", "module", "arguments"})


def _key(kind: str, identity: object, facts: DatasetFacts) -> str:
    text = json.dumps([kind, identity, facts.input_shape, facts.num_classes], sort_keys=True)
    return f"{kind}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
