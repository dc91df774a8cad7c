"""A net's loss and accuracy on images it isn't trained on, batch by batch, so that it can be left in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.device import free_cached_memory, is_out_of_memory
from lazytrain.engine.compute.metrics import Means, count_confusions, measure_rows
from lazytrain.engine.compute.precision import memory_format_of, precision_of
from lazytrain.engine.confusion import MOST_CLASSES, Confusion
from lazytrain.engine.data.batches import normalise
from lazytrain.engine.data.loading import Dataset, Split
from lazytrain.engine.errors import DeviceError
from lazytrain.presets.schema import Hyperparameters

EVALUATION_IMAGES = 500
"""Images an evaluation batch holds, of 32×32; fewer of larger ones. Part of what fixes the last bits."""


def evaluation_images(input_shape: tuple[int, ...]) -> int:
    """Images in an evaluation batch, for images of (channels, height, width)."""
    return max(16, EVALUATION_IMAGES * 32 * 32 // (input_shape[1] * input_shape[2]))


class Evaluation:
    """Goes over the validation images, where some are held out, and then over the test images.

    Where a batch doesn't fit into the device's memory it is halved, and stays so. The test images' confusion matrix is
    counted on the way; the counts stay on the device until they are asked for.

    Args:
        validation_indices: int64 indices of the training images held out, or None.
        forward: what gives the net's logits, if another than itself is faster.
    """

    def __init__(
        self,
        net: nn.Module,
        dataset: Dataset,
        validation_indices: Tensor | None,
        values: Hyperparameters,
        device: torch.device,
        forward: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._net = net if forward is None else forward
        self._values = values
        self._device = device
        self._parts: dict[str, tuple[Split, Tensor | None, int]] = {}
        if validation_indices is not None:
            self._parts["validation"] = (dataset.train, validation_indices, len(validation_indices))
        self._parts["test"] = (dataset.test, None, len(dataset.test.labels))
        self._batch = evaluation_images(tuple(dataset.test.images.shape[1:]))
        self._means = {name: Means() for name in self._parts}
        self._classes = dataset.classes
        self._counts = self._no_counts()
        self.notice: str | None = None
        """What a person should know, until it is told."""

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

    @property
    def confusion(self) -> Confusion | None:
        """Of the test images so far; None if it isn't counted. Waits for the device."""
        return None if self._counts is None else Confusion.of(self._classes, self._counts.tolist())

    def reset(self) -> None:
        """Begin anew."""
        self._means = {name: Means() for name in self._parts}
        self._counts = self._no_counts()

    def advance(self) -> bool:
        """Evaluate a batch; False if there is none left. Waits for the device.

        Raises:
            DeviceError: not even one image fits into the device's memory.
        """
        for name, (split, indices, count) in self._parts.items():
            first = self._means[name].num_images
            if first < count:
                while not self._fits(name, split, indices, range(first, min(first + self._batch, count))):
                    pass
                return True
        return False

    def _fits(self, name: str, split: Split, indices: Tensor | None, rows: range) -> bool:
        """Evaluate these rows of a part; False if memory was too small, and the next batch is half of this one."""
        where = slice(rows.start, rows.stop)
        try:
            self._measure(name, split, where if indices is None else indices[where].to(split.images.device))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise DeviceError(f"out of memory on {self._device}: not even one image can be evaluated") from error
        else:
            return True
        # Out of the handler, where nothing holds what the failed pass had made.
        free_cached_memory(str(self._device))
        self._batch = len(rows) // 2
        self.notice = f"out of memory on {self._device}: evaluated {self._batch:,} images at a time from here on"
        return False

    def _measure(self, name: str, split: Split, chosen: slice | Tensor) -> None:
        images, labels = split.images[chosen], split.labels[chosen]
        pixels, targets = normalise(images.to(self._device)), labels.to(self._device)
        with precision_of(self._values, self._device):
            logits = self._net(pixels.to(memory_format=memory_format_of(self._values)))
        logits = logits.float()
        counts = None if self._counts is None or name != "test" else count_confusions(logits, targets)
        loss, correct, *_ = measure_rows(logits, targets, self._values).tolist()
        # Nothing is added before all of it is known: a batch that failed is evaluated again.
        self._means[name].add(Means(loss, int(correct), len(labels)))
        if self._counts is not None and counts is not None:
            self._counts += counts

    def _no_counts(self) -> Tensor | None:
        size = len(self._classes)
        return None if size > MOST_CLASSES else torch.zeros(size * size, dtype=torch.int64, device=self._device)

    def state_dict(self) -> dict[str, Any]:
        means = {name: list(astuple(means)) for name, means in self._means.items()}
        return {**means, "batch": self._batch, "counts": self._counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved evaluation. One saved without counts is counted from its next beginning on."""
        self._means = {name: Means(*state[name]) for name in self._parts}
        self._batch = state.get("batch", self._batch)
        counts = state.get("counts")
        self._counts = self._no_counts()
        if self._counts is not None and counts is not None:
            self._counts += counts.to(self._device)
        elif self.test.num_images:
            self._counts = None
