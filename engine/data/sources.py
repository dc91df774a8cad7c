"""From a dataset's own files to decoded images: scikit-learn's digits, torchvision's batches, folders of images."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from lazytrain.engine.beat import Beat
from lazytrain.engine.data.aside import aside, open_regular
from lazytrain.engine.data.cache import CachedDataset, DatasetBuilder
from lazytrain.engine.data.datasets import CIFAR10_TEST, CIFAR10_TRAIN
from lazytrain.engine.data.decoding import Decoded, Unreadable, decode_files
from lazytrain.engine.data.digits import load_digits
from lazytrain.engine.data.image_folders import SPLITS, Listing, readable
from lazytrain.engine.data.pictures import USUAL_DEPTH, Depth, Way
from lazytrain.engine.data.rules import Rules
from lazytrain.engine.data.tensors import Dataset
from lazytrain.engine.data.vision.table import CIFAR10_CLASSES
from lazytrain.engine.errors import DatasetError
from lazytrain.engine.events import Progress

T = TypeVar("T")

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


def find_damage(folder: Path) -> Generator[Progress, None, str | None]:
    """What is wrong with torchvision's batches in `folder`, by their MD5; None if nothing."""
    progress = Progress(phase="checking CIFAR-10", done=0, total=0)
    yield progress
    checking = aside(lambda: _compare_sums(folder))
    return (yield from as_progress(checking, progress))


def _compare_sums(folder: Path) -> str | None:
    from torchvision.datasets import CIFAR10  # here, since it takes seconds

    for name, md5 in CIFAR10.train_list + CIFAR10.test_list:
        try:
            with open_regular(folder / name) as file:
                if hashlib.file_digest(file, "md5").hexdigest() != md5:
                    return f"{folder / name} is damaged (its MD5 is not {md5})"
        except OSError as error:
            return f"{folder / name} can't be read ({error.strerror})"
    return None


def as_progress(waiting: Generator[None, None, T], progress: Progress) -> Generator[Progress, None, T]:
    """What is waited for, saying at each beat where it stands."""
    with closing(waiting):
        while True:
            try:
                next(waiting)
            except StopIteration as ended:
                return ended.value
            yield progress


def build_batches(cached: CachedDataset, folder: Path, beat: Beat) -> Generator[Progress, None, Dataset]:
    """CIFAR-10 from torchvision's batches, which were checked by MD5: unpickling other files could run any code."""
    files = {"train": CIFAR10_TRAIN, "test": CIFAR10_TEST}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    done = 0
    with DatasetBuilder(cached, cached.name, cached.size, 60_000) as builder:
        for split in SPLITS:
            for name in files[split]:
                progress = Progress(phase="preparing data", done=done, total=60_000)
                batch = yield from as_progress(aside(partial(_load_batch, folder / name)), progress)
                builder.add(torch.from_numpy(np.ascontiguousarray(batch["data"])))
                labels[split].extend(batch["labels"])
                done += len(batch["labels"])
                if beat.due():
                    yield Progress(phase="preparing data", done=done, total=60_000)
        return builder.finish(CIFAR10_CLASSES, torch.tensor(labels["train"]), torch.tensor(labels["test"]))


def _load_batch(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        return pickle.load(file, encoding="latin1")


def build_images(
    cached: CachedDataset, folder: Path, listing: Listing, beat: Beat
) -> Generator[Progress, None, Dataset]:
    """Decode a folder of images.

    Raises:
        DatasetError: more than 1 % of the images are unreadable, or all of a class.
    """
    depth = USUAL_DEPTH
    while True:
        built = yield from _build_images(cached, folder, listing, beat, depth)
        if isinstance(built, Dataset):
            return built
        # How much of their range grey images of many bits use is known once all were seen.
        depth = built


def _build_images(
    cached: CachedDataset, folder: Path, listing: Listing, beat: Beat, depth: Depth
) -> Generator[Progress, None, Dataset | Depth]:
    """Decode it by `depth`; or say which other depth fits, where it is the usual one that doesn't."""
    way = Way(cached.size, cached.rules, depth)
    total = listing.num_train + listing.num_test
    chunks = {split: decode_files(folder, list(listing.files(split)), way) for split in SPLITS}
    with DatasetBuilder(cached, cached.name, cached.size, total) as builder:
        labels, unreadable = yield from add_decoded(builder, str(folder), chunks, total, beat)
        _refuse_emptied(folder, listing, labels, unreadable)
        fitting = way.seen.fitting()
        if way.rules > Rules.FIRST and depth == USUAL_DEPTH and fitting != depth:
            return fitting
        notes = tuple(skipped(unreadable, total))
        return builder.finish(listing.classes, labels["train"], labels["test"], notes, rules=way.fulfilled, depth=depth)


def add_decoded(
    builder: DatasetBuilder,
    where: str,
    chunks: Mapping[str, Generator[Decoded | None, None, None]],
    total: int,
    beat: Beat,
) -> Generator[Progress, None, tuple[dict[str, Tensor], list[Unreadable]]]:
    """Add the images of the training and the test part, which are closed at the end; their labels, and what failed.

    Raises:
        DatasetError: more than 1 % of the `total` images are unreadable; it names `where` they are.
    """
    labels: dict[str, list[Tensor]] = {split: [torch.empty(0, dtype=torch.int64)] for split in SPLITS}
    unreadable: list[Unreadable] = []
    done = 0
    for split in SPLITS:
        with closing(chunks[split]) as decoding:
            for chunk in decoding:
                if chunk is not None:
                    builder.add(torch.from_numpy(chunk.images))
                    labels[split].append(torch.from_numpy(chunk.labels))
                    unreadable.extend(chunk.unreadable)
                    done += len(chunk.labels) + len(chunk.unreadable)
                    _refuse_many(where, unreadable, total)
                if beat.due():
                    yield Progress(phase="preparing data", done=done, total=total)
    return {split: torch.cat(labels[split]) for split in SPLITS}, unreadable


def _refuse_many(where: str, unreadable: list[Unreadable], total: int) -> None:
    if len(unreadable) > _MOST_UNREADABLE * total:
        raise DatasetError(
            f"{where}: more than 1 % of its {total:,} images can't be read, so it is not used. "
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


def skipped(unreadable: list[Unreadable], total: int) -> Iterable[str]:
    """What a person should know of images that were left out."""
    if unreadable:
        yield f"skipped {len(unreadable):,} of {total:,} images that can't be read: {_list(unreadable)}"


def _list(unreadable: list[Unreadable]) -> str:
    named = ", ".join(f"{readable(image.path)} ({image.reason})" for image in unreadable[:_NAMED])
    more = len(unreadable) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named
