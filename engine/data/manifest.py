"""Which files a dataset's images are made of: path, size and time of each; and how two such lists differ.

As bytes, `path NUL size NUL time NUL` for each file, in order: a million files are one string. It needs no torch.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lazytrain.engine.data.image_folders import SPLITS, counted, few, readable
from lazytrain.engine.errors import DatasetError


def stat_files(folder: Path, paths: Sequence[str]) -> bytes:
    """The list of the files `paths` in `folder`. Raises DatasetError where one isn't a regular file."""
    root = f"{folder}/"
    facts: list[bytes] = []
    for path in paths:
        try:
            status = os.stat(root + path)  # noqa: PTH116  # a Path each would double the time
        except OSError as error:  # decoding will name it
            facts.append(os.fsencode(f"{path}\0{error.errno}\0\0"))
            continue
        if not stat.S_ISREG(status.st_mode):
            raise DatasetError(f"{root}{readable(path)} is not a regular file, and so no image: remove it")
        facts.append(os.fsencode(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    return b"".join(facts)


def digest(files: bytes) -> str:
    """32 hexadecimal digits of a list."""
    return hashlib.blake2b(files, digest_size=16).hexdigest()


def digest_without_times(files: bytes, classes: Sequence[str]) -> str:
    """What `digest_files` gives of a folder of images, from the list of its files."""
    labels = {unicodedata.normalize("NFC", name): label for label, name in enumerate(classes)}
    found = hashlib.blake2b(digest_size=16)
    for path, (size, time) in _parse(files).items():
        label = labels.get(unicodedata.normalize("NFC", _class_of(path)))
        found.update(os.fsencode(f"{path}\0{label}\0{size if time else -1}\0"))
    return found.hexdigest()


def _parse(files: bytes) -> dict[str, tuple[str, str]]:
    """Path → (size, time)."""
    parts = os.fsdecode(files).split("\0")
    return {path: (size, time) for path, size, time in zip(parts[:-1:3], parts[1::3], parts[2::3], strict=False)}


@dataclass(frozen=True, slots=True)
class Changes:
    """How the files of a dataset differ from those of before."""

    renamed: Mapping[str, str]
    """Class → what it is called now, of the same files."""
    gone: tuple[str, ...]
    """Classes."""
    new: tuple[str, ...]
    """Classes."""
    removed: tuple[str, ...]
    """Files, like the three below; not of the classes above."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    """Of another size."""
    touched: tuple[str, ...]
    """Written at another time, with the size of before."""

    def say(self) -> Iterator[str]:
        """What differs, a part of a sentence each; that files were touched, only where nothing else differs."""
        for old, name in self.renamed.items():
            yield f"class '{old}' is '{name}' now"
        if self.gone:
            yield f"without the {_classes(self.gone)}"
        if self.new:
            yield f"with the new {_classes(self.new)}"
        for files, what in ((self.removed, "removed"), (self.added, "added"), (self.changed, "changed")):
            if files:
                yield f"{what}: {counted([*map(readable, files)])}"

    def within(self, start: str) -> Changes:
        """Of the classes, and of files whose paths begin so."""
        fields = ("removed", "added", "changed", "touched")
        return replace(
            self, **{name: tuple(path for path in getattr(self, name) if path.startswith(start)) for name in fields}
        )

    @property
    def any(self) -> bool:
        return any(True for _ in self.say())


def compare(before: bytes, now: bytes, classes_before: Sequence[str], classes: Sequence[str]) -> Changes:
    """How `now` differs from `before`; classes are those of a folder of images, as the names of their folders."""
    old, new = _parse(before), _parse(now)
    gone = [name for name in classes_before if name not in classes]
    fresh = [name for name in classes if name not in classes_before]
    renamed: dict[str, str] = {}
    of_class = {name: _of_class(new, name) for name in fresh}
    for name in gone:
        files = _of_class(old, name)
        same = next((each for each, there in of_class.items() if there == files and each not in renamed.values()), None)
        if files and same is not None:
            renamed[name] = same
    apart = {*gone, *fresh}
    both = [path for path in old if path in new]
    return Changes(
        renamed=renamed,
        gone=tuple(name for name in gone if name not in renamed),
        new=tuple(name for name in fresh if name not in renamed.values()),
        removed=tuple(path for path in old if path not in new and _class_of(path) not in apart),
        added=tuple(path for path in new if path not in old and _class_of(path) not in apart),
        changed=tuple(path for path in both if old[path][0] != new[path][0]),
        touched=tuple(path for path in both if old[path][0] == new[path][0] and old[path][1] != new[path][1]),
    )


def _of_class(files: Mapping[str, tuple[str, str]], name: str) -> set[tuple[str, str, str]]:
    """(train or test, path within the class's folder, size) of its files."""
    return {
        (split, path.removeprefix(f"{split}/{name}/"), size)
        for split in SPLITS
        for path, (size, _) in files.items()
        if path.startswith(f"{split}/{name}/")
    }


def _class_of(path: str) -> str:
    parts = path.split("/", 2)
    return parts[1] if len(parts) == 3 and parts[0] in SPLITS else ""


def _classes(names: Sequence[str]) -> str:
    return f"{'class' if len(names) == 1 else 'classes'} {few(list(names))}"
