"""Datasets as tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lazytrain.engine.data.pictures import USUAL_DEPTH, Depth
from lazytrain.engine.data.rules import NEWEST, Rules


@dataclass(frozen=True, slots=True)
class Split:
    """Training or test images."""

    images: Tensor
    """uint8 [N, 3, H, W], contiguous; a memory-mapped tensor, to be read only, where the dataset isn't resident."""
    labels: Tensor
    """int64 [N], in memory: the index into `Dataset.classes`."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Decoded images, and what a run records of them."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    checksum: str
    """BLAKE2b of the decoded images, labels and class names, in hexadecimal: the same data has the same."""
    resident: bool
    """False where the images are larger than memory allows and are read from a file as they are used."""
    notes: tuple[str, ...] = ()
    """What a person should know: skipped images, `streamed: …`."""
    files: bytes = b""
    """What the images were made of, as `engine.data.origin` compares it; empty where that is always the same."""
    rules: Rules = NEWEST
    """By which they were found and made RGB."""
    depth: Depth = USUAL_DEPTH


def resident_on(dataset: Dataset, device: torch.device) -> Dataset:
    """The dataset on the device, unless it is streamed from the disk or doesn't fit in half of the free memory."""
    size = dataset.train.images.nbytes + dataset.test.images.nbytes
    if device.type == "cpu" or not dataset.resident:
        return dataset
    if device.type == "cuda" and size > torch.cuda.mem_get_info(device)[0] // 2:
        return dataset
    splits = {
        name: Split(images=split.images.to(device), labels=split.labels.to(device))
        for name, split in (("train", dataset.train), ("test", dataset.test))
    }
    return replace(dataset, **splits)
