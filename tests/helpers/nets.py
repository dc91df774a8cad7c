"""Small data and nets for tests: generated, of fixed seeds."""

from __future__ import annotations

from typing import Any

import torch

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset, Split
from lazytrain.engine.training.loop import Training
from lazytrain.presets import Architecture, Hyperparameters

SMALL_NET = Architecture.model_validate(
    {"title": "small", "layers": [{"conv": 4, "kernel": 3}, "relu", {"maxpool": 2}, {"linear": 16}, "leaky_relu"]}
)


def coloured_images(count: int = 97, num_classes: int = 3, size: int = 8, seed: int = 0) -> Split:
    """Noise with one brighter channel for each class: a small net learns it in an epoch."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    labels = torch.arange(count) % num_classes
    for index, label in enumerate(labels.tolist()):
        images[index, label % 3] += 100
    return Split(images=images, labels=labels)


def small_dataset(num_train: int = 97, num_test: int = 31) -> Dataset:
    """97 images to train on: with batches of 4 the last holds one, which joins the batch before it."""
    return Dataset(
        name="coloured",
        classes=("red", "green", "blue"),
        train=coloured_images(num_train),
        test=coloured_images(num_test, seed=1),
        checksum="",
        resident=True,
        notes=(),
    )


def small_configuration(architecture: Architecture = SMALL_NET, **fields: Any) -> RunConfiguration:
    values = Hyperparameters.model_validate({"dataset": "digits", "epochs": 3, "learning_rate": 0.05, **fields})
    return RunConfiguration(architecture_name="small", architecture=architecture, hyperparameters=values)


def small_training(configuration: RunConfiguration, dataset: Dataset | None = None, **arguments: Any) -> Training:
    dataset = dataset or small_dataset()
    shape = tuple(dataset.train.images.shape[1:])
    seed = configuration.hyperparameters.seed
    net = build_net(configuration.architecture, shape, len(dataset.classes), seed=seed)
    return Training(configuration, dataset, net, **arguments)
