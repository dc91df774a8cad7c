"""A confusion matrix: how many images of each class were taken for which. Needs neither torch nor numpy."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from lazytrain.presets.plain_text import harmless

MOST_CLASSES = 256
"""Of a dataset with more, no matrix is kept: at each evaluation it would be a megabyte, and nobody reads it."""


class Mixup(NamedTuple):
    """Images of one class that were taken for another; indices into the classes."""

    true: int
    predicted: int
    num_images: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of images: `counts[true][predicted]`, in the order of `classes`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def num_images(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def num_correct(self) -> int:
        return sum(row[index] for index, row in enumerate(self.counts))

    @property
    def accuracy(self) -> float | None:
        """Top-1, a fraction; None without images."""
        return self.num_correct / self.num_images if self.num_images else None

    @property
    def class_accuracies(self) -> tuple[float | None, ...]:
        """Of the images of each class, the fraction that was recognised (its recall); None where there are none."""
        sums = map(sum, self.counts)
        return tuple(
            row[index] / total if total else None
            for index, (row, total) in enumerate(zip(self.counts, sums, strict=True))
        )

    @property
    def macro_f1(self) -> float | None:
        """The mean over classes of F1, the harmonic mean of precision and recall; None without images.

        Classes that neither have images nor were taken for any are left out, as scikit-learn does.
        """
        taken = [sum(column) for column in zip(*self.counts, strict=True)]
        there = [
            (row[index], sum(row) + taken[index]) for index, row in enumerate(self.counts) if sum(row) or taken[index]
        ]
        return sum(2 * right / both for right, both in there) / len(there) if there else None

    def shown(self) -> Confusion:
        """With the classes' names as they are shown: a folder's name may hold what a terminal would obey."""
        return replace(self, classes=tuple(map(harmless, self.classes)))

    def worst_mixups(self, count: int) -> list[Mixup]:
        """The most frequent mistakes, most frequent first."""
        wrong = (
            Mixup(true, predicted, images)
            for true, row in enumerate(self.counts)
            for predicted, images in enumerate(row)
            if images and true != predicted
        )
        return sorted(wrong, key=lambda mixup: (-mixup.num_images, mixup.true, mixup.predicted))[:count]

    @classmethod
    def of(cls, classes: Sequence[str], flat: Sequence[int]) -> Self:
        """From counts in one row after the other. Raises ValueError if there aren't classes × classes."""
        size = len(classes)
        if len(flat) != size * size:
            raise ValueError(f"{len(flat)} counts for {size} classes: {size * size} are needed")
        rows = (tuple(flat[size * row : size * (row + 1)]) for row in range(size))
        return cls(tuple(classes), tuple(rows))

    def pack(self) -> bytes:
        """The counts as the store keeps them: int32, little-endian, row by row."""
        flat = [count for row in self.counts for count in row]
        return struct.pack(f"<{len(flat)}i", *flat)

    @classmethod
    def unpack(cls, classes: Sequence[str], packed: bytes) -> Self:
        """From what `pack` made. Raises ValueError if it is of another size."""
        if len(packed) % 4:
            raise ValueError(f"{len(packed)} bytes are no int32 counts")
        return cls.of(classes, struct.unpack(f"<{len(packed) // 4}i", packed))
