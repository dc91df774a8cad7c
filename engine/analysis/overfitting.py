"""When a net began to learn its training images by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PATIENCE = 5
"""Epochs for which it must have lasted."""
RISE = 0.01
"""Share by which the test loss must have risen: a test loss that has levelled off is no overfitting."""


def overfitting_start(test_losses: NDArray[Any], train_losses: NDArray[Any], patience: int = PATIENCE) -> int | None:
    """Index of the epoch since which a run overfits, or None.

    Both losses are averaged over three epochs (an epoch and its neighbours). Overfitting begins at the epoch where the
    averaged test loss is lowest, if `patience` epochs later and at the end it is not below that again but at least 1 %
    above it, while the averaged train loss is lower than there, `patience` epochs later as well as at the end.
    It looks back with the patience of early stopping (Prechelt, "Early Stopping – But When?", 1998).

    Args:
        test_losses: [E], one an epoch. The last epoch has no neighbour after it and is not judged by itself.
        train_losses: [E].
    """
    test, train = _average(test_losses), _average(train_losses)
    finite = np.isfinite(test)
    if not finite.any():
        return None
    lowest = int(np.argmin(np.where(finite, test, np.inf)))
    if len(test) - 1 - lowest < patience:
        return None
    risen = test[-1] >= test[lowest] + RISE * abs(test[lowest])
    falling = train[lowest + patience] < train[lowest] and train[-1] < train[lowest]
    return lowest if risen and falling else None


def _average(values: NDArray[Any]) -> NDArray[Any]:
    """Means of three neighbours, of two for the first: [E] → [E - 1]."""
    if len(values) < 2:
        return values[:0].astype("f8")
    with np.errstate(invalid="ignore"):
        middle = (values[:-2] + values[1:-1] + values[2:]) / 3
    return np.concatenate((values[:2].mean(keepdims=True), middle))
