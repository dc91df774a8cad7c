"""Random flip, shift, rotation and colour on whole batches, drawn from a seed and nothing else.

Every image has its own draws, and every draw its own column, so that one transform's probability doesn't change what
the others do. The draws are made on the CPU: the same seed gives the same changes on every device.
"""

from __future__ import annotations

import hashlib
import json
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lazytrain.presets import Augmentation

BLACK = -1.0
"""Black, in images normalised to [-1, 1]."""

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601, as torchvision and PIL use them."""

_NUM_DRAWS = 10


def seed_for(*parts: int | str) -> int:
    """A seed of 63 bits from `parts`, such as (seed, epoch, chunk): the same on every machine and version."""
    text = json.dumps(parts, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


@torch.no_grad()
def augment(images: Tensor, settings: Augmentation, seed: int) -> Tensor:
    """`images`, changed at random; the tensor given may be changed in place and should not be used any more.

    Args:
        images: float [N, 3, H, W] in [-1, 1], on any device.
        settings: each transform's probability and strength.
        seed: decides everything; see `seed_for`.

    Returns:
        A tensor of the same shape, type, device and range. Transforms follow one another as flip, shift, rotation,
        colour; what comes in from outside an image is black.
    """
    if not settings.active or not len(images):
        return images
    draws = torch.rand(len(images), _NUM_DRAWS, generator=torch.Generator().manual_seed(seed)).unbind(1)
    if settings.flip:
        _flip(images, _chosen(draws[0], settings.flip))
    if settings.shift:
        chosen = _chosen(draws[1], settings.shift)
        _shift(images, chosen, _pixels(draws[2][chosen], settings), _pixels(draws[3][chosen], settings))
    if settings.rotation:
        chosen = _chosen(draws[4], settings.rotation)
        degrees = (draws[5][chosen] * 2 - 1) * settings.rotation_degrees
        _rotate(images, chosen, degrees * (math.pi / 180))
    if settings.colour:
        chosen = _chosen(draws[6], settings.colour)
        factors = [1 + (draw[chosen] * 2 - 1) * settings.colour_strength for draw in draws[7:10]]
        _recolour(images, chosen, *factors)
    return images


def _chosen(draw: Tensor, probability: float) -> Tensor:
    """Indices of the images that a transform changes: int64, on the CPU. Draws are below 1, so 1 chooses all."""
    return torch.nonzero(draw < probability).flatten()


def _pixels(draw: Tensor, settings: Augmentation) -> Tensor:
    """Draws in [0, 1) → whole pixels from -shift_pixels to shift_pixels, each equally likely."""
    count = 2 * settings.shift_pixels + 1
    return (draw * count).long().clamp_(max=count - 1) - settings.shift_pixels


def _flip(images: Tensor, chosen: Tensor) -> None:
    index = chosen.to(images.device)
    images.index_copy_(0, index, images.index_select(0, index).flip(3))


def _shift(images: Tensor, chosen: Tensor, right: Tensor, down: Tensor) -> None:
    """Move image `chosen[i]` by `right[i]` and `down[i]` pixels."""
    for dim, pixels in ((3, right), (2, down)):
        # Images of one shift move together, row by row: cheaper than a gather, which looks up every pixel.
        for pixel in pixels.unique().tolist():
            if pixel:
                _shift_alike(images, dim, chosen[pixels == pixel].to(images.device), pixel)


def _shift_alike(images: Tensor, dim: int, index: Tensor, pixel: int) -> None:
    """Move all images of `index` by `pixel` along `dim`: right or down where it is above 0."""
    before = images.index_select(0, index)
    after = torch.full_like(before, BLACK)
    kept = images.shape[dim] - abs(pixel)
    if kept > 0:
        after.narrow(dim, max(pixel, 0), kept).copy_(before.narrow(dim, max(-pixel, 0), kept))
    images.index_copy_(0, index, after)


def _rotate(images: Tensor, chosen: Tensor, radians: Tensor) -> None:
    """Turn image `chosen[i]` about its centre by `radians[i]`, bilinearly."""
    if not len(chosen):  # affine_grid refuses an empty batch
        return
    height, width = images.shape[2:]
    index = chosen.to(images.device)
    cos, sin = radians.cos(), radians.sin()
    none = torch.zeros_like(cos)
    # Coordinates run from -1 to 1 across the height and across the width, whatever their ratio.
    rows = (cos, -sin * height / width, none, sin * width / height, cos, none)
    turn = torch.stack(rows, 1).view(-1, 2, 3).to(images)
    before = images.index_select(0, index)
    grid = F.affine_grid(turn, list(before.shape), align_corners=False)
    # Outside, grid_sample reads 0: black is moved there and back.
    after = F.grid_sample(before.sub_(BLACK), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    images.index_copy_(0, index, after.add_(BLACK).clamp_(-1, 1))


def _recolour(images: Tensor, chosen: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> None:
    """Scale the light of image `chosen[i]`, then its distance from its mean grey, then its pixels' from their grey."""
    index = chosen.to(images.device)
    brightness, contrast, saturation = (
        factor.to(images).view(-1, 1, 1, 1) for factor in (brightness, contrast, saturation)
    )
    changed = images.index_select(0, index).sub_(BLACK).mul_(brightness)
    grey = _grey(changed).mean((1, 2, 3), keepdim=True)
    changed.mul_(contrast).add_(grey * (1 - contrast))
    changed = torch.lerp(_grey(changed), changed, saturation)
    images.index_copy_(0, index, changed.add_(BLACK).clamp_(-1, 1))


def _grey(images: Tensor) -> Tensor:
    """[N, 3, H, W] → [N, 1, H, W]."""
    red, green, blue = images.split(1, dim=1)
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
