"""A run's images on the node that trains it: from the node's own folder if they are the same, else from the driver.

The driver puts them into Ray's object store once. A node fetches them once, and its workers share that memory, which
is read only. What is too large for memory isn't sent: each node maps it from its own disk.
"""

from __future__ import annotations

import contextlib
import os
import platform
import warnings
from collections.abc import Generator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lazytrain.engine.cluster.messages import Assignment
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import Missing, locate
from lazytrain.engine.data.loading import Dataset, prepare_dataset
from lazytrain.engine.data.tensors import Split
from lazytrain.engine.errors import DatasetError
from lazytrain.engine.events import Progress
from lazytrain.engine.places import cache_folder, find_home

PARTS = ("train", "test")
Arrays = Mapping[str, np.ndarray]
"""`train images`, `train labels`, `test images`, `test labels`: uint8 [N, 3, H, W] and int64 [N]."""


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """All of it but the images."""
    return {field.name: getattr(dataset, field.name) for field in fields(dataset) if field.name not in PARTS}


def size_of(dataset: Dataset) -> int:
    """Bytes of its images."""
    return sum(getattr(dataset, part).images.nbytes for part in PARTS)


def arrays_of(dataset: Dataset) -> dict[str, np.ndarray]:
    """Its images and labels, which are not copied."""
    splits: dict[str, Split] = {part: getattr(dataset, part) for part in PARTS}
    images = {f"{part} images": split.images.numpy() for part, split in splits.items()}
    return images | {f"{part} labels": split.labels.numpy() for part, split in splits.items()}


def from_arrays(arrays: Arrays, facts: Mapping[str, Any]) -> Dataset:
    """The dataset over arrays that may be read only."""
    splits = {}
    for part in PARTS:
        with warnings.catch_warnings():
            # Nothing writes into images, here or where they are mapped from a file.
            warnings.simplefilter("ignore", UserWarning)
            images = torch.from_numpy(arrays[f"{part} images"])
        splits[part] = Split(images=images, labels=torch.from_numpy(arrays[f"{part} labels"].copy()))
    return Dataset(**splits, **facts)


def have_data(assignment: Assignment, fetch: Any) -> Generator[Progress, None, Dataset]:
    """The run's dataset, on this node.

    Args:
        fetch: gives the driver's arrays; None where they are too large to be sent.

    Raises:
        DatasetError: they are neither here nor sent.
    """
    checksum, own = assignment.facts["checksum"], None
    if fetch is None or assignment.driver.host != platform.node():
        # On the driver's own machine what it put lies in memory already.
        own = yield from _own(assignment)
    if own is not None and own.checksum == checksum:
        return own
    if fetch is not None:
        yield Progress(phase="fetching data", done=0, total=0)
        return from_arrays(fetch(), assignment.facts)
    name, folder = assignment.facts["name"], _places(assignment)[1]
    why = "isn't there" if own is None else "isn't the same, bit for bit"
    raise DatasetError(
        f"{name} {why} in {folder} on {platform.node()}, and {assignment.size / 2**30:,.1f} GiB of images that don't "
        f"fit into the driver's memory aren't sent: copy them there, or name their folder by LAZYTRAIN_DATA on the node"
    )


def _own(assignment: Assignment) -> Generator[Progress, None, Dataset | None]:
    """What lies under that name here; None where nothing does, or can't be read."""
    values = RunConfiguration.model_validate_json(assignment.configuration).hyperparameters
    home, data = _places(assignment)
    with contextlib.suppress(DatasetError, OSError):
        if not isinstance(locate(values.dataset, data), Missing):
            rules = assignment.facts["rules"]
            return (
                yield from prepare_dataset(values.dataset, data, cache_folder(home), values.image_size, rules=rules)
            )
    return None


def _places(assignment: Assignment) -> tuple[Path, Path]:
    """Home and data folder of this node."""
    driver = assignment.driver
    if driver.host == platform.node() and Path(driver.home).is_dir():
        return Path(driver.home), Path(driver.data)
    home = find_home()
    named = os.environ.get("LAZYTRAIN_DATA")
    return home, Path(named).absolute() if named else home / "data"
