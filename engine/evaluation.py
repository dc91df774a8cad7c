"""A net's loss and accuracy on images it isn't trained on, batch by batch, so that it can be left in between."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn

from engine.batches import normalise
from engine.data import Dataset, Split
from engine.metrics import Means, measure_rows
from presets.schema import Hyperparameters

EVALUATION_IMAGES = 500
"""Images an evaluation batch holds, of 32×32; fewer of larger ones. Part of what fixes the last bits."""


def evaluation_images(input_shape: tuple[int, ...]) -> int:
    """Images in an evaluation batch, for images of (channels, height, width)."""
    return max(16, EVALUATION_IMAGES * 32 * 32 // (input_shape[1] * input_shape[2]))


class Evaluation:
    """Goes over the validation images, where some are held out, and then over the test images.

    Args:
        validation_indices: int64 indices of the training images held out, or None.
    """

    def __init__(
        self,
        net: nn.Module,
        dataset: Dataset,
        validation_indices: Tensor | None,
        values: Hyperparameters,
        device: torch.device,
    ) -> None:
        self._net = net
        self._values = values
        self._device = device
        self._parts: dict[str, tuple[Split, Tensor | None, int]] = {}
        if validation_indices is not None:
            self._parts["validation"] = (dataset.train, validation_indices, len(validation_indices))
        self._parts["test"] = (dataset.test, None, len(dataset.test.labels))
        self._batch = evaluation_images(tuple(dataset.test.images.shape[1:]))
        self._means = {name: Means() for name in self._parts}

    @property
    def num_done(self) -> int:
        return sum(means.num_images for means in self._means.values())

    @property
    def num_images(self) -> int:
        return sum(count for *_, count in self._parts.values())

    @property
    def test(self) -> Means:
        return self._means["test"]

    @property
    def validation(self) -> Means | None:
        return self._means.get("validation")

    def reset(self) -> None:
        """Begin anew."""
        self._means = {name: Means() for name in self._parts}

    def advance(self) -> bool:
        """Evaluate a batch; False if there is none left. Waits for the device."""
        for name, (split, indices, count) in self._parts.items():
            means = self._means[name]
            if means.num_images < count:
                where = slice(means.num_images, means.num_images + self._batch)
                means.add(self._measure(split, where if indices is None else indices[where].to(split.images.device)))
                return True
        return False

    def _measure(self, split: Split, chosen: slice | Tensor) -> Means:
        images, labels = split.images[chosen], split.labels[chosen]
        logits = self._net(normalise(images.to(self._device)))
        loss, correct, *_ = measure_rows(logits, labels.to(self._device), self._values).tolist()
        return Means(loss, int(correct), len(labels))

    def state_dict(self) -> dict[str, Any]:
        return {name: list(astuple(means)) for name, means in self._means.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._means = {name: Means(*numbers) for name, numbers in state.items()}
