"""Folders of small images for tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def random_pixels(seed: int, size: int = 8) -> np.ndarray:
    """uint8 [size, size, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def image_bytes(seed: int, size: int = 8, kind: str = "PNG") -> bytes:
    """A random image, as a file's content."""
    file = io.BytesIO()
    Image.fromarray(random_pixels(seed, size)).save(file, kind)
    return file.getvalue()


def make_folder(folder: Path, train: dict[str, int], test: dict[str, int], size: int = 8) -> Path:
    """`{train,test}/<class>/` with so many images a class; image i of all has the pixels of `random_pixels(i)`."""
    seed = 0
    for split, classes in (("train", train), ("test", test)):
        for name, count in sorted(classes.items()):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                (folder / split / name / f"{number:04}.png").write_bytes(image_bytes(seed, size))
                seed += 1
    return folder
