"""What screens know of datasets: looked up off the screen's thread, since a folder may take its time, and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
    from lazytrain.presets import Hyperparameters

Known: TypeAlias = "DatasetFacts | DatasetError"
"""What there is to know, or why the dataset can't be had."""


@cache
def assumed() -> Mapping[str, DatasetFacts]:
    """What needs no looking up: the layer table is there as soon as the presets are."""
    from lazytrain.engine.data.datasets import DIGITS_TEST_IMAGES, DIGITS_TRAIN_IMAGES, DatasetFacts
    from lazytrain.engine.data.vision.table import CIFAR10_CLASSES

    return {
        name: DatasetFacts(
            name=name,
            num_train=train,
            num_test=test,
            num_classes=10,
            input_shape=(3, 32, 32),
            classes=classes,
            source="",
        )
        for name, train, test, classes in (
            ("digits", DIGITS_TRAIN_IMAGES, DIGITS_TEST_IMAGES, tuple("0123456789")),
            ("cifar10", 50_000, 10_000, CIFAR10_CLASSES),
        )
    }


@dataclass(slots=True)
class DatasetShelf:
    """Facts by (dataset, image size), as `find` brought them."""

    data: Path
    cache: Path
    _known: dict[tuple[str, int], Known] = field(default_factory=dict[tuple[str, int], Known])

    def known(self, values: Hyperparameters) -> Known | None:
        """What is known already; None before `find`. Costs nothing."""
        return self._known.get((values.dataset, values.image_size)) or assumed().get(values.dataset)

    def is_found(self, values: Hyperparameters) -> bool:
        """Whether `find` has looked, and needn't look again: what was missing may be there by now."""
        from lazytrain.engine.data.datasets import DatasetFacts

        return isinstance(self._known.get((values.dataset, values.image_size)), DatasetFacts)

    def find(self, values: Hyperparameters) -> Known:
        """Look the dataset up, which may touch the disk: for a worker thread."""
        from lazytrain.engine.data.datasets import DatasetError, describe_dataset

        try:
            found: Known = describe_dataset(values.dataset, self.data, self.cache, values.image_size)
        except DatasetError as error:
            found = error
        self._known[values.dataset, values.image_size] = found
        return found

    def describe(self, values: Hyperparameters) -> Known:
        """What is known of it, looked up if need be: for commands and worker threads."""
        return (self.known(values) if self.is_found(values) else None) or self.find(values)
