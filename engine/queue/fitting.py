"""Whether a run's numbers fit each other and its data: what training would refuse, said before it is queued."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetFacts
from lazytrain.presets.layers import LayerError, SizedLayer, size_layers
from lazytrain.presets.schema import Hyperparameters, Plain


def num_held_out(num_images: int, values: Hyperparameters) -> int:
    """How many training images are held out for validation; the same number as `engine.data.batches.held_out` takes."""
    return max(1, round(num_images * values.validation_fraction)) if values.validation_fraction else 0


def trains_on_one(values: Hyperparameters, facts: DatasetFacts) -> bool:
    """Whether a step sees a single image. A last batch of one joins the batch before it, so only these do."""
    return values.batch_size == 1 or facts.num_train - num_held_out(facts.num_train, values) == 1


def find_misfit(configuration: RunConfiguration, facts: DatasetFacts) -> str | None:
    """What of the settings can't be trained on this data, as `field = value: why, and what would be right`."""
    values = configuration.hyperparameters
    if num_held_out(facts.num_train, values) >= max(1, facts.num_train):
        return (
            f"validation_fraction = {values.validation_fraction:g} holds out all {facts.num_train:,} training images, "
            "and leaves nothing to train on: take a smaller one"
        )
    layers = configuration.architecture.layers
    if layers is None or not trains_on_one(values, facts):
        return None
    try:
        sized = size_layers(layers, facts.input_shape, facts.num_classes)
    except LayerError:
        return None  # said of the net itself
    for number, each in enumerate(sized, start=1):
        if any(part.layer == Plain(name="batch_norm") and prod(part.input_shape[1:]) == 1 for part in _parts(each)):
            return one_image(values, f"layer {number} (batch norm) has one value a channel then, and needs two or more")
    return None


def one_image(values: Hyperparameters, why: str) -> str:
    """That a net can't train on a single image."""
    if values.batch_size == 1:
        return f"batch_size = 1: {why}: take 2 or more"
    return (
        f"validation_fraction = {values.validation_fraction:g} leaves one image to train on: {why}: take a smaller one"
    )


def _parts(sized: SizedLayer) -> Iterator[SizedLayer]:
    """It, and those that it is made of."""
    yield sized
    for each in sized.inner:
        yield from _parts(each)
