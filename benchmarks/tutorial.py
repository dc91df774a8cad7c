"""The baseline: the loop of PyTorch's CIFAR-10 tutorial, as a user writes it."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from lazytrain.engine.compute.architecture import build_net
from lazytrain.presets import Architecture

# Decoded beforehand, so that the baseline isn't charged for JPEG: torchvision's CIFAR10 holds arrays as well.


class ArrayImages(torch.utils.data.Dataset):  # type: ignore[type-arg]  # as the tutorial's own, untyped
    """CIFAR10 as torchvision has it: arrays in memory, a PIL image and a transform for every item."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        from PIL import Image

        self._from_array = Image.fromarray
        self.data = images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = labels.tolist()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(self._from_array(self.data[index])), self.targets[index]


class TutorialLoop:
    """`for inputs, labels in loader: …`, with `loss.item()` every step, at torch's own number of threads."""

    def __init__(
        self,
        architecture: Architecture,
        images: torch.Tensor,
        labels: torch.Tensor,
        batch_size: int,
        num_workers: int,
        device: str = "cpu",
    ) -> None:
        self.net = build_net(architecture, tuple(images.shape[1:]), 10, seed=0).to(device)
        self.device = device
        self.loader = DataLoader(ArrayImages(images, labels), batch_size, shuffle=True, num_workers=num_workers)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.01)
        self.batch_size = batch_size

    def rate(self, seconds: float, warm_up: float = 0.5) -> float:
        """Images a second over `seconds`, after `warm_up` seconds that don't count."""
        running_loss, count = 0.0, 0
        started: float | None = None
        began = time.perf_counter()
        while True:
            for inputs, targets in self.loader:
                # As the tutorial has it for a GPU; on the CPU it gives the tensors back.
                inputs, targets = inputs.to(self.device), targets.to(self.device)  # noqa: PLW2901  as the tutorial writes it
                self.optimizer.zero_grad()
                loss = self.criterion(self.net(inputs), targets)
                loss.backward()
                self.optimizer.step()
                running_loss += loss.item()
                now = time.perf_counter()
                if started is None:
                    started = now if now - began >= warm_up else None
                else:
                    count += len(targets)
                    if now - started >= seconds:
                        return count / (now - started)
