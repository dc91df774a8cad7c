"""Augmentation: each transform against a plain reference, and where its randomness comes from."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lazytrain.engine.data.augmentation import augment, seed_for
from lazytrain.presets import Augmentation
from tests.helpers.examples import examples

ALL = Augmentation(flip=0.5, shift=0.5, rotation=0.5, colour=0.5)


def make_images(count: int = 16, height: int = 12, width: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, 3, height, width or height, generator=generator) * 2 - 1


def shifted(image: Tensor, right: int, down: int) -> Tensor:
    """The plain way, pixel by pixel."""
    result = torch.full_like(image, -1)
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[:, y, x] = image[:, y - down, x - right]
    return result


def test_nothing_changes_at_probability_zero() -> None:
    images = make_images()
    assert torch.equal(augment(images.clone(), Augmentation(), 1), images)


def test_flip_mirrors_left_to_right() -> None:
    images = make_images()
    assert torch.equal(augment(images.clone(), Augmentation(flip=1), 1), images.flip(3))


@given(seed=st.integers(0, 2**63 - 1), pixels=st.integers(1, 12))
@settings(max_examples=examples(25))
def test_every_image_has_a_shift_of_its_own(seed: int, pixels: int) -> None:
    images = make_images(4, 6)
    result = augment(images.clone(), Augmentation(shift=1, shift_pixels=pixels), seed)
    reach = range(-min(pixels, 6), min(pixels, 6) + 1)
    for before, after in zip(images, result, strict=True):
        assert any(torch.equal(after, shifted(before, right, down)) for right in reach for down in reach)


def test_shifts_take_every_whole_number_of_pixels_equally_often() -> None:
    images = torch.full((9_000, 3, 3, 3), -1.0)
    images[:, :, 1, 1] = 1
    result = augment(images, Augmentation(shift=1, shift_pixels=1), 3)
    counts = (result[:, 0] == 1).sum(0)
    assert (counts - 1_000).abs().max() < 150  # five standard deviations


def test_a_tiny_rotation_is_nearly_the_identity() -> None:
    images = make_images()
    result = augment(images.clone(), Augmentation(rotation=1, rotation_degrees=1e-4), 1)
    # Only the border mixes a hair of the black outside.
    assert (result - images).abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(24, 24), (16, 32)])
def test_a_rotation_turns_about_the_centre(shape: tuple[int, int]) -> None:
    height, width = shape
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")
    spot = torch.exp(-((x - 4) ** 2 + y**2) / 4) * 2 - 1
    result = augment(spot.expand(64, 3, -1, -1).clone(), Augmentation(rotation=1, rotation_degrees=90), 5)
    light = (result[:, 0] + 1) / 2
    across, along = ((light * axis).sum((1, 2)) / light.sum((1, 2)) for axis in (x, y))
    # Its centre of light stays as far from the middle, and turns to angles all over -90° … 90°.
    assert torch.allclose(torch.hypot(across, along), torch.tensor(4.0), atol=0.1)
    degrees = torch.atan2(along, across) * 180 / math.pi
    assert degrees.min() < -60
    assert degrees.max() > 60
    assert degrees.abs().max() < 91


def test_rotation_brings_in_black() -> None:
    result = augment(torch.ones(32, 3, 16, 16), Augmentation(rotation=1, rotation_degrees=45), 1)
    assert result[:, :, 0, 0].min() == -1
    assert result[:, :, 8, 8].min() > 0.999


def test_colour_scales_brightness_contrast_and_saturation() -> None:
    images = make_images(32)
    result = augment(images.clone(), Augmentation(colour=1, colour_strength=0.2), 9)
    draws = torch.rand(32, 10, generator=torch.Generator().manual_seed(9)).double()
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.double).view(3, 1, 1)
    for image, after, draw in zip(images.double(), result, draws, strict=True):
        brightness, contrast, saturation = (1 + (draw[7:10] * 2 - 1) * 0.2).tolist()
        light = (image + 1) / 2 * brightness
        mean = (light * weights).sum(0).mean()
        light = mean + (light - mean) * contrast
        grey = (light * weights).sum(0, keepdim=True)
        expected = (grey + (light - grey) * saturation) * 2 - 1
        assert torch.allclose(after.double(), expected.clamp(-1, 1), atol=1e-5)


@given(
    flip=st.floats(0, 1),
    shift=st.floats(0, 1),
    rotation=st.floats(0, 1),
    colour=st.floats(0, 1),
    strength=st.floats(0.01, 1),
    degrees=st.floats(0.1, 180),
    seed=st.integers(0, 2**63 - 1),
)
@settings(deadline=None)
def test_values_stay_in_range(
    *, flip: float, shift: float, rotation: float, colour: float, strength: float, degrees: float, seed: int
) -> None:
    augmentation = Augmentation(
        flip=flip,
        shift=shift,
        rotation=rotation,
        rotation_degrees=degrees,
        colour=colour,
        colour_strength=strength,
    )
    result = augment(make_images(5, 9, 11), augmentation, seed)
    assert result.shape == (5, 3, 9, 11)
    assert result.dtype == torch.float32
    assert result.abs().max() <= 1


def test_the_seed_decides_everything() -> None:
    images = make_images(64)
    torch.manual_seed(1)
    first = augment(images.clone(), ALL, 5)
    torch.manual_seed(2)
    assert torch.equal(augment(images.clone(), ALL, 5), first)
    assert not torch.equal(augment(images.clone(), ALL, 6), first)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    augment(make_images(), ALL, 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_images_change_independently_with_the_given_probability() -> None:
    images = make_images(4_000, 6)
    result = augment(images.clone(), Augmentation(flip=0.3), 1)
    flipped = (result == images.flip(3)).all(3).all(2).all(1)
    kept = (result == images).all(3).all(2).all(1)
    assert torch.equal(flipped, ~kept)
    assert abs(flipped.float().mean().item() - 0.3) < 0.04  # five standard deviations


def test_one_transforms_probability_leaves_the_others_draws() -> None:
    images = make_images(64)
    alone = augment(images.clone(), Augmentation(colour=0.5), 5)
    both = augment(images.clone(), Augmentation(flip=1, colour=0.5), 5)
    # The mean grey of a mirrored image is summed in another order, hence not bit for bit.
    assert torch.allclose(both.flip(3), alone, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_batches_work(count: int) -> None:
    for seed in range(8):
        assert augment(make_images(count), ALL, seed).shape == (count, 3, 12, 12)


def test_seeds_are_stable_and_of_63_bits() -> None:
    assert seed_for(0, 1, 2) == 234899286876037213
    assert seed_for("a", 1) != seed_for("a1")
    assert seed_for(1, 23) != seed_for(12, 3)
    assert seed_for(1) != seed_for("1")
    assert all(0 <= seed_for("seed", number) < 2**63 for number in range(1_000))
