"""Which datasets there are and where: what can be said of one without decoding it, and without torch."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.data.aside import open_regular
from lazytrain.engine.data.image_folders import Listing, digest_files, list_images
from lazytrain.engine.data.vision.sets import PREFIX, NoSuchSet, find_set
from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.data.vision.vision_set import VisionSet
from lazytrain.engine.errors import DatasetError

CIFAR10_FOLDER = "cifar-10-batches-py"
"""Where torchvision unpacks it."""
CIFAR10_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
CIFAR10_TEST = ("test_batch",)

NAMES = ("cifar10", "digits", "folder:", *(f"{PREFIX}{name}" for name in SETS))
"""What a dataset's name is, or begins with."""

DIGITS_TRAIN_IMAGES = 1_442
DIGITS_TEST_IMAGES = 355


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What is known of a dataset before it is decoded."""

    name: str
    """As configured: `cifar10`, `digits`, `folder:…`, `torchvision:…`."""
    num_train: int
    num_test: int
    num_classes: int
    input_shape: tuple[int, int, int]
    """Channels, height, width of an image as the net sees it."""
    classes: tuple[str, ...]
    source: str
    """`bundled with scikit-learn`, a folder, or where it will be downloaded from."""
    notes: tuple[str, ...] = ()
    digest: str | None = None
    """Of a folder's files, by their names and sizes; None for data that has a known sum."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """The digits that ship with scikit-learn."""


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """CIFAR-10 as torchvision unpacks it."""

    folder: Path


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """`{train,test}/<class>/` of images."""

    folder: Path


@dataclass(frozen=True, slots=True)
class VisionFiles:
    """A set of torchvision's, as torchvision unpacks it."""

    vision_set: VisionSet


@dataclass(frozen=True, slots=True)
class Missing:
    """CIFAR-10, or a set of torchvision's, is nowhere in the data folder: it has to be downloaded."""

    vision_set: VisionSet


Source = Bundled | BatchFiles | ImageFolder | VisionFiles | Missing


def describe_dataset(dataset: str, data_folder: Path, cache_folder: Path, image_size: int = 32) -> DatasetFacts:
    """What is known of `dataset` at once, without decoding: needs neither torch nor a network.

    What has to be downloaded first is described all the same. `cache_folder` is where decoded images are kept: what it
    says of a set of torchvision's counts.

    Raises:
        DatasetError: no such dataset, or its folder doesn't hold what it should.
    """
    size = pixels(dataset, image_size)
    match locate(dataset, data_folder):
        case Bundled():
            return DatasetFacts(
                name=dataset,
                num_train=DIGITS_TRAIN_IMAGES,
                num_test=DIGITS_TEST_IMAGES,
                num_classes=10,
                input_shape=(3, 32, 32),
                classes=tuple("0123456789"),
                source="bundled with scikit-learn",
            )
        case BatchFiles(folder):
            return _vision_facts(dataset, SETS["CIFAR10"], str(folder), size)
        case VisionFiles(vision_set):
            cached = cache_path(cache_folder, dataset, size, data_folder)
            return _vision_facts(dataset, vision_set, str(data_folder / vision_set.folder), size, cached)
        case Missing(vision_set):
            return _vision_facts(dataset, vision_set, _whence(vision_set, data_folder), size)
        case ImageFolder(folder):
            listing = list_images(folder)
            return DatasetFacts(
                name=dataset,
                num_train=listing.num_train,
                num_test=listing.num_test,
                num_classes=len(listing.classes),
                input_shape=(3, size, size),
                classes=listing.classes,
                source=str(folder),
                notes=count_notes(dataset, listing),
                digest=digest_files(folder, listing),
            )


def pixels(dataset: str, image_size: int) -> int:
    """Height and width of `dataset`'s images: `image_size`, but for cifar10 and digits, which have 32."""
    return image_size if is_resized(dataset) else 32


def is_resized(dataset: str) -> bool:
    """Whether `image_size` counts: for a folder's images, and for torchvision's."""
    return dataset.startswith(("folder:", PREFIX))


def cache_path(cache_folder: Path, dataset: str, size: int, folder: Path) -> Path:
    """Where the images of `dataset` in `folder`, decoded to `size` × `size`, are kept; a JSON file lies beside it."""
    kind = dataset.replace(":", "-") if dataset.startswith(PREFIX) else dataset.partition(":")[0]
    place = hashlib.blake2b(os.fsencode(folder.absolute()), digest_size=6).hexdigest()
    return cache_folder / f"{kind}-{size}-{place}.bin"


def locate(dataset: str, data_folder: Path) -> Source:
    """Where `dataset` is. Raises DatasetError if there is no such dataset, or no folder of that name."""
    try:
        return _locate(dataset, data_folder)
    except DatasetError:
        raise
    except (OSError, RuntimeError) as error:  # a folder that may not be looked into, or a `~name` that is nobody
        raise DatasetError(f"can't look for dataset = '{dataset}' in {data_folder}: {error}") from error


def _locate(dataset: str, data_folder: Path) -> Source:
    match dataset.partition(":"):
        case ("digits", "", ""):
            return Bundled()
        case ("cifar10", "", ""):
            batches = data_folder / CIFAR10_FOLDER
            if all((batches / name).is_file() for name in (*CIFAR10_TRAIN, *CIFAR10_TEST)):
                return BatchFiles(batches)
            return locate_cifar10_images(data_folder)
        case ("folder", ":", path) if path:
            folder = data_folder / Path(path).expanduser()
            if not folder.is_dir():
                raise DatasetError(f"no folder {folder}: dataset = '{dataset}' names one with train/ and test/ in it")
            return ImageFolder(folder)
        case ("torchvision", ":", name) if name:
            return _locate_set(name, data_folder)
        case _:
            raise DatasetError(
                f"unknown dataset '{dataset}': there are cifar10, digits, folder:<path>, and {PREFIX}<set>"
            )


def _locate_set(name: str, data_folder: Path) -> VisionFiles | Missing:
    try:
        vision_set = find_set(name)
    except NoSuchSet as error:
        raise DatasetError(f"can't train on dataset = '{PREFIX}{name}': {error}") from error
    absent = [package for package in vision_set.needs if importlib.util.find_spec(package) is None]
    if absent:
        packages = " ".join(absent)
        raise DatasetError(f"{PREFIX}{name} needs {packages}, which is not installed: pip install {packages}")
    if are_there(vision_set, data_folder):
        return VisionFiles(vision_set)
    if vision_set.by_hand:
        raise DatasetError(
            f"{PREFIX}{name} can't be downloaded: {vision_set.by_hand}. "
            f"Put {', '.join(vision_set.files)} into {data_folder} yourself"
        )
    return Missing(vision_set)


def are_there(vision_set: VisionSet, data_folder: Path) -> bool:
    """Whether the files of a set of torchvision's are in the data folder."""
    return all((data_folder / file).exists() for file in vision_set.files)


def locate_cifar10_images(data_folder: Path) -> ImageFolder | Missing:
    """CIFAR-10 as a folder of images, or not at all."""
    folder = data_folder / "cifar10"
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return ImageFolder(folder)
    return Missing(SETS["CIFAR10"])


def count_notes(dataset: str, listing: Listing) -> tuple[str, ...]:
    """What a person should know of the counts."""
    if dataset == "cifar10" and (listing.num_train, listing.num_test) != (50_000, 10_000):
        return (not_whole("CIFAR-10", listing.num_train, listing.num_test, SETS["CIFAR10"]), *listing.notes)
    return listing.notes


def not_whole(title: str, num_train: int, num_test: int, whole: VisionSet) -> str:
    """That images of a known set are missing."""
    there = f"{num_train:,} training and {num_test:,} test images"
    return f"not the whole of {title}: {there}, of {whole.num_train:,} and {whole.num_test:,}"


def _whence(vision_set: VisionSet, data_folder: Path) -> str:
    """Where a set that isn't there will come from."""
    archives = [data_folder / archive for archive in vision_set.archives]
    if archives and all(archive.is_file() for archive in archives):
        return f"will be unpacked from {', '.join(map(str, archives))}"
    size = f" ({vision_set.megabytes:,} MB)" if vision_set.megabytes else ""
    return f"will be downloaded by torchvision{size} to {data_folder}"


def _vision_facts(
    dataset: str, vision_set: VisionSet, source: str, size: int, cached: Path | None = None
) -> DatasetFacts:
    """By the table; once the images are decoded, as the cache beside `cached` has them."""
    classes = vision_set.classes or tuple(str(number) for number in range(vision_set.num_classes))
    num_train, num_test = vision_set.num_train, vision_set.num_test
    try:
        if cached is not None:
            with open_regular(cached.with_suffix(".json")) as file:
                known = json.load(file)
            num_train, num_test = int(known["num_train"]), int(known["num_test"])
            classes = tuple(map(str, known["classes"]))
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not decoded yet, or damaged: decoding will mend it
    return DatasetFacts(
        name=dataset,
        num_train=num_train,
        num_test=num_test,
        num_classes=len(classes),
        input_shape=(3, size, size),
        classes=classes,
        source=source,
        notes=vision_set.notes(size),
    )
