"""Datasets as uint8 tensors: found, downloaded, decoded once, cached, and checked."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lazytrain.engine.beat import Beat
from lazytrain.engine.data.aside import aside
from lazytrain.engine.data.cache import CacheDamaged, CachedDataset
from lazytrain.engine.data.datasets import (
    CIFAR10_FOLDER,
    CIFAR10_TEST,
    CIFAR10_TRAIN,
    BatchFiles,
    Bundled,
    ImageFolder,
    Missing,
    VisionFiles,
    cache_path,
    count_notes,
    locate,
    locate_cifar10_images,
    pixels,
)
from lazytrain.engine.data.decoding import are_the_same_by_first_rules
from lazytrain.engine.data.image_folders import IMAGE_ENDINGS, SPLITS, list_images
from lazytrain.engine.data.manifest import digest, stat_files
from lazytrain.engine.data.memory import free_memory
from lazytrain.engine.data.rules import NEWEST, Rules
from lazytrain.engine.data.sources import as_progress, build_batches, build_digits, build_images, find_damage
from lazytrain.engine.data.tensors import Dataset, Split
from lazytrain.engine.data.vision.fetching import FetchFailed, fetch_set
from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.data.vision.vision_set import VisionSet
from lazytrain.engine.data.vision_sources import SetDamaged, build_set, list_files
from lazytrain.engine.errors import DatasetError
from lazytrain.engine.events import Progress

__all__ = ["Dataset", "DatasetError", "Split", "load_dataset", "prepare_dataset"]

_MEMORY_SHARE = 0.5
"""Of the memory that is free, for images held in it."""
_BEGUN = Progress(phase="preparing data", done=0, total=0)


def prepare_dataset(
    dataset: str,
    data_folder: Path,
    cache_folder: Path,
    image_size: int = 32,
    *,
    memory_limit: int | None = None,
    rules: Rules = NEWEST,
) -> Generator[Progress, None, Dataset]:
    """The dataset: from the cache, or downloaded and decoded, saying where it stands about ten times a second.

    Closing the generator ends its threads and leaves no half-written file; it may be closed between two reports while
    a file is read that takes for ever. Only regular files are opened. Files are decoded again when the name,
    size or modification time of any of them changed, or the cache doesn't match its checksum. Up to 1 % of a folder's
    images may be unreadable: they are skipped and named in `Dataset.notes`.

    Args:
        dataset: `cifar10`, `digits`, `folder:<path>` or `torchvision:<set>`.
        data_folder: where datasets are found, and downloaded to.
        cache_folder: where decoded images are kept; made if it isn't there.
        image_size: height and width that a folder's and torchvision's images are resized to; others are 32.
        memory_limit: bytes of images above which they are mapped from the cache instead of held in memory; half of
            the memory that is free by default.
        rules: by which images are found and made RGB: those that a run was begun with.

    Raises:
        DatasetError: it can't be had; the message says what was tried and how to go on.
    """
    yield _BEGUN
    source = locate(dataset, data_folder)
    if isinstance(source, Bundled):
        return build_digits(dataset)
    if memory_limit is None:
        memory_limit = int(free_memory() * _MEMORY_SHARE)
    size = pixels(dataset, image_size)
    work = _Preparation(dataset, size, data_folder, cache_folder, memory_limit, rules)
    match source:
        case ImageFolder():
            return (yield from work.from_images(source))
        case VisionFiles(vision_set) | Missing(vision_set) if dataset != "cifar10":
            return (yield from work.from_set(vision_set))
        case _:
            return (yield from work.from_cifar10())


def load_dataset(
    dataset: str,
    data_folder: Path,
    cache_folder: Path,
    image_size: int = 32,
    *,
    memory_limit: int | None = None,
) -> Dataset:
    """`prepare_dataset`, run to its end."""
    preparation = prepare_dataset(dataset, data_folder, cache_folder, image_size, memory_limit=memory_limit)
    while True:
        try:
            next(preparation)
        except StopIteration as ended:
            return ended.value


@dataclass(slots=True)
class _Preparation:
    """One dataset on its way into memory."""

    dataset: str
    size: int
    data_folder: Path
    cache_folder: Path
    memory_limit: int
    rules: Rules
    beat: Beat = field(default_factory=Beat)
    files: bytes = b""
    """What is known of the files that the images are made of."""
    notes: list[str] = field(default_factory=list)
    """What was noticed on the way."""

    def from_images(self, source: ImageFolder) -> Generator[Progress, None, Dataset]:
        """From a folder of images."""
        listing = yield from as_progress(aside(lambda: list_images(source.folder, self.rules)), _BEGUN)
        paths = [path for split in SPLITS for path, _ in listing.files(split)]
        cached = yield from self._cached(source.folder, paths)
        found = yield from self._read(cached)
        if found is None:
            found = yield from build_images(cached, source.folder, listing, self.beat)
        self.notes.extend(count_notes(self.dataset, listing))
        return self._noted(found)

    def from_cifar10(self) -> Generator[Progress, None, Dataset]:
        """From torchvision's batches; where they are damaged, from a folder of images; else downloaded."""
        batches, names = self.data_folder / CIFAR10_FOLDER, (*CIFAR10_TRAIN, *CIFAR10_TEST)
        if isinstance(locate(self.dataset, self.data_folder), BatchFiles):
            cached = yield from self._cached(batches, names)
            found = yield from self._read(cached)
            if found is not None:
                return self._noted(found)
            damage = yield from find_damage(batches)
            if damage is None:
                return self._noted((yield from build_batches(cached, batches, self.beat)))
            self.notes.append(f"not used: {damage}")
            source = locate_cifar10_images(self.data_folder)
            if isinstance(source, ImageFolder):
                return (yield from self.from_images(source))
        looked = f"{CIFAR10_FOLDER}/ (torchvision's files), cifar10/train/<class>/ and cifar10/test/<class>/ (images)"
        yield from self._fetch(SETS["CIFAR10"], looked)
        cached = yield from self._cached(batches, names)
        return self._noted((yield from build_batches(cached, batches, self.beat)))

    def from_set(self, vision_set: VisionSet) -> Generator[Progress, None, Dataset]:
        """A set of torchvision's; downloaded where it isn't there, or is damaged."""
        if isinstance(locate(self.dataset, self.data_folder), VisionFiles):
            cached = yield from self._cached(self.data_folder, list_files(vision_set, self.data_folder))
            found = yield from self._read(cached)
            if found is not None:
                return self._noted(found)
            try:
                return self._noted((yield from build_set(cached, vision_set, self.data_folder, self.beat)))
            except SetDamaged as damage:
                if vision_set.by_hand:
                    raise DatasetError(f"{damage}; replace them: {vision_set.by_hand}") from damage
                self.notes.append(f"not used: {damage}")
        yield from self._fetch(vision_set, f"torchvision's files ({', '.join(vision_set.files)})")
        cached = yield from self._cached(self.data_folder, list_files(vision_set, self.data_folder))
        try:
            return self._noted((yield from build_set(cached, vision_set, self.data_folder, self.beat)))
        except SetDamaged as damage:
            raise DatasetError(f"{damage}; delete them and try again") from damage

    def _fetch(self, vision_set: VisionSet, looked: str) -> Generator[Progress, None, None]:
        """Download a set; `looked` says what was looked for."""
        try:
            yield from fetch_set(vision_set, self.data_folder)
        except FetchFailed as error:
            folder = self.data_folder
            archives = f", and its archives ({', '.join(vision_set.archives)})" if vision_set.archives else ""
            raise DatasetError(
                f"{self.dataset} can't be had. Looked in {folder} for {looked}{archives}"
                f"{''.join(f'; {note}' for note in self.notes)}. Then tried to download it: {error}. "
                f"To go on, put one of these into {folder}, connect to a network and try again, or train with "
                "dataset = 'digits', which needs neither"
            ) from error

    def _cached(self, folder: Path, paths: Sequence[str]) -> Generator[Progress, None, CachedDataset]:
        """Where the decoded images of the files `paths` in `folder` are kept."""
        self.files = yield from as_progress(aside(lambda: stat_files(folder, paths)), _BEGUN)
        path = cache_path(self.cache_folder, self.dataset, self.size, folder)
        cached = CachedDataset(self.dataset, path, self.size, digest(self.files), self.memory_limit, self.rules)
        try:
            there = cached.rules_there()
            if self.rules is Rules.FIRST and Rules.FIRST not in there:
                # Not in the place of those that newer runs share.
                return replace(cached, path=path.with_stem(f"{path.stem}-first"))
            if there and self.rules not in there and (yield from self._are_the_same(folder, paths)):
                cached.allow(self.rules)
        except (CacheDamaged, OSError):
            pass  # reading it says so
        return cached

    def _are_the_same(self, folder: Path, paths: Sequence[str]) -> Generator[Progress, None, bool]:
        """Whether what an older lazytrain decoded is what these rules make: looked for once, in the images' heads."""
        images = [f"{folder}/{path}" for path in paths if path.lower().endswith(IMAGE_ENDINGS)]
        return (yield from as_progress(are_the_same_by_first_rules(images), _BEGUN))

    def _read(self, cached: CachedDataset) -> Generator[Progress, None, Dataset | None]:
        try:
            return (yield from cached.read(self.beat))
        except CacheDamaged as damage:
            self.notes.append(f"the cache was damaged and is rebuilt: {damage}")
        except OSError as error:
            self.notes.append(f"the cache can't be read: {cached.path} ({error.strerror})")
        return None

    def _noted(self, dataset: Dataset) -> Dataset:
        return replace(dataset, notes=(*dataset.notes, *self.notes), files=self.files)
