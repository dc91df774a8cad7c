"""Which datasets there are and where: what can be said of one without decoding it, and without torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A .tar.gz to download, and the files in it that are wanted."""

    title: str
    url: str
    md5: str
    megabytes: int
    folder: str
    """In the archive, and in the data folder."""
    train_files: dict[str, str]
    """File name → MD5."""
    test_files: dict[str, str]
    other_files: dict[str, str]

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def data_files(self) -> dict[str, str]:
        return {**self.train_files, **self.test_files}

    @property
    def files(self) -> dict[str, str]:
        return {**self.data_files, **self.other_files}


CIFAR10_ARCHIVE = Archive(
    # All as `torchvision.datasets.CIFAR10` has it, and unpacked to where torchvision looks; a test compares. Stated
    # here since importing torchvision costs seconds.
    title="CIFAR-10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    megabytes=170,
    folder="cifar-10-batches-py",
    train_files={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test_files={"test_batch": "40351d587109b95175f43aff81a1287e"},
    other_files={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
)

DIGITS_TRAIN_IMAGES = 1_442
DIGITS_TEST_IMAGES = 355

SPLITS = ("train", "test")

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
"""Files with other endings, and hidden ones, are not looked at."""


class DatasetError(RuntimeError):
    """A dataset can't be had; the message says what was looked for, where, and how to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What is known of a dataset before it is decoded."""

    name: str
    """As configured: `cifar10`, `digits`, `folder:…`."""
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
class Batches:
    """CIFAR-10 as torchvision unpacks it."""

    folder: Path


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """`{train,test}/<class>/` of images."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Missing:
    """CIFAR-10 is nowhere in the data folder: it has to be downloaded."""

    data_folder: Path


Source = Bundled | Batches | ImageFolder | Missing


@dataclass(frozen=True, slots=True)
class Listing:
    """Image files by class, sorted by name: paths are relative to the image folder."""

    classes: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]
    """Per class, file names within `train/<class>/`."""
    test: tuple[tuple[str, ...], ...]

    @property
    def num_train(self) -> int:
        return sum(map(len, self.train))

    @property
    def num_test(self) -> int:
        return sum(map(len, self.test))

    def files(self, split: str) -> Iterator[tuple[str, int]]:
        """(path relative to the folder, label) of every image of `train` or `test`, in order."""
        for label, names in enumerate(self.train if split == "train" else self.test):
            for name in names:
                yield f"{split}/{self.classes[label]}/{name}", label


def describe_dataset(dataset: str, data_folder: Path, cache_folder: Path, image_size: int = 32) -> DatasetFacts:
    """What is known of `dataset` at once, without decoding: needs neither torch nor a network.

    `cifar10` that isn't there yet is described all the same. `cache_folder` is where decoded images are kept.

    Raises:
        DatasetError: no such dataset, or its folder doesn't hold what it should.
    """
    del cache_folder  # counting files is quick enough without it
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
        case Batches(folder):
            return _cifar10_facts(str(folder))
        case Missing():
            archive = data_folder / CIFAR10_ARCHIVE.file_name
            if archive.is_file():
                return _cifar10_facts(f"will be unpacked from {archive}")
            return _cifar10_facts(
                f"will be downloaded from {CIFAR10_ARCHIVE.url} ({CIFAR10_ARCHIVE.megabytes} MB) to {data_folder}"
            )
        case ImageFolder(folder):
            listing = list_images(folder)
            size = pixels(dataset, image_size)
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


def digest_files(folder: Path, listing: Listing) -> str:
    """32 hexadecimal digits of the files' names, classes and sizes: cheap enough to ask before anything is decoded.

    Not of their times: a copy is the same data. Not of their contents: a change that keeps every size isn't noticed.
    """
    digest = hashlib.blake2b(digest_size=16)
    root = f"{folder}/"
    for split in SPLITS:
        for path, label in listing.files(split):
            try:
                size = os.stat(root + path).st_size  # noqa: PTH116  # a Path each would double the time
            except OSError:  # decoding will name it
                size = -1
            digest.update(os.fsencode(f"{path}\0{label}\0{size}\0"))
    return digest.hexdigest()


def pixels(dataset: str, image_size: int) -> int:
    """Height and width of `dataset`'s images: only a folder's are resized to `image_size`."""
    return image_size if dataset.startswith("folder:") else 32


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
            batches = data_folder / CIFAR10_ARCHIVE.folder
            if all((batches / name).is_file() for name in CIFAR10_ARCHIVE.data_files):
                return Batches(batches)
            return locate_cifar10_images(data_folder)
        case ("folder", ":", path) if path:
            folder = data_folder / Path(path).expanduser()
            if not folder.is_dir():
                raise DatasetError(f"no folder {folder}: dataset = '{dataset}' names one with train/ and test/ in it")
            return ImageFolder(folder)
        case _:
            raise DatasetError(f"unknown dataset '{dataset}': there are cifar10, digits, and folder:<path>")


def locate_cifar10_images(data_folder: Path) -> ImageFolder | Missing:
    """CIFAR-10 as a folder of images, or not at all."""
    folder = data_folder / "cifar10"
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return ImageFolder(folder)
    return Missing(data_folder)


def list_images(folder: Path) -> Listing:
    """The images in `folder`, by class, both sorted by name.

    Raises:
        DatasetError: `train` or `test` is missing, a class is empty, there is only one, or only `test` has it.
    """
    train, test = (_list_split(folder / split) for split in SPLITS)
    if len(train) < 2:
        raise DatasetError(
            f"only one class, '{next(iter(train))}', in {folder / 'train'}: a net learns to tell two or more apart"
        )
    unknown = sorted(set(test) - set(train))
    if unknown:
        raise DatasetError(
            f"{folder / 'test'} has {_few(unknown)}, which {folder / 'train'} has not: "
            "every class that is tested must be in train too"
        )
    return Listing(tuple(train), tuple(train.values()), tuple(test.get(name, ()) for name in train))


def count_notes(dataset: str, listing: Listing) -> tuple[str, ...]:
    """What a person should know of the counts."""
    if dataset == "cifar10" and (listing.num_train, listing.num_test) != (50_000, 10_000):
        there = f"{listing.num_train:,} training and {listing.num_test:,} test images"
        return (f"not the whole of CIFAR-10: {there}, of 50,000 and 10,000",)
    untested = [name for name, files in zip(listing.classes, listing.test, strict=True) if not files]
    return (f"no test images of {_few(untested)}",) if untested else ()


def _list_split(folder: Path) -> dict[str, tuple[str, ...]]:
    """Class → sorted names of its image files."""
    try:
        classes = sorted(
            entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")
        )
        found = {name: tuple(sorted(filter(_is_image, os.listdir(folder / name)))) for name in classes}  # noqa: PTH208
    except OSError as error:
        raise DatasetError(
            f"can't read {error.filename or folder}: {error.strerror}. "
            f"A folder of images is laid out as {folder.name}/<class>/<image>"
        ) from error
    if any(readable(name) != name for name in found):
        raise DatasetError(f"class folders in {folder} need names in UTF-8: {_few([*map(readable, found)])}")
    if not found:
        raise DatasetError(f"no class folders in {folder}: images go into {folder.name}/<class>/")
    empty = [name for name, files in found.items() if not files]
    if empty:
        endings = " ".join(IMAGE_ENDINGS)
        raise DatasetError(f"no images of {_few(empty)} in {folder}: add some ({endings}), or remove the folder")
    return found


def readable(name: str) -> str:
    """A file's name, for a person to read: bytes that are not UTF-8 become �."""
    return os.fsencode(name).decode("utf-8", "replace")


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS) and not name.startswith(".")


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _cifar10_facts(source: str) -> DatasetFacts:
    return DatasetFacts(
        name="cifar10",
        num_train=50_000,
        num_test=10_000,
        num_classes=10,
        input_shape=(3, 32, 32),
        classes=CIFAR10_CLASSES,
        source=source,
    )
