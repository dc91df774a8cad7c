"""Datasets as tensors: what is decoded, what is skipped, and what the cache does."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lazytrain.engine.beat import Beat
from lazytrain.engine.data import loading as data_module
from lazytrain.engine.data.cache import CachedDataset
from lazytrain.engine.data.datasets import DatasetError, describe_dataset
from lazytrain.engine.data.digits import read_table
from lazytrain.engine.data.image_folders import list_images
from lazytrain.engine.data.loading import Dataset, load_dataset, prepare_dataset
from lazytrain.engine.data.sources import build_images
from lazytrain.engine.events import Progress
from tests.helpers.examples import examples
from tests.helpers.image_folders import image_bytes, make_folder, random_pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 training and 100 test images of 8×8."""
    return make_folder(tmp_path / "pets", {"cat": 120, "dog": 80}, {"cat": 50, "dog": 50})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def load(folder: Path, cache: Path, **options: int) -> Dataset:
    return load_dataset(f"folder:{folder}", folder.parent, cache, 8, **options)


def assert_same(one: Dataset, other: Dataset) -> None:
    assert one.checksum == other.checksum
    assert one.classes == other.classes
    for a, b in ((one.train, other.train), (one.test, other.test)):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


@pytest.fixture
def never_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Generator[Progress, None, Dataset]:
        raise AssertionError("decoded again")
        yield

    monkeypatch.setattr(data_module, "build_images", refuse)


# ── digits ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_digits_are_what_was_said_of_them(tmp_path: Path) -> None:
    facts = describe_dataset("digits", tmp_path, tmp_path)
    digits = load_dataset("digits", tmp_path, tmp_path)
    assert (len(digits.train), len(digits.test)) == (facts.num_train, facts.num_test) == (1_442, 355)
    assert digits.classes == facts.classes
    assert digits.train.images.shape == (1_442, *facts.input_shape)
    assert digits.train.images.dtype == torch.uint8
    assert digits.train.labels.dtype == torch.int64
    assert digits.train.images.is_contiguous()
    assert digits.resident
    assert list(tmp_path.iterdir()) == []


def test_the_split_of_the_digits_is_fixed_and_even(tmp_path: Path) -> None:
    digits = load_dataset("digits", tmp_path, tmp_path)
    share = digits.test.labels.bincount() / (digits.train.labels.bincount() + digits.test.labels.bincount())
    assert (share - 0.2).abs().max() < 0.01
    assert digits.checksum == "591a119873c5730c56d69400b5ed73f1"


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    values, digits = load_digits(return_X_y=True)
    assert np.array_equal(read_table(), np.column_stack([values, digits]))


def test_digits_keep_their_light(tmp_path: Path) -> None:
    first = load_dataset("digits", tmp_path, tmp_path).train.images[0].float()
    small = torch.from_numpy(read_table())[0, :64].view(8, 8) * 255 / 16
    assert torch.equal(first[0], first[2])
    # The mean over each block of 4×4 is near the pixel it came from, softened by its neighbours.
    blocks = torch.nn.functional.avg_pool2d(first[:1], 4)[0]
    assert torch.corrcoef(torch.stack([blocks.flatten(), small.flatten()]))[0, 1] > 0.95


# ── folders of images ──────────────────────────────────────────────────────────────────────────────────────────


def test_images_come_in_the_order_of_their_names(folder: Path, cache: Path) -> None:
    pets = load(folder, cache)
    assert pets.classes == ("cat", "dog")
    assert pets.train.labels.tolist() == [0] * 120 + [1] * 80
    for split, first in ((pets.train, 0), (pets.test, 200)):
        expected = np.stack([random_pixels(first + i) for i in range(len(split))]).transpose(0, 3, 1, 2)
        assert np.array_equal(split.images.numpy(), expected)
    assert pets.notes == ()


def test_the_order_stays_with_many_chunks(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "many"
    for split, count in (("train", 700), ("test", 1)):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("L", (8, 8), number % 251).save(folder / split / name / f"{number:03}.png")
    images = load(folder, cache).train.images
    assert images[:, 0, 0, 0].tolist() == [number % 251 for number in range(700)] * 2


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
        ("LA", (90, 255), (90, 90, 90)),
        ("I;16", 0x8040, (0x80, 0x80, 0x80)),
    ],
)
def test_every_kind_of_image_becomes_rgb(
    folder: Path, cache: Path, mode: str, colour: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    Image.new(mode, (20, 12), colour).save(folder / "train" / "cat" / "0000.png")
    pixels = load(folder, cache).train.images[0]
    assert pixels.permute(1, 2, 0).reshape(-1, 3).unique(dim=0).tolist() == [list(expected)]


def test_a_large_photo_is_scaled_down(folder: Path, cache: Path) -> None:
    ramp = np.linspace(0, 255, 640).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (480, 1))).save(folder / "train" / "cat" / "0000.jpg", quality=95)
    pixels = load(folder, cache).train.images[0, 0].float()
    assert (pixels - (torch.arange(8) + 0.5) * 255 / 8).abs().max() < 4


# ── unreadable images ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", image_bytes(1, 64)[:200], image_bytes(1, 64, "JPEG")[:900], image_bytes(1)[:40]],
    ids=["empty", "text", "cut png", "cut jpeg", "cut header"],
)
def test_an_unreadable_image_is_named_and_skipped(folder: Path, cache: Path, content: bytes) -> None:
    (folder / "train" / "dog" / "0050.png").write_bytes(content)
    pets = load(folder, cache)
    assert len(pets.train.images) == len(pets.train.labels) == 199
    assert np.array_equal(pets.train.images[170].numpy(), random_pixels(171).transpose(2, 0, 1))
    [note] = pets.notes
    assert "skipped 1 of 300 images" in note
    assert "train/dog/0050.png" in note
    assert load(folder, cache).notes == pets.notes  # from the cache as well


def test_more_than_one_in_a_hundred_is_refused(folder: Path, cache: Path) -> None:
    for number in range(3):
        (folder / "test" / "cat" / f"{number:04}.png").write_bytes(b"")
    assert "skipped 3 of 300" in load(folder, cache).notes[0]
    (folder / "train" / "dog" / "0079.png").rename(folder / "train" / "dog" / "0079.txt")
    (folder / "train" / "cat" / "0000.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"more than 1 % of its 299 images .* test/cat/0002.png"):
        load(folder, cache)


def test_ten_are_named_and_the_rest_counted(tmp_path: Path, cache: Path) -> None:
    folder = make_folder(tmp_path / "pets", {"cat": 1, "dog": 1}, {"cat": 1})
    good = image_bytes(1)
    for number in range(1_300):
        (folder / "train" / "cat" / f"x{number}.png").write_bytes(good if number >= 12 else b"")
    [skipped, untested] = load(folder, cache).notes
    assert skipped.count("train/cat/") == 10
    assert skipped.endswith("and 2 more")
    assert untested == "no test images of 'dog'"


def test_a_class_without_a_readable_image_is_refused(folder: Path, cache: Path) -> None:
    for number in range(1, 50):
        (folder / "test" / "dog" / f"{number:04}.png").unlink()
    (folder / "test" / "dog" / "0000.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"no image of .*dog can be read"):
        load(folder, cache)
    assert list(cache.iterdir()) == []


# ── the cache ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("never_decode")
def test_the_second_load_reads_the_cache(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(data_module, "build_images", build_images)
        first = load(folder, cache)
    second = load(folder, cache)
    assert_same(first, second)
    assert second.resident


def test_a_changed_file_is_seen(folder: Path, cache: Path) -> None:
    first = load(folder, cache)
    (folder / "test" / "dog" / "0000.png").write_bytes(image_bytes(999))
    second = load(folder, cache)
    assert second.checksum != first.checksum
    assert torch.equal(second.test.images[50], torch.from_numpy(random_pixels(999).transpose(2, 0, 1)))
    assert second.notes == ()
    (folder / "train" / "dog").rename(folder / "train" / "eel")
    (folder / "test" / "dog").rename(folder / "test" / "eel")
    third = load(folder, cache)
    assert third.classes == ("cat", "eel")
    assert third.checksum != second.checksum
    assert len(list(cache.iterdir())) == 2  # nothing is left of the earlier ones


@given(where=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255), beside=st.booleans(), cut=st.booleans())
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_is_repaired(
    *, folder: Path, cache: Path, where: float, flipped: int, beside: bool, cut: bool
) -> None:
    whole = load(folder, cache)
    [path] = cache.glob("*.json" if beside else "*.bin")
    content = bytearray(path.read_bytes())
    position = int(where * len(content))
    content[position] ^= flipped
    path.write_bytes(content[:position] if cut else content)
    assert_same(load(folder, cache), whole)
    path.write_bytes(b"")
    assert_same(load(folder, cache), whole)


def test_damage_is_said(folder: Path, cache: Path) -> None:
    load(folder, cache)
    [path] = cache.glob("*.bin")
    content = bytearray(path.read_bytes())
    content[1_000] ^= 1
    path.write_bytes(content)
    [note] = load(folder, cache).notes
    assert "the cache was damaged and is rebuilt" in note
    assert path.name in note
    assert load(folder, cache).notes == ()


def test_without_a_cache_it_works_and_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pets = load(folder, tmp_path / "file" / "cache")
    assert pets.train.images.shape == (200, 3, 8, 8)
    assert any("can't be kept" in note for note in pets.notes)


def test_images_larger_than_memory_are_mapped(folder: Path, cache: Path) -> None:
    resident = load(folder, cache / "resident")
    for _ in ("decoded", "cached"):
        mapped = load(folder, cache / "mapped", memory_limit=1_000)
        assert not mapped.resident
        assert_same(mapped, resident)
        assert any(note.startswith("streamed: ") for note in mapped.notes)
    assert load(folder, cache / "mapped").resident


def test_images_larger_than_memory_need_the_cache(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"too large .* smaller image_size"):
        load(folder, tmp_path / "file" / "cache", memory_limit=1_000)


# ── progress and abandoning ────────────────────────────────────────────────────────────────────────────────────


def build(folder: Path, cache: Path) -> Generator[Progress, None, Dataset]:
    """Decoding, with a report after every chunk."""
    cached = CachedDataset("pets", cache / "pets.bin", 8, "fingerprint", 1 << 30)
    return build_images(cached, folder, list_images(folder), Beat(0))


def test_progress_counts_images(folder: Path, cache: Path) -> None:
    events = list(build(folder, cache))
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert (events[-1].done, events[-1].total) == (300, 300)
    assert {event.phase for event in events} == {"preparing data"}


def test_abandoning_leaves_no_thread_and_no_file(folder: Path, cache: Path) -> None:
    with closing(build(folder, cache)) as building:
        next(building)
        assert list(cache.iterdir()) != []
    assert list(cache.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_it_can_be_abandoned_at_once(folder: Path, cache: Path) -> None:
    with closing(prepare_dataset(f"folder:{folder}", folder, cache, 8)) as preparing:
        assert next(preparing).phase == "preparing data"
    assert not cache.exists()
