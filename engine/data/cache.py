"""Decoded images in a file: a raw body, and a JSON file that says what it is.

The body is all training images, all test images, training labels, test labels: uint8 [N, 3, S, S] and little-endian
int64 [N].

Two sums cover the body and what the JSON says of it: the checksum (BLAKE2b), by which a run knows its data, is
computed once; damage is looked for on every load, by CRC-32, since that costs a quarter of the time or less.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Generator
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from lazytrain.engine.beat import Beat
from lazytrain.engine.data.aside import open_regular
from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.data.pictures import USUAL_DEPTH, Depth
from lazytrain.engine.data.rules import NEWEST, Rules
from lazytrain.engine.data.tensors import Dataset, Split
from lazytrain.engine.events import Progress
from lazytrain.engine.half_written import sweep_parts
from lazytrain.engine.places import make_folder

_VERSION = 1
"""Of the file format: a cache of another version is rebuilt."""

_SLICE = 1 << 23
"""Bytes read and summed at a time: 8 MiB."""


class CacheDamaged(RuntimeError):
    """The cached file isn't what was written; the message says what is wrong."""


class _Meta(BaseModel):
    """What the JSON file says of the body."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int
    fingerprint: str
    classes: list[str]
    size: int
    num_train: int
    num_test: int
    checksum: str
    crc: int
    """CRC-32 of the body, `header` and `checksum`."""
    notes: list[str]
    rules: list[int] = [int(Rules.FIRST)]
    """By which the images are what they are here."""
    integer_bits: int = USUAL_DEPTH.integers
    float_bits: int = USUAL_DEPTH.floats

    @property
    def image_bytes(self) -> int:
        return 3 * self.size * self.size

    @property
    def body_bytes(self) -> int:
        return (self.num_train + self.num_test) * (self.image_bytes + 8)

    @property
    def header(self) -> bytes:
        """What of this is summed, after the body."""
        return json.dumps([self.classes, self.size, self.num_train, self.num_test]).encode()


@dataclass(frozen=True, slots=True)
class CachedDataset:
    """The place of one dataset's decoded images in the cache folder."""

    name: str
    """Of the dataset, as configured."""
    path: Path
    """Of the body; the JSON lies beside it."""
    size: int
    """Height and width of the images."""
    fingerprint: str
    """Of the source's files: a cache with another is of another time, and rebuilt."""
    memory_limit: int
    """Bytes of images above which they are mapped from the file instead of held in memory."""
    rules: Rules = NEWEST

    def read(self, beat: Beat) -> Generator[Progress, None, Dataset | None]:
        """The dataset, or None if there is none, or one of other source files. Raises CacheDamaged or OSError."""
        meta = self._meta()
        if meta is None or self.rules not in meta.rules:
            return None
        with open_regular(self.path) as file:
            if os.fstat(file.fileno()).st_size != meta.body_bytes:
                raise CacheDamaged(f"{self.path} has another length than was written")
            resident = meta.body_bytes <= self.memory_limit
            body = yield from self._read_body(file, meta, beat, resident)
        return _dataset(self.name, meta, body, resident=resident, path=self.path, rules=self.rules)

    def rules_there(self) -> list[int]:
        """By which rules these very files are kept here; none where they aren't. Raises CacheDamaged or OSError."""
        meta = self._meta()
        return [] if meta is None else meta.rules

    def allow(self, rules: Rules) -> None:
        """The images that are kept are the same by other rules too. Raises CacheDamaged or OSError."""
        meta = self._meta()
        if meta is not None:
            _write_beside(self.path, meta.model_copy(update={"rules": sorted({*meta.rules, rules})}))

    def _meta(self) -> _Meta | None:
        try:
            with open_regular(self.path.with_suffix(".json")) as file:
                meta = _Meta.model_validate_json(file.read())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise CacheDamaged(f"{self.path.with_suffix('.json')} is not what was written") from error
        return meta if (meta.version, meta.fingerprint) == (_VERSION, self.fingerprint) else None

    def _read_body(
        self, file: BufferedReader, meta: _Meta, beat: Beat, resident: bool
    ) -> Generator[Progress, None, Tensor]:
        """The body, checked: held in memory if `resident`, else mapped."""
        total = meta.body_bytes
        body = torch.empty(total if resident else min(_SLICE, total), dtype=torch.uint8)
        view = body.numpy().data
        crc = done = 0
        while done < total:
            start = done if resident else 0
            count = file.readinto(view[start : start + min(_SLICE, total - done)])
            if not count:
                raise CacheDamaged(f"{self.path} ends early")
            crc = zlib.crc32(view[start : start + count], crc)
            done += count
            if beat.due():
                images = meta.num_train + meta.num_test
                yield Progress(phase="preparing data", done=images * done // total, total=images)
        if zlib.crc32(meta.header + meta.checksum.encode(), crc) != meta.crc:
            raise CacheDamaged(f"{self.path} does not match its checksum")
        return body if resident else torch.from_file(str(self.path), shared=False, size=total, dtype=torch.uint8)


class DatasetBuilder:
    """Takes decoded images in order and makes a Dataset of them, in memory, in the cache, or both.

    A context manager: what isn't finished leaves no file.

    Args:
        cached: where to keep the images; None keeps them in memory only.
        name: the dataset's, as configured.
        size: height and width of the images.
        num_images: how many there will be at most.

    Raises:
        DatasetError: the images are above `cached.memory_limit` and the cache can't be written.
    """

    def __init__(self, cached: CachedDataset | None, name: str, size: int, num_images: int) -> None:
        self._cached = cached
        self._name = name
        self._size = size
        num_bytes = num_images * (3 * size * size + 8)
        self.resident = cached is None or num_bytes <= cached.memory_limit
        self._memory = torch.empty(num_bytes, dtype=torch.uint8) if self.resident else None
        self._digest = hashlib.blake2b(digest_size=16)
        self._crc = 0
        self._done = 0
        self._part = Path()
        self._file: BinaryIO | None = None
        self._notes: list[str] = []
        if cached is not None:
            try:
                make_folder(cached.path.parent, 2)
                sweep_parts(cached.path.parent, "*part")
                self._part = cached.path.with_suffix(f".{secrets.token_hex(4)}.part")
                self._file = self._part.open("xb")
            except OSError as error:
                self._lose_cache(error)

    def __enter__(self) -> DatasetBuilder:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop_file()

    def add(self, values: Tensor) -> None:
        """Take more of the body: uint8 images [n, 3, S, S], or int64 labels [n]."""
        flat = values.contiguous().view(torch.uint8).flatten()
        data = flat.numpy().data
        self._digest.update(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._memory is not None:
            self._memory[self._done : self._done + len(flat)] = flat
        self._done += len(flat)
        if self._file is not None:
            try:
                self._file.write(data)
            except OSError as error:
                self._lose_cache(error)

    def finish(
        self,
        classes: tuple[str, ...],
        train_labels: Tensor,
        test_labels: Tensor,
        notes: tuple[str, ...] = (),
        *,
        rules: tuple[Rules, ...] = tuple(Rules),
        depth: Depth = USUAL_DEPTH,
    ) -> Dataset:
        """The dataset, once all images are added.

        Args:
            rules: all by which the images are these.
            depth: of grey images of more than 8 bits.
        """
        self.add(train_labels)
        self.add(test_labels)
        meta = _Meta(
            version=_VERSION,
            fingerprint=self._cached.fingerprint if self._cached else "",
            classes=list(classes),
            size=self._size,
            num_train=len(train_labels),
            num_test=len(test_labels),
            checksum="",
            crc=0,
            notes=list(notes),
            rules=[int(each) for each in rules],
            integer_bits=depth.integers,
            float_bits=depth.floats,
        )
        self._digest.update(meta.header)
        checksum = self._digest.hexdigest()
        crc = zlib.crc32(meta.header + checksum.encode(), self._crc)
        meta = meta.model_copy(update={"checksum": checksum, "crc": crc})
        if self._file is not None and self._cached is not None:
            try:
                self._keep(self._file, self._cached.path, meta)
            except OSError as error:
                self._lose_cache(error)
        body, path = self._memory, self._cached.path if self._cached else None
        if body is None:
            body = torch.from_file(str(path), shared=False, size=meta.body_bytes, dtype=torch.uint8)
        dataset = _dataset(self._name, meta, body, resident=self.resident, path=path, rules=rules[-1])
        return replace(dataset, notes=(*dataset.notes, *self._notes))

    def _keep(self, file: BinaryIO, path: Path, meta: _Meta) -> None:
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self._part.replace(path)
        _write_beside(path, meta)
        self._file = None

    def _lose_cache(self, error: OSError) -> None:
        """The cache can't be written: go on without it if the images fit into memory."""
        self._drop_file()
        folder = self._cached.path.parent if self._cached else None
        if not self.resident:
            raise DatasetError(
                f"the images are too large for this machine's memory, and can't be kept in {folder}: {error.strerror}. "
                "Make room there, or take a smaller image_size"
            ) from error
        self._notes.append(f"the decoded images can't be kept in {folder} ({error.strerror}): next time takes as long")

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)


def _write_beside(path: Path, meta: _Meta) -> None:
    """Write the JSON file of the body at `path`, whole or not at all. Raises OSError."""
    part = path.with_suffix(f".{secrets.token_hex(4)}.json-part")
    try:
        with part.open("wb") as file:
            file.write(meta.model_dump_json(indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path.with_suffix(".json"))
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _dataset(
    name: str, meta: _Meta, body: Tensor, *, resident: bool, path: Path | None, rules: Rules = NEWEST
) -> Dataset:
    """Views of a body as the dataset's two splits."""
    images = (meta.num_train + meta.num_test) * meta.image_bytes
    train = meta.num_train * meta.image_bytes
    # A copy, since int64 must begin at a multiple of 8 bytes.
    labels = body[images : meta.body_bytes].clone().view(torch.int64)
    shape = (-1, 3, meta.size, meta.size)
    notes = list(meta.notes)
    if not resident:
        notes.append(f"streamed: {images / 1e9:.1f} GB of images are read from {path} as they are needed")
    return Dataset(
        name=name,
        classes=tuple(meta.classes),
        train=Split(body[:train].view(shape), labels[: meta.num_train]),
        test=Split(body[train:images].view(shape), labels[meta.num_train :]),
        checksum=meta.checksum,
        resident=resident,
        notes=tuple(notes),
        rules=rules,
        depth=Depth(integers=meta.integer_bits, floats=meta.float_bits),
    )
