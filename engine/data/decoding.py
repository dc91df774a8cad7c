"""Images → uint8 arrays, on a few threads, in their order."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lazytrain.engine.beat import BEAT_SECONDS
from lazytrain.engine.data.aside import Aside
from lazytrain.engine.data.pictures import Way, is_the_same_by_first_rules, read_file
from lazytrain.engine.errors import encodable, first_line

_MOST_THREADS = 8
_CHUNK_IMAGES = 256
_CHUNK_BYTES = 1 << 22

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that isn't the image its name says."""

    path: str
    """Relative to the image folder; or which image of a set it is."""
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Some images, in the order of their files."""

    images: NDArray[np.uint8]
    """[n, 3, S, S]"""
    labels: NDArray[np.int64]
    unreadable: tuple[Unreadable, ...]


def decode_files(folder: Path, files: Sequence[tuple[str, int]], way: Way) -> Generator[Decoded | None, None, None]:
    """Decode `files`, (path relative to `folder`, label) each, to RGB. See `decode_items`."""
    root = str(folder)

    def read(file: tuple[str, int]) -> tuple[NDArray[np.uint8], int]:
        path, label = file
        return read_file(f"{root}/{path}", way), label

    return decode_items(files, read, lambda file: file[0], way.size)


def decode_items(
    items: Sequence[Item],
    read: Callable[[Item], tuple[NDArray[np.uint8], int]],
    name: Callable[[Item], str],
    size: int,
) -> Generator[Decoded | None, None, None]:
    """Have `read` make an image [3, size, size] and its label of each item; one that raises is unreadable.

    Yields the images chunk by chunk in the order given, and None whenever nothing was ready for a tenth of a second.
    Closing it ends the threads: each finishes the one image it is at, or is left alone with it if that takes long. A
    few chunks are decoded ahead, no more, so that memory stays bounded.
    """
    threads = _num_threads()
    step = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // (3 * size * size)))
    chunks = [items[start : start + step] for start in range(0, len(items), step)]
    abandoned = threading.Event()
    waiting: deque[Future[Decoded]] = deque()
    Image.preinit()  # here, so that the threads don't all do it
    pool = Aside(threads, "decode")
    try:
        for chunk in chunks:
            waiting.append(pool.submit(partial(_decode_chunk, chunk, read, name, size, abandoned)))
            if len(waiting) > 2 * threads:
                yield from _next(waiting)
        while waiting:
            yield from _next(waiting)
    finally:
        abandoned.set()
        pool.close()


def are_the_same_by_first_rules(paths: Sequence[str]) -> Generator[None, None, bool]:
    """Whether the first rules make the same of all the images in files; those that can't be read count for nothing.

    Yields every tenth of a second.
    """
    step = 256
    differs = threading.Event()

    def look(some: Sequence[str]) -> None:
        for path in some:
            if differs.is_set():
                return
            try:
                alike = is_the_same_by_first_rules(path)
            except Exception:  # noqa: BLE001  # damaged bytes make PIL raise nearly anything: unreadable by all rules
                continue
            if not alike:
                differs.set()

    Image.preinit()
    pool = Aside(_num_threads(), "look")
    try:
        waiting = [pool.submit(partial(look, paths[start : start + step])) for start in range(0, len(paths), step)]
        for each in waiting:
            while not wait([each], timeout=BEAT_SECONDS).done:
                yield None
            each.result()
            if differs.is_set():
                return False
        return True
    finally:
        differs.set()
        pool.close()


def _num_threads() -> int:
    return max(1, min(_MOST_THREADS, os.cpu_count() or 1))


def _next(waiting: deque[Future[Decoded]]) -> Generator[Decoded | None, None, None]:
    while not wait(list(waiting)[:1], timeout=BEAT_SECONDS).done:
        yield None
    yield waiting.popleft().result()


def _decode_chunk(
    items: Sequence[Item],
    read: Callable[[Item], tuple[NDArray[np.uint8], int]],
    name: Callable[[Item], str],
    size: int,
    abandoned: threading.Event,
) -> Decoded:
    images = np.empty((len(items), 3, size, size), np.uint8)
    labels = np.empty(len(items), np.int64)
    unreadable: list[Unreadable] = []
    count = 0
    for item in items:
        if abandoned.is_set():
            break
        try:
            images[count], labels[count] = read(item)
        except Exception as error:  # noqa: BLE001  # damaged bytes make PIL's decoders raise nearly anything
            unreadable.append(Unreadable(name(item), _explain(error)))
        else:
            count += 1
    return Decoded(images[:count], labels[:count], tuple(unreadable))


def _explain(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "not there"
        case OSError(strerror=str(reason)):
            return encodable(reason.lower())
        case Image.UnidentifiedImageError():
            return "not an image"
        case _:
            return first_line(error)
