"""From a dataset's own files to decoded images: scikit-learn's digits, torchvision's batches, folders of images."""

from __future__ import annotations

import io
import pickle
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lazytrain.engine.beat import Beat
from lazytrain.engine.data.cache import CachedDataset, DatasetBuilder
from lazytrain.engine.data.datasets import CIFAR10_ARCHIVE, CIFAR10_CLASSES, SPLITS, DatasetError, Listing, readable
from lazytrain.engine.data.decoding import Unreadable, decode_files
from lazytrain.engine.data.digits import load_digits
from lazytrain.engine.data.download import file_md5
from lazytrain.engine.data.tensors import Dataset
from lazytrain.engine.events import Progress

_MOST_UNREADABLE = 0.01
"""Share of a dataset's images that may be skipped; above it the dataset is refused."""

_NAMED = 10
"""Unreadable images that are named; the rest are counted."""


def build_digits(name: str) -> Dataset:
    """The digits. They take a twentieth of a second, so they are not cached."""
    train_images, train_labels, test_images, test_labels = load_digits()
    with DatasetBuilder(None, name, 32, len(train_labels) + len(test_labels)) as builder:
        builder.add(train_images)
        builder.add(test_images)
        return builder.finish(tuple("0123456789"), train_labels, test_labels)


def find_damage(folder: Path, beat: Beat) -> Generator[Progress, None, str | None]:
    """What is wrong with torchvision's batches in `folder`, by their MD5; None if nothing."""
    for name, md5 in CIFAR10_ARCHIVE.data_files.items():
        try:
            if (yield from file_md5(folder / name, beat)) != md5:
                return f"{folder / name} is damaged (its MD5 is not {md5})"
        except OSError as error:
            return f"{folder / name} can't be read ({error.strerror})"
    return None


def build_batches(cached: CachedDataset, folder: Path, beat: Beat) -> Generator[Progress, None, Dataset]:
    """CIFAR-10 from torchvision's batches, which were checked by MD5: unpickling other files could run any code."""
    files = {"train": CIFAR10_ARCHIVE.train_files, "test": CIFAR10_ARCHIVE.test_files}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    done = 0
    with DatasetBuilder(cached, cached.name, cached.size, 60_000) as builder:
        for split in SPLITS:
            for name in files[split]:
                batch: dict[str, Any] = pickle.load(io.BytesIO((folder / name).read_bytes()), encoding="latin1")
                builder.add(torch.from_numpy(np.ascontiguousarray(batch["data"])))
                labels[split].extend(batch["labels"])
                done += len(batch["labels"])
                if beat.due():
                    yield Progress(phase="preparing data", done=done, total=60_000)
        return builder.finish(CIFAR10_CLASSES, torch.tensor(labels["train"]), torch.tensor(labels["test"]))


def build_images(
    cached: CachedDataset, folder: Path, listing: Listing, beat: Beat
) -> Generator[Progress, None, Dataset]:
    """Decode a folder of images.

    Raises:
        DatasetError: more than 1 % of the images are unreadable, or all of a class.
    """
    total = listing.num_train + listing.num_test
    labels: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    unreadable: list[Unreadable] = []
    done = 0
    with DatasetBuilder(cached, cached.name, cached.size, total) as builder:
        for split in SPLITS:
            with closing(decode_files(folder, list(listing.files(split)), cached.size)) as chunks:
                for chunk in chunks:
                    if chunk is not None:
                        builder.add(torch.from_numpy(chunk.images))
                        labels[split].append(torch.from_numpy(chunk.labels))
                        unreadable.extend(chunk.unreadable)
                        done += len(chunk.labels) + len(chunk.unreadable)
                        _refuse_many(folder, unreadable, total)
                    if beat.due():
                        yield Progress(phase="preparing data", done=done, total=total)
        train, test = (torch.cat(labels[split]) for split in SPLITS)
        _refuse_emptied(folder, listing, {"train": train, "test": test}, unreadable)
        return builder.finish(listing.classes, train, test, tuple(_name(unreadable, total)))


def _refuse_many(folder: Path, unreadable: list[Unreadable], total: int) -> None:
    if len(unreadable) > _MOST_UNREADABLE * total:
        raise DatasetError(
            f"{folder}: more than 1 % of its {total:,} images can't be read, so it is not used. "
            f"Replace or delete them: {_list(unreadable)}"
        )


def _refuse_emptied(folder: Path, listing: Listing, labels: dict[str, Tensor], unreadable: list[Unreadable]) -> None:
    """A class all of whose images are unreadable."""
    for split, files in (("train", listing.train), ("test", listing.test)):
        counts = labels[split].bincount(minlength=len(listing.classes)).tolist()
        for name, there, count in zip(listing.classes, files, counts, strict=True):
            if there and not count:
                raise DatasetError(
                    f"no image of {folder / split / name} can be read, so {folder} is not used. "
                    f"Replace them, or delete the class: {_list(unreadable)}"
                )


def _name(unreadable: list[Unreadable], total: int) -> Iterable[str]:
    if unreadable:
        yield f"skipped {len(unreadable):,} of {total:,} images that can't be read: {_list(unreadable)}"


def _list(unreadable: list[Unreadable]) -> str:
    named = ", ".join(f"{readable(image.path)} ({image.reason})" for image in unreadable[:_NAMED])
    more = len(unreadable) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named
