"""Batches from a resident dataset: an epoch's order, and chunks of it gathered into one reused buffer."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from lazytrain.engine.data.augmentation import augment, seed_for
from lazytrain.engine.data.loading import Split
from lazytrain.presets.schema import Hyperparameters

CHUNK_IMAGES = 128
"""Gathered at once: as floats they stay in the processor's cache until they are trained on, a third of a millisecond
later. Where chunks are cut changes no bit."""
LARGE_CHUNK_IMAGES = 2_048
"""The same on other devices, and where there is augmentation, whose random numbers are drawn for a chunk: there it is
part of a run's bits."""
PIECE_IMAGES = 256
CHUNK_BYTES = 64 * 2**20
"""A chunk is at most this large as floats, and at least one batch."""


def num_steps(num_images: int, batch_size: int) -> int:
    """Steps an epoch: a last batch of one image joins the batch before it, since BatchNorm can't train on one."""
    steps = -(-num_images // batch_size)
    return steps - 1 if batch_size > 1 and steps > 1 and num_images % batch_size == 1 else steps


def normalise(images: Tensor, out: Tensor | None = None) -> Tensor:
    """uint8 [N, C, H, W] → float in -1…1, as (x - 0.5) / 0.5 of x in 0…1."""
    floats = torch.empty(images.shape, device=images.device) if out is None else out
    return floats.copy_(images).mul_(1 / 127.5).sub_(1.0)


def held_out(num_images: int, values: Hyperparameters) -> tuple[Tensor, Tensor | None]:
    """Indices of the images to train on, and of those held out for validation (None where there are none)."""
    if not values.validation_fraction:
        return torch.arange(num_images), None
    count = max(1, round(num_images * values.validation_fraction))
    if count >= num_images:
        raise ValueError(f"validation_fraction = {values.validation_fraction:g} leaves nothing to train on")
    generator = torch.Generator().manual_seed(seed_for(values.seed, "validation"))
    shuffled = torch.randperm(num_images, generator=generator)
    return shuffled[count:].sort().values, shuffled[:count].sort().values


class Block(NamedTuple):
    """The batches of some steps: their images [N, C, H, W] and goals together, and (images, goals) of each.

    Images are float and normalised, or uint8 for a path that takes them so.
    """

    images: Tensor
    goals: Tensor
    batches: list[tuple[Tensor, Tensor]]


class Batches:
    """The training images of every epoch, in the order and with the changes that (seed, epoch, chunk) give.

    Nothing of it needs saving: where a run stands in an epoch gives the same batches again.
    """

    def __init__(
        self,
        split: Split,
        indices: Tensor,
        values: Hyperparameters,
        device: torch.device,
        goals: Callable[[Tensor], Tensor] = lambda targets: targets,
        block_steps: int = 1,
        *,
        as_bytes: bool = False,
    ) -> None:
        self._images, self._labels = split.images, split.labels
        self._indices = indices
        self._values = values
        self._device = device
        self._goals = goals
        self.num_images = len(indices)
        self.steps_per_epoch = num_steps(self.num_images, values.batch_size)
        shape = tuple(split.images.shape[1:])
        fitting = CHUNK_BYTES // (4 * prod(shape))
        self._block_steps = block_steps
        # Whole blocks, which no chunk's end cuts.
        small = device.type == "cpu" and not values.augmentation.active
        wanted = CHUNK_IMAGES if small else LARGE_CHUNK_IMAGES
        self._chunk_steps = max(1, min(wanted, fitting) // (values.batch_size * block_steps)) * block_steps
        # One image more than whole batches: a last batch of one joins the batch before it.
        rows = min(self.num_images, self._chunk_steps * values.batch_size + 1)
        self._as_bytes = as_bytes
        held = rows if as_bytes else min(rows, PIECE_IMAGES)
        self._bytes = torch.empty((held, *shape), dtype=torch.uint8, device=split.images.device)
        self._floats = torch.empty((0 if as_bytes else rows, *shape), device=device)
        self._order = torch.empty(0, dtype=torch.int64)
        self._epoch: int | None = None
        self._chunk: int | None = None
        self._batches: list[tuple[Tensor, Tensor]] = []
        self._gathered = self._chunk_goals = self._floats[:0]
        self.targets = torch.empty(0, dtype=torch.int64)
        """Labels of the epoch at work, in its order: int64 [num_images], on the device."""

    def rows(self, step: int) -> tuple[int, int]:
        """First and last-but-one place in the epoch's order of the images of `step` (from 0)."""
        start = step * self._values.batch_size
        return start, self.num_images if step == self.steps_per_epoch - 1 else start + self._values.batch_size

    def enter_epoch(self, epoch: int) -> None:
        """Shuffle for `epoch` (from 0)."""
        if self._epoch == epoch:
            return
        generator = torch.Generator().manual_seed(seed_for(self._values.seed, "order", epoch))
        permutation = torch.randperm(self.num_images, generator=generator)
        self._order = self._indices[permutation].to(self._images.device)
        self.targets = self._labels[self._order].to(self._device)
        self._epoch, self._chunk = epoch, None

    def block(self, step: int) -> Block:
        """From `step` (from 0) of the epoch entered to the end of its block; views, not copies.

        The images are valid until another chunk's step is asked for.
        """
        chunk, within = divmod(step, self._chunk_steps)
        if self._chunk != chunk:
            self._gather(chunk)
        stop = within - within % self._block_steps + self._block_steps
        batches = self._batches[within:stop]
        if len(batches) == 1:
            return Block(*batches[0], batches)
        first = within * self._values.batch_size
        rows = slice(first, first + sum(images.shape[0] for images, _ in batches))
        return Block(self._gathered[rows], self._chunk_goals[rows], batches)

    def _gather(self, chunk: int) -> None:
        if self._epoch is None:
            raise RuntimeError("enter_epoch comes first")
        first_step = chunk * self._chunk_steps
        last_step = min(first_step + self._chunk_steps, self.steps_per_epoch) - 1
        start, stop = self.rows(first_step)[0], self.rows(last_step)[1]
        goals = self._goals(self.targets[start:stop])
        images = self._gather_bytes(start, stop) if self._as_bytes else self._gather_floats(start, stop)
        # Cut here once, in one call: a slice for every step costs as much as a layer of a small net.
        sizes = [high - low for low, high in map(self.rows, range(first_step, last_step + 1))]
        self._gathered, self._chunk_goals = images, goals
        self._batches = list(zip(images.split(sizes), goals.split(sizes), strict=True))
        self._chunk = chunk

    def _gather_bytes(self, start: int, stop: int) -> Tensor:
        return torch.index_select(self._images, 0, self._order[start:stop], out=self._bytes[: stop - start])

    def _gather_floats(self, start: int, stop: int) -> Tensor:
        images = self._floats[: stop - start]
        # Piece by piece, each of which stays in the processor's cache from its bytes to its floats.
        for first in range(start, stop, PIECE_IMAGES):
            rows = self._order[first : min(first + PIECE_IMAGES, stop)]
            gathered = torch.index_select(self._images, 0, rows, out=self._bytes[: len(rows)])
            normalise(gathered, out=images[first - start : first - start + len(rows)])
        if not self._values.augmentation.active:
            return images
        chunk = start // (self._chunk_steps * self._values.batch_size)
        seed = seed_for(self._values.seed, "augmentation", self._epoch or 0, chunk)
        return augment(images, self._values.augmentation, seed)
