"""One of torchvision's classification sets: what can be said of it without importing torchvision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Options = Mapping[str, Any]
"""Keyword arguments of a torchvision class."""

DIVIDED = "no test part of its own: every fifth image of each class is for testing"
"""What is said of such a set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSet:
    """A set of torchvision's, or one variant of it."""

    name: str
    """As written after `torchvision:`: `EMNIST:letters`."""
    num_train: int
    num_test: int
    num_classes: int
    files: tuple[str, ...]
    """Files and folders, relative to the data folder, where torchvision looks: the set is there if all of them are."""
    archives: tuple[str, ...] = ()
    """Where torchvision looks for what it would download, to be put there by hand as well as `files`."""
    parts: tuple[Options, ...]
    """Arguments for the training and for the test part; of a set without a test part, for the whole."""
    labels: str = ""
    """The attribute with the labels of all images, of a set without a test part."""
    classes: tuple[str, ...] = ()
    """Names, where torchvision has none, or clumsier ones; else they are known once the set is decoded."""
    size: int | None = None
    """Height and width of its images; None where they have many sizes."""
    grey: bool = False
    megabytes: int | None = None
    """To download, about."""
    needs: tuple[str, ...] = ()
    """Packages that torchvision reads it with."""
    by_hand: str = ""
    """Why it can't be downloaded."""
    first_label: int = 0
    sideways: bool = False
    """Its images are stored mirrored about the diagonal, and turned upright when decoded."""

    @property
    def class_name(self) -> str:
        """Of torchvision's class."""
        return self.name.partition(":")[0]

    @property
    def folder(self) -> str:
        """Where all its files lie, relative to the data folder."""
        return os.path.commonpath(self.files)

    @property
    def whole(self) -> bool:
        """Whether it has no test part of its own."""
        return len(self.parts) == 1

    def notes(self, size: int) -> tuple[str, ...]:
        """What a person should know of its images, made `size` × `size`."""
        notes: list[str] = []
        kind = f"{self.size}×{self.size}" if self.size else "of many sizes"
        made = [f"{size}×{size}"] * (self.size != size) + ["RGB"] * self.grey
        if made:
            notes.append(f"{kind}{' grey' * self.grey}, made {' '.join(made)}")
        if self.whole:
            notes.append(DIVIDED)
        return tuple(notes)
