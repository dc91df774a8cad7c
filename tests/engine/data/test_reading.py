"""What is found in a folder of images and how it is made RGB: all that Pillow reads, upright; nothing that may hang."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lazytrain.engine.data import aside as aside_module
from lazytrain.engine.data import decoding
from lazytrain.engine.data import loading as data_module
from lazytrain.engine.data.datasets import DatasetError, describe_dataset
from lazytrain.engine.data.image_folders import IMAGE_ENDINGS, list_images
from lazytrain.engine.data.loading import Dataset, load_dataset, prepare_dataset
from lazytrain.engine.data.pictures import Way
from lazytrain.engine.data.rules import Rules
from tests.helpers.image_folders import image_bytes, make_folder, random_pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pets", {"cat": 3, "dog": 2}, {"cat": 1, "dog": 1})


def load(folder: Path, size: int = 8) -> Dataset:
    return load_dataset(f"folder:{folder}", folder.parent, folder.parent / "cache", size)


def first(folder: Path, size: int = 8) -> np.ndarray:
    """[size, size, 3] of the first training image."""
    return load(folder, size).train.images[0].permute(1, 2, 0).numpy()


# ── what is found ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_ending_is_one_that_pillow_reads() -> None:
    Image.init()
    reads = {ending for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    by_others = {".eps", ".ps", ".emf", ".wmf"}
    only_named = {".bufr", ".grib", ".h5", ".hdf", ".mpeg", ".mpg", ".iim"}
    assert reads - by_others - only_named <= set(IMAGE_ENDINGS)
    assert {".jpg", ".png", ".tif", ".jfif", ".webp"} <= set(IMAGE_ENDINGS)


def test_tiff_and_jfif_and_folders_below_a_class_are_read(folder: Path) -> None:
    Image.fromarray(random_pixels(50)).save(folder / "train" / "cat" / "a.TIF")
    (folder / "train" / "cat" / "b.jfif").write_bytes(image_bytes(51, kind="JPEG"))
    (folder / "train" / "cat" / "batch1" / "more").mkdir(parents=True)
    (folder / "train" / "cat" / "batch1" / "more" / "x.png").write_bytes(image_bytes(52))
    pets = load(folder)
    assert len(pets.train) == 8
    assert np.array_equal(pets.train.images[3].permute(1, 2, 0).numpy(), random_pixels(50))
    assert np.array_equal(pets.train.images[5].permute(1, 2, 0).numpy(), random_pixels(52))
    assert pets.notes == ()


def test_what_is_left_out_is_counted_with_two_examples(folder: Path) -> None:
    cat = folder / "train" / "cat"
    for name in ("a.heic", "b.txt", ".hidden"):
        (cat / name).touch()
    os.mkfifo(cat / "live.jpg")
    (cat / "round").symlink_to(cat)
    (folder / "train" / "loose.png").write_bytes(image_bytes(1))
    (folder / "val").mkdir()
    [note] = describe_dataset(f"folder:{folder}", folder, folder).notes
    assert note == ("left out, since not images that can be read: 6 (train/cat/a.heic, train/cat/b.txt, …)")
    assert load(folder).notes == (note,)
    assert list_images(folder).left_out[2:] == (
        "train/cat/live.jpg (a named pipe)",
        "train/cat/round/ (a link to a folder that it is in)",
        "train/loose.png (not in a class's folder: train/<class>/)",
        "val/ (neither train/ nor test/)",
    )


def test_a_class_without_images_is_refused_by_name_with_what_it_has(folder: Path) -> None:
    (folder / "train" / "eel").mkdir()
    (folder / "train" / "eel" / "a.heic").touch()
    with pytest.raises(DatasetError, match=r"no images of 'eel' in .*: 1 \(train/eel/a\.heic\)"):
        list_images(folder)


def test_a_class_that_is_a_link_to_nothing_is_refused_by_name(folder: Path) -> None:
    (folder / "train" / "eel").symlink_to("nowhere")
    with pytest.raises(DatasetError, match=r"the class 'eel' in .* is a link to nowhere"):
        list_images(folder)


def test_names_that_look_the_same_are_one_class(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    folder = make_folder(tmp_path / "drinks", {composed: 2, "tea": 2}, {apart: 1, "tea": 1})
    drinks = load(folder)
    assert drinks.classes == (composed, "tea")
    assert drinks.test.labels.tolist() == [0, 1]
    (folder / "train" / apart).mkdir()
    (folder / "train" / apart / "x.png").write_bytes(image_bytes(1))
    with pytest.raises(DatasetError, match="two classes that look the same"):
        list_images(folder)


# ── how it is made RGB ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_an_image_is_turned_as_its_exif_says(folder: Path, kind: str, orientation: int) -> None:
    upright = Image.fromarray(random_pixels(7))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # FLIP_LEFT_RIGHT, ROTATE_180, …
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    place = folder / "train" / "cat" / "0000.png"
    options = {"lossless": True} if kind == "WEBP" else {}
    stored.save(place, kind, exif=exif, **options)
    assert np.array_equal(first(folder), random_pixels(7))


def test_a_large_photo_is_turned_too(folder: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 640).astype(np.uint8), (480, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its left side
    Image.fromarray(ramp).save(folder / "train" / "cat" / "0000.png", "JPEG", quality=95, exif=exif)
    pixels = first(folder)[..., 0].astype(int)
    assert np.abs(pixels - ((np.arange(8) + 0.5) * 255 / 8)[:, None]).max() < 4


def test_damaged_exif_leaves_an_image_as_it_is(folder: Path) -> None:
    Image.fromarray(random_pixels(7)).save(folder / "train" / "cat" / "0000.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(first(folder), random_pixels(7))


def test_grey_of_12_bits_takes_the_whole_range(folder: Path) -> None:
    values = (np.arange(64, dtype=np.uint16) * 65).reshape(8, 8)  # up to 4095
    Image.fromarray(values).save(folder / "train" / "cat" / "0000.png")
    Image.fromarray(values // 8).save(folder / "train" / "cat" / "0001.png")
    pets = load(folder)
    assert np.array_equal(pets.train.images[0, 0].numpy(), values >> 4)
    # By the range of the set, not of each image: what is dark beside the others stays so.
    assert np.array_equal(pets.train.images[1, 0].numpy(), values // 8 >> 4)
    assert pets.depth.integers == 12
    assert load(folder).depth == pets.depth  # from the cache as well


def test_grey_of_16_bits_is_what_it_was(folder: Path) -> None:
    values = (np.arange(64, dtype=np.uint16) * 1040).reshape(8, 8)
    Image.fromarray(values).save(folder / "train" / "cat" / "0000.png")
    assert np.array_equal(first(folder)[..., 0], values >> 8)


def test_floats_up_to_1_take_the_whole_range(folder: Path) -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(values).save(folder / "train" / "cat" / "0000.tiff")
    (folder / "train" / "cat" / "0000.png").unlink()
    assert np.array_equal(first(folder)[..., 0], (values * 255).astype(np.uint8))


# ── caches of an older lazytrain ───────────────────────────────────────────────────────────────────────────────


def make_old(folder: Path) -> None:
    """Decode as an older lazytrain did, and write down what it did."""
    prepare = prepare_dataset(f"folder:{folder}", folder.parent, folder.parent / "cache", 8, rules=Rules.FIRST)
    list(prepare)
    for path in (folder.parent / "cache").iterdir():
        path.rename(path.with_name(path.name.replace("-first", "")))
    [path] = (folder.parent / "cache").glob("*.json")
    known = json.loads(path.read_bytes())
    path.write_text(
        json.dumps({name: known[name] for name in known if name not in ("rules", "integer_bits", "float_bits")})
    )


def test_an_old_cache_of_ordinary_images_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(folder)
    with monkeypatch.context() as context:
        context.setattr(data_module, "build_images", lambda *_: pytest.fail("decoded again"))
        kept = load(folder)
        context.setattr(decoding, "is_the_same_by_first_rules", lambda *_: pytest.fail("looked again"))
        assert load(folder).checksum == kept.checksum
    [path] = (folder.parent / "cache").glob("*.bin")
    path.unlink()
    assert load(folder).checksum == kept.checksum


def test_an_old_cache_of_turned_images_is_made_anew_and_kept_for_old_runs(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(random_pixels(7)).save(folder / "train" / "cat" / "0000.png", exif=exif)
    make_old(folder)
    assert np.array_equal(first(folder), random_pixels(7)[::-1, ::-1])
    old = load_old(folder)
    assert np.array_equal(old.train.images[0].permute(1, 2, 0).numpy(), random_pixels(7))
    assert np.array_equal(first(folder), random_pixels(7)[::-1, ::-1])


def load_old(folder: Path) -> Dataset:
    preparing = prepare_dataset(f"folder:{folder}", folder.parent, folder.parent / "cache", 8, rules=Rules.FIRST)
    while True:
        try:
            next(preparing)
        except StopIteration as ended:
            return ended.value


# ── what may hang ──────────────────────────────────────────────────────────────────────────────────────────────


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "link", "device"):
        with pytest.raises(OSError, match="not a regular file"):
            aside_module.open_regular(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError):  # noqa: PT011  # the system has its own words for it
            aside_module.open_regular(tmp_path / "socket")


def test_pipes_and_links_to_them_hang_nothing(folder: Path) -> None:
    os.mkfifo(folder / "train" / "cat" / "live.jpg")
    (folder / "train" / "cat" / "zero.jpg").symlink_to("/dev/zero")
    pets = load(folder)
    assert len(pets.train) == 5
    assert "2 (train/cat/live.jpg (a named pipe), train/cat/zero.jpg (a device))" in pets.notes[0]


def test_a_preparation_is_left_while_a_file_is_read_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def read(*_: object) -> np.ndarray:
        begun.set()
        goes_on.wait()
        raise OSError("gone")

    monkeypatch.setattr(decoding, "read_file", read)
    monkeypatch.setattr(aside_module, "LEAVE_SECONDS", 0.01)
    with closing(prepare_dataset(f"folder:{folder}", folder.parent, folder.parent / "cache", 8)) as preparing:
        while not begun.is_set():
            next(preparing)
        next(preparing)
    left = [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
    assert left
    assert all(thread.daemon for thread in left)
    assert list((folder.parent / "cache").iterdir()) == []
    goes_on.set()
    for thread in left:
        thread.join()


def test_a_way_says_by_which_rules_images_are_the_same() -> None:
    way = Way(8)
    assert way.fulfilled == (Rules.FIRST, Rules.UPRIGHT)
    way.seen.otherwise = True
    assert way.fulfilled == (Rules.UPRIGHT,)
