"""A short measurement of how fast a net trains and is evaluated here, on made-up images of the right size."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.fused.path import worthwhile_program
from lazytrain.engine.compute.paths import make_path
from lazytrain.engine.compute.randomness import forked
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.batches import normalise
from lazytrain.engine.data.loading import Dataset, Split
from lazytrain.engine.events import StepsDone
from lazytrain.engine.training.evaluation import evaluation_images
from lazytrain.engine.training.loop import Training
from lazytrain.presets.schema import Hyperparameters

MEASURE_SECONDS = 0.4
"""Of steps measured; of evaluation a quarter of it."""
NUM_TRAIN = 4_096
NUM_TEST = 8
"""Too few for evaluation to count beside the steps."""


def measure(
    configuration: RunConfiguration,
    input_shape: tuple[int, ...],
    num_classes: int,
    device: str,
    *,
    num_images: int = 0,
    module_folder: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, object]:
    """Train the configuration's net on noise for a moment, by the very code that will train it.

    Compiles what that will have compiled. Leaves the random state and torch's thread count as they were: a training may
    be waiting for its next event.

    Args:
        num_images: that an epoch of the run has.

    Returns:
        `images_per_second` while training, `evaluated_per_second` while evaluating, and the `device`.

    Raises:
        LayerError, PresetError: the net can't be made for such images.
    """
    values = configuration.hyperparameters.model_copy(
        update={"epochs": 1_000, "schedule": "constant", "warmup_epochs": 0.0, "on_nan": "continue"}
        | {"validation_fraction": 0.0, "time_budget_minutes": None, "early_stopping_epochs": 0, "compile": False}
    )
    threads = torch.get_num_threads()
    with forked():
        try:
            net = build_net(configuration.architecture, input_shape, num_classes, seed=0, module_folder=module_folder)
            num_train = max(4 * values.batch_size, min(NUM_TRAIN, 64 * 2**20 // (3 * input_shape[1] * input_shape[2])))
            training = Training(
                configuration.model_copy(update={"hyperparameters": values}),
                _noise(num_train, input_shape, num_classes),
                net.to(device),
                device,
                path=_measured_path(net, configuration.hyperparameters, input_shape, num_images),
                clock=clock,
            )
            return {
                "images_per_second": _training_rate(training, clock),
                "evaluated_per_second": _evaluation_rate(training.evaluate, net, input_shape, device, clock),
                "device": device,
            }
        finally:
            torch.set_num_threads(threads)


def _measured_path(
    net: nn.Module, values: Hyperparameters, input_shape: tuple[int, ...], num_images: int
) -> str | None:
    if num_images and worthwhile_program(net, values, input_shape, num_images) is not None:
        return None  # by the rule: the noise is trained on for long enough, too
    return make_path(net, values.model_copy(update={"compile": False})).name


def _training_rate(training: Training, clock: Callable[[], float]) -> float:
    """Images a second, after the first event: first calls of torch's kernels are slow."""
    progress = (event.progress for event in training if isinstance(event, StepsDone))
    first, started = next(progress), clock()
    latest = next(each for each in progress if each.step > first.step and clock() - started >= MEASURE_SECONDS)
    return (latest.step - first.step) * training.values.batch_size / (latest.seconds - first.seconds)


@torch.no_grad()
def _evaluation_rate(
    evaluate: Callable[[Tensor], Tensor],
    net: nn.Module,
    input_shape: tuple[int, ...],
    device: str,
    clock: Callable[[], float],
) -> float:
    net.eval()
    images = torch.zeros(evaluation_images(input_shape), *input_shape, dtype=torch.uint8, device=device)
    started = clock()
    count = 0
    while clock() - started < MEASURE_SECONDS / 4:
        float(evaluate(normalise(images)).sum())  # waits for the device
        count += len(images)
    return count / (clock() - started)


def _noise(num_train: int, input_shape: tuple[int, ...], num_classes: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, *input_shape), dtype=torch.uint8, generator=generator)
        return Split(images=images, labels=torch.randint(0, num_classes, (count,), generator=generator))

    return Dataset(
        name="noise",
        classes=tuple(str(index) for index in range(num_classes)),
        train=split(num_train),
        test=split(NUM_TEST),
        checksum="",
        resident=True,
        notes=(),
    )
