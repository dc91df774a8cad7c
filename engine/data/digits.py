"""The handwritten digits that ship with scikit-learn: 1,797 images of 8×8, made 32×32."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lazytrain.engine.data.datasets import DatasetError

_TEST_EVERY = 5
"""Every fifth image of each digit is a test image."""


def load_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images, training labels, test images, test labels: uint8 [N, 3, 32, 32] and int64 [N].

    Always the same split: every fifth image of each digit is for testing, whatever the seed.

    Raises:
        DatasetError: scikit-learn isn't installed.
    """
    table = torch.from_numpy(read_table())
    labels = table[:, -1].long()
    small = table[:, :-1].float().view(-1, 1, 8, 8)
    # Weights of eighths, and values of sixteenths: exact in float32, so the bytes are the same on every machine.
    large = F.interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    images = large.mul_(255 / 16).round_().byte().expand(-1, 3, -1, -1)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        test[torch.nonzero(labels == digit).flatten()[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    return images[~test].contiguous(), labels[~test], images[test].contiguous(), labels[test]


def read_table() -> NDArray[np.int64]:
    """[1797, 65]: 64 values from 0 to 16, and the digit."""
    package = importlib.util.find_spec("sklearn")  # finds the package without importing it, which costs over a second
    if package is None or not package.submodule_search_locations:
        raise DatasetError("the digits come with scikit-learn, which is not installed: pip install scikit-learn")
    path = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    if path.is_file():
        with gzip.open(path, "rt", encoding="ascii") as file:
            return np.loadtxt(file, delimiter=",", dtype=np.int64)
    from sklearn.datasets import load_digits as load  # the slow way, should the file move within scikit-learn

    values, digits = load(return_X_y=True)
    return np.column_stack([values, digits]).astype(np.int64)
