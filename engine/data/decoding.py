"""Images → uint8 arrays, on a few threads, in their order."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lazytrain.engine.beat import BEAT_SECONDS
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


def decode_files(folder: Path, files: Sequence[tuple[str, int]], size: int) -> Generator[Decoded | None, None, None]:
    """Decode `files`, (path relative to `folder`, label) each, to `size` × `size` RGB. See `decode_items`."""
    root = str(folder)

    def read(file: tuple[str, int]) -> tuple[NDArray[np.uint8], int]:
        path, label = file
        return read_file(f"{root}/{path}", size), label

    return decode_items(files, read, lambda file: file[0], size)


def decode_items(
    items: Sequence[Item],
    read: Callable[[Item], tuple[NDArray[np.uint8], int]],
    name: Callable[[Item], str],
    size: int,
) -> Generator[Decoded | None, None, None]:
    """Have `read` make an image [3, size, size] and its label of each item; one that raises is unreadable.

    Yields the images chunk by chunk in the order given, and None whenever nothing was ready for a tenth of a second.
    Closing it ends the threads: each finishes the one image it is at. A few chunks are decoded ahead, no more, so
    that memory stays bounded.
    """
    threads = max(1, min(_MOST_THREADS, os.cpu_count() or 1))
    step = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // (3 * size * size)))
    chunks = [items[start : start + step] for start in range(0, len(items), step)]
    abandoned = threading.Event()
    waiting: deque[Future[Decoded]] = deque()
    Image.preinit()  # here, so that the threads don't all do it
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for chunk in chunks:
            waiting.append(pool.submit(partial(_decode_chunk, chunk, read, name, size, abandoned)))
            if len(waiting) > 2 * threads:
                yield from _next(waiting)
        while waiting:
            yield from _next(waiting)
    finally:
        abandoned.set()
        pool.shutdown(wait=True, cancel_futures=True)


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


def read_file(path: str | Path, size: int) -> NDArray[np.uint8]:
    """The image in a file: uint8 [3, size, size]."""
    with open(path, "rb") as file, Image.open(file) as image:  # noqa: PTH123  # a Path each is slower by a tenth
        # A large JPEG is decoded at a fraction of its size, twice what is needed or more: many times faster.
        image.draft("RGB", (2 * size, 2 * size))
        return to_array(image, size)


def to_array(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Any image as RGB, squeezed to `size` × `size`: uint8 [3, size, size]."""
    pixels = _to_rgb(image)
    if pixels.size != (size, size):
        pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(pixels).transpose(2, 0, 1)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits a pixel, which PIL would clip at 255
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        opaque = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        return Image.alpha_composite(opaque, clear).convert("RGB")
    return image.convert("RGB")


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
