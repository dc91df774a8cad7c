"""Losses and accuracy, row by row, from logits kept while stepping: one look at a window costs as much as one step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lazytrain.presets.schema import Hyperparameters


def loss_rows(logits: Tensor, targets: Tensor, values: Hyperparameters) -> Tensor:
    """The loss of each row. `logits` float [N, classes], `targets` int64 [N] → float [N].

    Their mean is torch's `cross_entropy`, or `mse_loss` against one-hot targets (the mean over N × classes).
    """
    if values.loss == "cross_entropy":
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=values.label_smoothing)
    one_hot = F.one_hot(targets, logits.shape[1]).to(logits.dtype)
    return (logits - one_hot).square().mean(dim=1)


@dataclass(slots=True)
class Means:
    """Running sums that give a mean loss and a top-1 accuracy."""

    loss_sum: float = 0.0
    num_correct: int = 0
    num_images: int = 0

    @property
    def loss(self) -> float:
        return self.loss_sum / self.num_images if self.num_images else float("nan")

    @property
    def accuracy(self) -> float:
        return self.num_correct / self.num_images if self.num_images else float("nan")

    def add(self, other: Means) -> None:
        self.loss_sum += other.loss_sum
        self.num_correct += other.num_correct
        self.num_images += other.num_images


def count_confusions(logits: Tensor, targets: Tensor) -> Tensor:
    """How often each true class was taken for which: int64 [classes²], row by row, still on the device.

    `logits` float [N, classes], `targets` int64 [N].
    """
    num_classes = logits.shape[1]
    return torch.bincount(targets * num_classes + logits.argmax(dim=1), minlength=num_classes**2)


def measure_rows(logits: Tensor, targets: Tensor, values: Hyperparameters) -> Tensor:
    """Figures over rows, still on the device: float64 [loss sum, number correct, first bad row, its loss].

    A row is bad if its loss is NaN or infinite; where none is, the first bad row is the number of rows.
    """
    losses = loss_rows(logits, targets, values)
    correct = (logits.argmax(dim=1) == targets).sum()
    bad = ~losses.isfinite()
    first_bad = torch.where(bad.any(), bad.to(torch.uint8).argmax(), losses.shape[0])
    bad_loss = losses[first_bad.clamp(max=losses.shape[0] - 1)]
    return torch.stack((losses.sum(dtype=torch.float64), correct.double(), first_bad.double(), bad_loss.double()))


def total_norm(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of all values together, still on the device; 0 without any."""
    if not tensors:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each).float() for each in tensors]))
