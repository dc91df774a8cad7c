"""CIFAR-10 from torchvision's files and from its archive, with a small stand-in for both."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lazytrain.engine.beat import Beat
from lazytrain.engine.data import datasets, loading, sources
from lazytrain.engine.data.datasets import CIFAR10_ARCHIVE, CIFAR10_CLASSES, Archive, DatasetError, describe_dataset
from lazytrain.engine.data.download import FetchFailed, fetch_archive
from lazytrain.engine.data.loading import load_dataset
from tests.helpers.image_folders import make_folder

IMAGES_A_FILE = 20


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def batch(seed: int) -> bytes:
    """A file as torchvision's, with fewer images."""
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES_A_FILE, 3072), np.uint8)
    return pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(IMAGES_A_FILE)]})


FILES = {name: batch(seed) for seed, name in enumerate(CIFAR10_ARCHIVE.files)}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """A stand-in for CIFAR-10, to be had at a file's URL."""
    path = tmp_path / "server" / CIFAR10_ARCHIVE.file_name
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(f"{CIFAR10_ARCHIVE.folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

    def sums(files: dict[str, str]) -> dict[str, str]:
        return {name: md5(FILES[name]) for name in files}

    archive = replace(
        CIFAR10_ARCHIVE,
        url=path.as_uri(),
        md5=md5(path.read_bytes()),
        train_files=sums(CIFAR10_ARCHIVE.train_files),
        test_files=sums(CIFAR10_ARCHIVE.test_files),
        other_files=sums(CIFAR10_ARCHIVE.other_files),
    )
    use(archive, monkeypatch)
    return archive


def use(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (loading, sources, datasets):
        monkeypatch.setattr(module, "CIFAR10_ARCHIVE", archive)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], loading.Dataset]:
    return lambda: load_dataset("cifar10", tmp_path / "data", tmp_path / "cache")


@pytest.mark.usefixtures("archive")
def test_it_is_downloaded_unpacked_and_kept(tmp_path: Path, load: Callable[[], loading.Dataset]) -> None:
    cifar10 = load()
    assert cifar10.classes == CIFAR10_CLASSES
    assert cifar10.train.images.shape == (100, 3, 32, 32)
    assert cifar10.test.images.shape == (20, 3, 32, 32)
    first = pickle.loads(FILES["data_batch_1"])["data"][0].reshape(3, 32, 32)
    assert np.array_equal(cifar10.train.images[0].numpy(), first)
    assert cifar10.train.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert [path.name for path in (tmp_path / "data").iterdir()] == [CIFAR10_ARCHIVE.folder]
    assert {path.name for path in (tmp_path / "data" / CIFAR10_ARCHIVE.folder).iterdir()} == set(FILES)
    assert describe_dataset("cifar10", tmp_path / "data", tmp_path).source.endswith(CIFAR10_ARCHIVE.folder)
    assert load().checksum == cifar10.checksum


def test_an_archive_in_the_data_folder_is_used(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[], loading.Dataset]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "server" / archive.file_name).rename(tmp_path / "data" / archive.file_name)
    assert load().train.images.shape == (100, 3, 32, 32)


def test_without_a_network_it_says_what_was_tried(
    archive: Archive, tmp_path: Path, load: Callable[[], loading.Dataset]
) -> None:
    (tmp_path / "server" / archive.file_name).unlink()
    with pytest.raises(DatasetError) as caught:
        load()
    message = str(caught.value)
    for words in (
        str(tmp_path / "data"),
        "cifar-10-batches-py/",
        "cifar10/train/<class>/",
        archive.url,
        "No such file",
        "dataset = 'digits'",
    ):
        assert words in message
    assert list((tmp_path / "data").iterdir()) == []


def test_another_file_than_the_archive_is_refused(
    archive: Archive, tmp_path: Path, load: Callable[[], loading.Dataset]
) -> None:
    (tmp_path / "server" / archive.file_name).write_bytes(b"<html>Please log in</html>")
    with pytest.raises(DatasetError, match="sent something else than the archive"):
        load()
    assert list((tmp_path / "data").iterdir()) == []


def test_a_damaged_archive_in_the_data_folder_is_named(
    archive: Archive, tmp_path: Path, load: Callable[[], loading.Dataset]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / archive.file_name).write_bytes(b"half of it")
    with pytest.raises(DatasetError, match=r"cifar-10-python.tar.gz is damaged .* delete it"):
        load()


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", b"", FILES["test_batch"]], ids=["gzip", "empty", "pickle"])
def test_what_is_no_archive_is_refused(archive: Archive, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server" / archive.file_name).write_bytes(content)
    with pytest.raises(FetchFailed):
        list(fetch_archive(replace(archive, md5=md5(content)), tmp_path / "data", Beat()))


def test_damaged_batches_give_way_to_images_and_are_named(
    archive: Archive, tmp_path: Path, load: Callable[[], loading.Dataset]
) -> None:
    load()
    damaged = tmp_path / "data" / archive.folder / "data_batch_3"
    damaged.write_bytes(b"not a pickle")
    make_folder(tmp_path / "data" / "cifar10", dict.fromkeys(CIFAR10_CLASSES, 2), dict.fromkeys(CIFAR10_CLASSES, 1))
    cifar10 = load()
    assert len(cifar10.train) == 20
    assert any(f"not used: {damaged} is damaged" in note for note in cifar10.notes)


def test_damaged_batches_are_downloaded_anew(
    archive: Archive, tmp_path: Path, load: Callable[[], loading.Dataset]
) -> None:
    first = load()
    (tmp_path / "data" / archive.folder / "test_batch").write_bytes(b"not a pickle")
    second = load()
    assert second.checksum == first.checksum
    assert any("test_batch is damaged" in note for note in second.notes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name")
def test_a_download_can_be_abandoned(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "server" / archive.file_name).unlink()
    os.mkfifo(tmp_path / "server" / archive.file_name)  # a server that never answers
    with closing(fetch_archive(archive, tmp_path / "data", Beat())) as fetching:
        assert next(fetching).phase == "downloading CIFAR-10 (MB)"
    assert list((tmp_path / "data").iterdir()) == []
    # Let the thread go: it finds itself abandoned and writes nothing.
    with (tmp_path / "server" / archive.file_name).open("wb"):
        pass
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(10)
    assert list((tmp_path / "data").iterdir()) == []
