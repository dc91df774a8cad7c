"""Folders of images, as `{train,test}/<class>/<image>`: what is in one, by names alone."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.data.rules import NEWEST, Rules
from lazytrain.engine.errors import DatasetError

SPLITS = ("train", "test")

FIRST_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
"""What was looked at by the first rules."""
IMAGE_ENDINGS = (
    *FIRST_ENDINGS,
    *(".jfif", ".jpe", ".apng", ".tif", ".tiff", ".pbm", ".pnm", ".pfm", ".avif", ".avifs", ".dib", ".qoi"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".tga", ".icb", ".vda", ".vst", ".pcx", ".dcx", ".psd"),
    *(".sgi", ".rgb", ".rgba", ".bw", ".ras", ".xbm", ".xpm", ".ico", ".icns", ".cur", ".dds", ".blp", ".im", ".msp"),
    *(".pcd", ".pxr", ".fits", ".fit", ".gbr", ".ftc", ".ftu", ".fli", ".flc"),
)
"""Of the files that Pillow reads by itself: not PostScript, which another program would run, nor what it only names.

Files with other endings are left out and counted; hidden ones are not looked at.
"""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """Image files by class, sorted by name: paths are relative to the image folder."""

    classes: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]
    """Per class, file names within `train/<class>/`."""
    test: tuple[tuple[str, ...], ...]
    folders: Mapping[str, str] = field(default_factory=dict[str, str])
    """Class → its folder in `test`, where that is written otherwise than in `train`: é as one character or as two."""
    left_out: tuple[str, ...] = ()
    """Files and folders that are not read, sorted: their paths, with the reason where the name doesn't tell it."""

    @property
    def num_train(self) -> int:
        return sum(map(len, self.train))

    @property
    def num_test(self) -> int:
        return sum(map(len, self.test))

    def files(self, split: str) -> Iterator[tuple[str, int]]:
        """(path relative to the folder, label) of every image of `train` or `test`, in order."""
        for label, names in enumerate(self.train if split == "train" else self.test):
            name = self.classes[label]
            folder = self.folders.get(name, name) if split == "test" else name
            for file in names:
                yield f"{split}/{folder}/{file}", label

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        untested = [name for name, files in zip(self.classes, self.test, strict=True) if not files]
        return (
            *([f"no test images of {few(untested)}"] if untested else []),
            *([f"left out, since not images that can be read: {counted(self.left_out)}"] if self.left_out else []),
        )


def list_images(folder: Path, rules: Rules = NEWEST) -> Listing:
    """The images in `folder`, by class, both sorted by name.

    Raises:
        DatasetError: `train` or `test` is missing, a class is empty, there is only one, or only `test` has it.
    """
    left_out = [f"{name}/ (neither train/ nor test/)" for name in _others(folder)]
    train, test = (_list_split(folder / split, rules, left_out) for split in SPLITS)
    if len(train) < 2:
        raise DatasetError(
            f"only one class, '{next(iter(train))}', in {folder / 'train'}: a net learns to tell two or more apart"
        )
    folders = _match(train, test) if rules > Rules.FIRST else {name: name for name in train}
    unknown = sorted(set(test) - set(folders.values()))
    if unknown:
        raise DatasetError(
            f"{folder / 'test'} has {few(unknown)}, which {folder / 'train'} has not: "
            "every class that is tested must be in train too"
        )
    return Listing(
        tuple(train),
        tuple(train.values()),
        tuple(test.get(folders[name], ()) for name in train),
        {name: written for name, written in folders.items() if written != name},
        tuple(sorted(left_out)),
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


def _match(train: Mapping[str, object], test: Mapping[str, object]) -> dict[str, str]:
    """Class → its folder in `test`: names that look the same are the same, however é is encoded."""
    by_look: dict[str, str] = {}
    for name in train:
        other = by_look.setdefault(unicodedata.normalize("NFC", name), name)
        if other != name:
            raise DatasetError(f"train has two classes that look the same, {other!a} and {name!a}: rename one")
    looks = {unicodedata.normalize("NFC", name): name for name in test if name not in train}
    return {name: name if name in test else looks.get(look, name) for look, name in by_look.items()}


def _others(folder: Path) -> list[str]:
    """Folders beside `train` and `test`."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_other(entry)]
    except OSError:  # what follows names it
        return []


def _is_other(entry: os.DirEntry[str]) -> bool:
    return entry.name not in SPLITS and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def _list_split(folder: Path, rules: Rules, left_out: list[str]) -> dict[str, tuple[str, ...]]:
    """Class → sorted names of its image files."""
    try:
        classes = _list_classes(folder, left_out)
        found: dict[str, tuple[str, ...]] = {}
        for name in classes:
            walk = _Walk(f"{folder.name}/{name}/", rules)
            walk.enter(str(folder / name), "", ())
            found[name] = tuple(sorted(walk.found))
            left_out += walk.left_out
            if not walk.found:
                raise DatasetError(_refuse_empty(folder, name, walk.left_out, rules))
    except OSError as error:
        raise DatasetError(
            f"can't read {error.filename or folder}: {error.strerror}. "
            f"A folder of images is laid out as {folder.name}/<class>/<image>"
        ) from error
    if any(readable(name) != name for name in found):
        raise DatasetError(f"class folders in {folder} need names in UTF-8: {few([*map(readable, found)])}")
    if not found:
        raise DatasetError(f"no class folders in {folder}: images go into {folder.name}/<class>/")
    return found


def _list_classes(folder: Path, left_out: list[str]) -> list[str]:
    """Names of the folders in `train` or `test`, sorted; files that lie beside them are left out."""
    classes: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder":
                classes.append(entry.name)
            elif kind == "lost":
                raise DatasetError(
                    f"the class '{readable(entry.name)}' in {folder} is a link to {Path(entry.path).readlink()}, "
                    "which can't be followed: mend the link, or remove it"
                )
            else:
                where = kind or f"not in a class's folder: {folder.name}/<class>/"
                left_out.append(f"{folder.name}/{readable(entry.name)} ({where})")
    return sorted(classes)


def _refuse_empty(folder: Path, name: str, left_out: list[str], rules: Rules) -> str:
    endings = " ".join(FIRST_ENDINGS if rules is Rules.FIRST else IMAGE_ENDINGS)
    there = f" but what can't be read: {counted(left_out)}" if left_out else ""
    return f"no images of '{readable(name)}' in {folder}{there}; add some ({endings}), or remove the folder"


@dataclass(slots=True)
class _Walk:
    """Goes through one class's folder, and those below it as the rules have it."""

    where: str
    """`train/<class>/`"""
    rules: Rules
    found: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])

    def enter(self, folder: str, inner: str, above: tuple[str, ...]) -> None:
        """Take in what is in `folder`, which is `inner` in the class's; `above` is where one came from."""
        below: list[str] = []
        endings = FIRST_ENDINGS if self.rules is Rules.FIRST else IMAGE_ENDINGS
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                kind = _kind(entry)
                if kind == "folder":
                    below.append(name)
                elif kind in ("", "lost") and name.lower().endswith(endings) and not (inner and self._flat):
                    self.found.append(inner + name)  # what is lost decoding names, and refuses if it is much
                else:
                    self._leave(inner + name, kind)
        if not below:
            return
        above = (*above, os.path.realpath(folder))
        for name in below:
            path = f"{folder}/{name}"
            if os.path.realpath(path) in above:
                self._leave(f"{inner}{name}/", "a link to a folder that it is in")
            else:
                self.enter(path, f"{inner}{name}/", above)

    @property
    def _flat(self) -> bool:
        return self.rules is Rules.FIRST

    def _leave(self, path: str, kind: str) -> None:
        reason = f" ({'a link to nothing' if kind == 'lost' else kind})" if kind else ""
        self.left_out.append(f"{self.where}{readable(path)}{reason}")


def _kind(entry: os.DirEntry[str]) -> str:
    """`folder`; empty for a regular file; `lost` for a link that can't be followed; else what it is, in words."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return ""
        mode = entry.stat().st_mode
    except OSError:
        return "lost"
    return next((name for test, name in _KINDS if test(mode)), "not a file")


def readable(name: str) -> str:
    """A file's name, for a person to read: bytes that are not UTF-8 become �."""
    return os.fsencode(name).decode("utf-8", "replace")


def few(names: list[str]) -> str:
    """The first five, and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def counted(names: tuple[str, ...] | list[str]) -> str:
    """`3 (a, b, …)`: how many, and the first two."""
    more = ", …" if len(names) > 2 else ""
    return f"{len(names):,} ({', '.join(names[:2])}{more})"
