"""torchvision's sets to decoded images: torchvision finds and reads them, checked as it checks them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lazytrain.engine.beat import Beat
from lazytrain.engine.data.aside import aside
from lazytrain.engine.data.cache import CachedDataset, DatasetBuilder
from lazytrain.engine.data.datasets import not_whole
from lazytrain.engine.data.decoding import decode_items
from lazytrain.engine.data.image_folders import SPLITS
from lazytrain.engine.data.pictures import Way, read_file, to_array
from lazytrain.engine.data.sources import add_decoded, as_progress, skipped
from lazytrain.engine.data.tensors import Dataset
from lazytrain.engine.data.vision.vision_set import DIVIDED, VisionSet
from lazytrain.engine.errors import DatasetError, text_of, type_name
from lazytrain.engine.events import Progress

TEST_EVERY = 5
"""Every fifth image of each class is for testing, where a set has no test part of its own."""


class SetDamaged(RuntimeError):
    """torchvision can't open a set whose files are there; the message says why."""


def list_files(vision_set: VisionSet, data_folder: Path) -> list[str]:
    """All files of a set that is there, relative to the data folder, in order."""
    found: list[str] = []
    for name in vision_set.files:
        if not (data_folder / name).is_dir():
            found.append(name)
            continue
        for folder, _, files in os.walk(data_folder / name):
            inner = os.path.relpath(folder, data_folder)
            found.extend(f"{inner}/{file}" for file in files)
    return sorted(found)


def build_set(
    cached: CachedDataset, vision_set: VisionSet, data_folder: Path, beat: Beat
) -> Generator[Progress, None, Dataset]:
    """Decode a set of torchvision's that lies in `data_folder`.

    Raises:
        SetDamaged: torchvision doesn't take its files.
        DatasetError: more than 1 % of its images are unreadable, or a class has none.
    """
    way = Way(cached.size, cached.rules)
    opening = aside(lambda: _construct(vision_set, data_folder, way), "open")
    parts = yield from as_progress(opening, Progress(phase="preparing data", done=0, total=0))
    classes = vision_set.classes or _class_names(parts[0])
    which = _divide(vision_set, parts)
    read = partial(_read, vision_set=vision_set, num_classes=len(classes), way=way)
    chunks = {
        split: decode_items(items, partial(read, part), partial("{} image {}".format, split), cached.size)
        for split, (part, items) in which.items()
    }
    total = sum(len(items) for _, items in which.values())
    with DatasetBuilder(cached, cached.name, cached.size, total) as builder:
        labels, unreadable = yield from add_decoded(builder, cached.name, chunks, total, beat)
        counts = labels["train"].bincount(minlength=len(classes)).tolist()
        absent = [name for name, count in zip(classes, counts, strict=True) if not count]
        if absent or not len(labels["test"]):
            lacks = f"training images of '{absent[0]}'" if absent else "test images"
            raise DatasetError(f"{cached.name} in {data_folder} has no {lacks}: its files are not whole, delete them")
        notes = [*([DIVIDED] if vision_set.whole else []), *skipped(unreadable, total)]
        if total < vision_set.num_train + vision_set.num_test:
            notes.append(not_whole(cached.name, len(labels["train"]), len(labels["test"]), vision_set))
        return builder.finish(classes, labels["train"], labels["test"], tuple(notes), rules=way.fulfilled)


def _construct(vision_set: VisionSet, data_folder: Path, way: Way) -> list[Any]:
    from torchvision import datasets  # here, since it takes seconds

    make = getattr(datasets, vision_set.class_name)
    options: dict[str, Any] = {"root": str(data_folder)}
    signature = inspect.signature(make).parameters
    if "loader" in signature:
        options["loader"] = partial(read_file, way=way)
    if "download" in signature:  # one of them would unasked
        options["download"] = False
    try:
        return [make(**options, **part) for part in vision_set.parts]
    except Exception as error:  # torchvision and what it reads with raise nearly anything about damaged files
        reason = " ".join(text_of(error).split()) or type_name(error)
        raise SetDamaged(
            f"torchvision doesn't take the files of {vision_set.name} in {data_folder}: {reason}"
        ) from error


def _class_names(part: Any) -> tuple[str, ...]:
    return tuple(map(str, part.classes if hasattr(part, "classes") else part.categories))


def _divide(vision_set: VisionSet, parts: Sequence[Any]) -> dict[str, tuple[Any, Sequence[int]]]:
    """What is for training and what for testing: (torchvision's object, indices into it) each."""
    if not vision_set.whole:
        return {split: (part, range(len(part))) for split, part in zip(SPLITS, parts, strict=True)}
    labels = np.asarray(getattr(parts[0], vision_set.labels))
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[TEST_EVERY - 1 :: TEST_EVERY]] = True
    return {"train": (parts[0], np.flatnonzero(~test).tolist()), "test": (parts[0], np.flatnonzero(test).tolist())}


def _read(part: Any, index: int, *, vision_set: VisionSet, num_classes: int, way: Way) -> tuple[NDArray[np.uint8], int]:
    image, target = part[index]
    if target is None:
        raise ValueError("has no label")
    label = int(target) - vision_set.first_label
    if not 0 <= label < num_classes:
        raise ValueError(f"its label is {target}, of {num_classes} classes")
    pixels = image if isinstance(image, np.ndarray) else to_array(image, way)
    return pixels.transpose(0, 2, 1) if vision_set.sideways else pixels, label
