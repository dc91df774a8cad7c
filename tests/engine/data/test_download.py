"""Downloads by torchvision, from a server on this machine: CIFAR-10 with a small stand-in, and other sets."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from lazytrain.engine.data.datasets import CIFAR10_FOLDER, DatasetError, describe_dataset
from lazytrain.engine.data.loading import Dataset, load_dataset
from lazytrain.engine.data.vision import fetching
from lazytrain.engine.data.vision.fetching import FetchFailed, fetch_set
from lazytrain.engine.data.vision.table import CIFAR10_CLASSES, SETS
from tests.helpers.image_folders import make_folder
from tests.helpers.vision_files import mnist_files, write
from tests.helpers.vision_server import Server, download_here, md5, patch_sets, run_download, serve

IMAGES_A_FILE = 20
ARCHIVE = "cifar-10-python.tar.gz"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))


def batch(seed: int) -> bytes:
    """A file as torchvision's, with fewer images."""
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES_A_FILE, 3072), np.uint8)
    return pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(IMAGES_A_FILE)]})


FILES = {name: batch(seed) for seed, name in enumerate((*TRAIN, "test_batch"))} | {
    "batches.meta": pickle.dumps({"label_names": list(CIFAR10_CLASSES)})
}


def pack(files: dict[str, bytes]) -> bytes:
    """An archive as CIFAR-10's."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{CIFAR10_FOLDER}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def archive(server: Server, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A stand-in for CIFAR-10, to be had from the server."""
    content = server.files[ARCHIVE] = pack(FILES)
    patch_cifar10(server, content, monkeypatch)
    return content


def patch_cifar10(server: Server, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = {
        "url": f"{server.url}/{ARCHIVE}",
        "tgz_md5": md5(archive),
        "train_list": [[name, md5(FILES[name])] for name in TRAIN],
        "test_list": [["test_batch", md5(FILES["test_batch"])]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": md5(FILES["batches.meta"])},
    }
    patch_sets(monkeypatch, {"CIFAR10": attributes})


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], Dataset]:
    return lambda: load_dataset("cifar10", tmp_path / "data", tmp_path / "cache")


@pytest.mark.usefixtures("archive")
def test_it_is_downloaded_unpacked_and_kept(tmp_path: Path, server: Server, load: Callable[[], Dataset]) -> None:
    cifar10 = load()
    assert cifar10.classes == CIFAR10_CLASSES
    assert cifar10.train.images.shape == (100, 3, 32, 32)
    assert cifar10.test.images.shape == (20, 3, 32, 32)
    first = pickle.loads(FILES["data_batch_1"])["data"][0].reshape(3, 32, 32)
    assert np.array_equal(cifar10.train.images[0].numpy(), first)
    assert cifar10.train.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert [path.name for path in (tmp_path / "data").iterdir()] == [CIFAR10_FOLDER]
    assert {path.name for path in (tmp_path / "data" / CIFAR10_FOLDER).iterdir()} == set(FILES)
    assert describe_dataset("cifar10", tmp_path / "data", tmp_path).source.endswith(CIFAR10_FOLDER)
    asked = len(server.asked)
    assert load().checksum == cifar10.checksum
    assert len(server.asked) == asked


@pytest.mark.slow
def test_an_archive_in_the_data_folder_is_used_and_stays(
    archive: bytes, server: Server, tmp_path: Path, load: Callable[[], Dataset]
) -> None:
    write(tmp_path / "data" / ARCHIVE, archive)
    assert load().train.images.shape == (100, 3, 32, 32)
    assert server.asked == []
    assert (tmp_path / "data" / ARCHIVE).read_bytes() == archive


def _taken(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    return taken


def test_without_a_network_it_says_what_was_tried(
    server: Server, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[], Dataset]
) -> None:
    server.shutdown()  # closed under its thread, the kernel would listen on
    server.server_close()
    patch_cifar10(server, archive, monkeypatch)
    download_here(monkeypatch)
    # The port stays taken, by nobody who listens: another test's server might get it.
    with _taken(server.server_port), pytest.raises(DatasetError) as caught:
        load()
    message = str(caught.value)
    for words in (
        str(tmp_path / "data"),
        "cifar-10-batches-py/",
        "cifar10/train/<class>/",
        ARCHIVE,
        f"{server.url}/{ARCHIVE} failed",
        "Connection refused",
        "dataset = 'digits'",
    ):
        assert words in message
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.usefixtures("archive")
def test_another_file_than_the_archive_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[], Dataset]
) -> None:
    server.files[ARCHIVE] = b"<html>Please log in</html>"
    download_here(monkeypatch)
    with pytest.raises(DatasetError, match="sent something else than the archive"):
        load()
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("archive")
def test_a_damaged_archive_in_the_data_folder_is_named_and_stays(tmp_path: Path, load: Callable[[], Dataset]) -> None:
    write(tmp_path / "data" / ARCHIVE, b"half of it")
    with pytest.raises(DatasetError, match=r"cifar-10-python.tar.gz is damaged .* delete it"):
        load()
    assert (tmp_path / "data" / ARCHIVE).read_bytes() == b"half of it"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1f\x8b broken", "failed"),
        (b"", "empty file"),
        (FILES["test_batch"], "not a gzip file"),
        (pack({"data_batch_1": b"other"}), "sent something else than the archive"),
    ],
    ids=["gzip", "empty", "pickle", "other files"],
)
def test_what_is_no_archive_is_refused(
    server: Server,
    tmp_path: Path,
    content: bytes,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.files[ARCHIVE] = content
    patch_cifar10(server, content, monkeypatch)
    order = {"class": "CIFAR10", "parts": SETS["CIFAR10"].parts, "root": str(tmp_path), "lent": []}
    status, said = run_download(monkeypatch, json.dumps(order))
    assert status == 1
    reports = [json.loads(line) for line in said.splitlines()]
    assert reports[0] == {"url": f"{server.url}/{ARCHIVE}"}
    assert words in reports[-1]["error"]
    assert any(report.get("whole") for report in reports)


@pytest.mark.usefixtures("archive")
def test_damaged_batches_give_way_to_images_and_are_named(tmp_path: Path, load: Callable[[], Dataset]) -> None:
    for name, content in FILES.items():
        write(tmp_path / "data" / CIFAR10_FOLDER / name, content)
    damaged = tmp_path / "data" / CIFAR10_FOLDER / "data_batch_3"
    damaged.write_bytes(b"not a pickle")
    make_folder(tmp_path / "data" / "cifar10", dict.fromkeys(CIFAR10_CLASSES, 2), dict.fromkeys(CIFAR10_CLASSES, 1))
    cifar10 = load()
    assert len(cifar10.train) == 20
    assert any(f"not used: {damaged} is damaged" in note for note in cifar10.notes)


@pytest.mark.slow
@pytest.mark.usefixtures("archive")
def test_damaged_batches_are_downloaded_anew(tmp_path: Path, load: Callable[[], Dataset]) -> None:
    for name, content in FILES.items():
        write(tmp_path / "data" / CIFAR10_FOLDER / name, content)
    first = load()
    (tmp_path / "data" / CIFAR10_FOLDER / "test_batch").write_bytes(b"not a pickle")
    second = load()
    assert second.checksum == first.checksum
    assert any("test_batch is damaged" in note for note in second.notes)


@pytest.mark.usefixtures("archive")
def test_a_download_tells_its_bytes_and_can_be_abandoned(server: Server, tmp_path: Path) -> None:
    server.files[ARCHIVE] = bytes(30_000_000)
    server.silent.set()  # in the midst of it
    children = set(psutil.Process().children())
    with closing(fetch_set(SETS["CIFAR10"], tmp_path / "data")) as fetching_it:
        for progress in fetching_it:
            assert progress.phase == "downloading CIFAR10 (MB)"
            assert (progress.total, progress.done <= 15) == (170, True)
            if progress.done:
                break
        assert set(psutil.Process().children()) > children
    assert set(psutil.Process().children()) == children
    assert list((tmp_path / "data").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "download"]


@pytest.mark.slow
def test_mirrors_are_tried_in_turn(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = {f"{name}.gz": gzip.compress(content) for name, content in mnist_files().items()}
    server.files.update({f"good/{name}": content for name, content in packed.items()})
    attributes = {
        "mirrors": [f"{server.url}/none/", f"{server.url}/good/"],
        "resources": [[name, md5(content)] for name, content in packed.items()],
    }
    patch_sets(monkeypatch, {"FashionMNIST": attributes})
    # One of them is there already, and isn't asked for.
    lent = "train-images-idx3-ubyte.gz"
    write(tmp_path / "FashionMNIST/raw" / lent, packed[lent])
    fashion = load_dataset("torchvision:FashionMNIST", tmp_path, tmp_path / "cache", 28)
    assert len(fashion.train) == 20
    assert {path.name for path in (tmp_path / "FashionMNIST/raw").iterdir()} == {*mnist_files(), lent}
    assert {path.name for path in tmp_path.iterdir()} == {"FashionMNIST", "cache"}
    assert not any(lent in path for path in server.asked)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
@pytest.mark.usefixtures("archive")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lend(_: object, __: Path, part: Path) -> list[str]:
        os.symlink("/dev/full", part / ARCHIVE)  # noqa: PTH211  where torchvision writes what comes
        return []

    monkeypatch.setattr(fetching, "_lend", lend)
    download_here(monkeypatch)
    with pytest.raises(FetchFailed, match=rf"can't read and write in {tmp_path}/data: No space left on device"):
        list(fetch_set(SETS["CIFAR10"], tmp_path / "data"))
    assert list((tmp_path / "data").iterdir()) == []


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(FetchFailed, match="can't read and write in"):
        list(fetch_set(SETS["CIFAR10"], tmp_path / "data"))


@pytest.mark.usefixtures("archive")
def test_a_process_that_dies_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "python_command", lambda *_: ["false"])
    with pytest.raises(FetchFailed, match="ended with status 1"):
        list(fetch_set(SETS["CIFAR10"], tmp_path / "data"))


def test_what_a_dead_process_left_is_swept_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / ".CIFAR10-00000000.part", tmp_path / ".CIFAR10-11111111.part"
    for folder in (old, new):
        write(folder / "half", b"")
    for path in (old / "half", old):
        os.utime(path, (0, 0))
    monkeypatch.setattr(fetching, "python_command", lambda *_: ["false"])
    with pytest.raises(FetchFailed):
        list(fetch_set(SETS["CIFAR10"], tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [new.name]
