"""From a configuration and its data to a training: the same on this machine as on any other."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.device import make_exact
from lazytrain.engine.compute.fused.compiling import CannotCompile
from lazytrain.engine.compute.fused.path import compile_ahead
from lazytrain.engine.compute.paths import make_path
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.events import Event, Noticed, Progress
from lazytrain.engine.training.loop import Training


class Trains(Protocol):
    """A training, here or on another machine: its events, and its state between two of them."""

    best_weights: dict[str, Any] | None
    configuration: RunConfiguration

    @property
    def wake(self) -> bool: ...
    @wake.setter
    def wake(self, wake: bool, /) -> None: ...
    @property
    def num_parameters(self) -> int: ...
    @property
    def num_steps(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    def snapshot(self) -> dict[str, Any]: ...
    def __iter__(self) -> Iterator[Event]: ...


def launch(
    configuration: RunConfiguration,
    dataset: Dataset,
    device: str,
    *,
    module_folder: Path,
    snapshot: Mapping[str, Any] | None = None,
    micro_batches: int = 1,
    threads: int | None = None,
) -> Generator[Progress | Noticed, None, Training]:
    """Build the net, have its steps compiled where that is worth it, and return the training.

    Says about ten times a second where it stands; it may be closed in between. The arguments are as `Training`'s.

    Raises:
        LayerError, PresetError: the net can't be built.
    """
    make_exact(device, deterministic=configuration.hyperparameters.deterministic)
    net = build_net(
        configuration.architecture,
        tuple(dataset.train.images.shape[1:]),
        len(dataset.classes),
        seed=configuration.hyperparameters.seed,
        module_folder=module_folder,
    ).to(device)
    path = None
    if micro_batches == 1:
        path = yield from _compile(net, configuration, dataset, snapshot)
    return Training(
        configuration,
        dataset,
        net,
        device,
        snapshot=snapshot,
        path=path,
        micro_batches=micro_batches,
        threads=threads,
    )


def _compile(
    net: nn.Module, configuration: RunConfiguration, dataset: Dataset, snapshot: Mapping[str, Any] | None
) -> Generator[Progress | Noticed, None, str | None]:
    """Have the steps compiled; returns the path to take if that failed."""
    values, shape = configuration.hyperparameters, tuple(dataset.train.images.shape[1:])
    name = None if snapshot is None else snapshot["path"]
    steps = compile_ahead(net, values, shape, len(dataset.train.labels), name)
    with contextlib.closing(steps):
        try:
            for seconds in steps:
                yield Progress(phase="compiling the steps", done=0, total=0, seconds=seconds)
        except CannotCompile as error:
            text = f"{error}: trained without it, which takes several times as long"
            yield Noticed(text=text, level="warning")
            return make_path(net, values).name
    return None
