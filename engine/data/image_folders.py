"""Folders of images, as `{train,test}/<class>/<image>`: what is in one, by names alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.errors import DatasetError

SPLITS = ("train", "test")

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
"""Files with other endings, and hidden ones, are not looked at."""


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
            f"{folder / 'test'} has {few(unknown)}, which {folder / 'train'} has not: "
            "every class that is tested must be in train too"
        )
    return Listing(tuple(train), tuple(train.values()), tuple(test.get(name, ()) for name in train))


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
        raise DatasetError(f"class folders in {folder} need names in UTF-8: {few([*map(readable, found)])}")
    if not found:
        raise DatasetError(f"no class folders in {folder}: images go into {folder.name}/<class>/")
    empty = [name for name, files in found.items() if not files]
    if empty:
        endings = " ".join(IMAGE_ENDINGS)
        raise DatasetError(f"no images of {few(empty)} in {folder}: add some ({endings}), or remove the folder")
    return found


def readable(name: str) -> str:
    """A file's name, for a person to read: bytes that are not UTF-8 become �."""
    return os.fsencode(name).decode("utf-8", "replace")


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS) and not name.startswith(".")


def few(names: list[str]) -> str:
    """The first five, and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
