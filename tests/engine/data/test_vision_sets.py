"""torchvision's sets: the table, what is refused, and small stand-ins decoded in the formats of the real ones."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from lazytrain.engine.child_process import ROOT
from lazytrain.engine.data.datasets import DatasetError, describe_dataset, locate
from lazytrain.engine.data.loading import Dataset, load_dataset
from lazytrain.engine.data.vision.sets import PREFIX, REFUSED
from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.data.vision.vision_set import VisionSet
from tests.helpers.vision_files import MAKERS, grey, idx, mnist_files, picture, write


def load(name: str, folder: Path, size: int = 32) -> Dataset:
    return load_dataset(f"{PREFIX}{name}", folder, folder / "cache", size)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins have other sums than the real files."""
    from torchvision import datasets

    for module in vars(datasets).values():
        if isinstance(module, ModuleType) and hasattr(module, "check_integrity"):
            monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: os.path.isfile(path))  # noqa: PTH113


# ── the table ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_is_read_without_torch() -> None:
    code = (
        "from lazytrain.engine.data.datasets import describe_dataset; from pathlib import Path; import sys; "
        "print(describe_dataset('torchvision:MNIST', Path('x'), Path('y')).num_train, "
        "{'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "60000 set()"


def test_every_set_of_torchvisions_is_known_or_refused() -> None:
    from torchvision import datasets

    known = {vision_set.class_name for vision_set in SETS.values()}
    assert known & set(REFUSED) == set()
    assert known | set(REFUSED) == set(datasets.__all__) - {"wrap_dataset_for_transforms_v2"}


@pytest.mark.parametrize("vision_set", SETS.values(), ids=SETS)
def test_the_table_is_torchvisions(vision_set: VisionSet) -> None:
    from torchvision import datasets

    made = getattr(datasets, vision_set.class_name)
    accepted = set(inspect.signature(made).parameters) | set(inspect.signature(datasets.MNIST).parameters)
    assert all(set(part) <= accepted for part in vision_set.parts)
    assert len(vision_set.classes or range(vision_set.num_classes)) == vision_set.num_classes
    assert len(set(vision_set.classes)) == len(vision_set.classes)
    own = getattr(made, "classes", None)
    if isinstance(own, list) and vision_set.classes and vision_set.class_name != "EMNIST":
        spelt = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        names = spelt if own[0] == "0 - zero" else list(vision_set.classes)
        assert [name.removeprefix(f"{place} - ") for place, name in enumerate(own)] == names
    if vision_set.class_name == "EMNIST":
        names = made.classes_split_dict[vision_set.parts[0]["split"]]
        assert len(names) - vision_set.first_label == vision_set.num_classes
        assert not vision_set.classes or list(vision_set.classes) == names[vision_set.first_label :]
    source = inspect.getsource(sys.modules[made.__module__])
    for archive in vision_set.archives:
        name = Path(archive).name
        assert name in source or name.removesuffix(".gz") in source, archive
    for package in vision_set.needs:
        assert f"import {package}" in source or f"from {package}" in source


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("FashonMNIST", ["did you mean torchvision:FashionMNIST?", "CIFAR100", "Food101"]),
        ("fashionmnist", ["did you mean torchvision:FashionMNIST?"]),
        ("Nothing", ["there are MNIST, "]),
        ("EMNIST", ["torchvision:EMNIST:balanced, torchvision:EMNIST:byclass"]),
        ("CocoDetection", ["it is for finding objects in images, not for classifying them"]),
        ("ImageFolder", ["folder:<path>"]),
        ("StanfordCars", ["its makers took it off their site", "stanford_cars/cars_train"]),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_the_reason(name: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        describe_dataset(f"{PREFIX}{name}", tmp_path, tmp_path)
    for word in (f"{PREFIX}{name}", *words):
        assert word in str(caught.value)


def test_a_missing_package_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DatasetError, match="torchvision:PCAM needs h5py, which is not installed: pip install h5py"):
        locate(f"{PREFIX}PCAM", tmp_path)


def test_a_set_that_is_not_there_is_described(tmp_path: Path) -> None:
    facts = describe_dataset(f"{PREFIX}FashionMNIST", tmp_path, tmp_path, 28)
    assert (facts.num_train, facts.num_test, facts.num_classes) == (60_000, 10_000, 10)
    assert facts.input_shape == (3, 28, 28)
    assert facts.classes[9] == "Ankle boot"
    assert facts.source == f"will be downloaded by torchvision (31 MB) to {tmp_path}"
    assert facts.notes == ("28×28 grey, made RGB",)
    assert facts.digest is None
    assert describe_dataset(f"{PREFIX}Food101", tmp_path, tmp_path).notes == ("of many sizes, made 32×32",)
    assert "every fifth image" in describe_dataset(f"{PREFIX}EuroSAT", tmp_path, tmp_path, 64).notes[0]
    for archive in SETS["MNIST"].archives:
        write(tmp_path / archive, b"")
    assert describe_dataset(f"{PREFIX}MNIST", tmp_path, tmp_path).source.startswith("will be unpacked from ")


# ── decoding ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", MAKERS)
def test_every_set_is_decoded(name: str, tmp_path: Path) -> None:
    for package in SETS[name].needs:
        pytest.importorskip(package)
    MAKERS[name](tmp_path)
    data = load(name, tmp_path, 16)
    assert data.train.images.shape[1:] == (3, 16, 16)
    assert len(data.classes) == SETS[name].num_classes
    for split in (data.train, data.test):
        assert len(split.images) == len(split.labels) > 0
        assert set(split.labels.tolist()) <= set(range(len(data.classes)))
    assert set(data.train.labels.tolist()) == set(range(len(data.classes)))
    assert any("not the whole of" in note for note in data.notes)
    facts = describe_dataset(f"{PREFIX}{name}", tmp_path, tmp_path / "cache", 16)
    assert facts.classes == data.classes
    assert (facts.num_train, facts.num_test) == (len(data.train), len(data.test))
    assert facts.source == str(tmp_path / SETS[name].folder)
    assert load(name, tmp_path, 16).checksum == data.checksum


def test_grey_images_become_three_equal_channels(tmp_path: Path) -> None:
    MAKERS["MNIST"](tmp_path)
    data = load("MNIST", tmp_path, 28)
    assert torch.equal(data.train.images, torch.from_numpy(grey(20, 28, 0))[:, None].expand(-1, 3, -1, -1))
    assert data.train.labels.tolist() == [*range(10), *range(10)]
    assert data.classes == tuple("0123456789")


def test_emnists_letters_stand_upright_and_begin_with_a(tmp_path: Path) -> None:
    MAKERS["EMNIST:letters"](tmp_path)
    data = load("EMNIST:letters", tmp_path, 28)
    assert torch.equal(data.train.images[:, 0], torch.from_numpy(grey(52, 28)).transpose(1, 2))
    assert data.classes[0] == "a"
    assert data.train.labels[:3].tolist() == [0, 1, 2]


@pytest.mark.usefixtures("unchecked")
def test_colours_and_zeros_are_as_torchvision_has_them(tmp_path: Path) -> None:
    MAKERS["SVHN"](tmp_path)
    data = load("SVHN", tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 20), np.uint8)
    assert np.array_equal(data.train.images.numpy(), pixels.transpose(3, 2, 0, 1))
    assert data.train.labels[8:11].tolist() == [9, 0, 1]  # 10 stands for 0


def test_a_set_without_a_test_part_is_divided_the_same_way_always(tmp_path: Path) -> None:
    MAKERS["EuroSAT"](tmp_path)
    data = load("EuroSAT", tmp_path)
    assert data.test.labels.tolist() == [*range(10)]
    assert data.train.labels.tolist() == [number // 4 for number in range(40)]
    assert any("every fifth image of each class is for testing" in note for note in data.notes)


def test_sizes_have_caches_of_their_own(tmp_path: Path) -> None:
    MAKERS["MNIST"](tmp_path)
    assert load("MNIST", tmp_path, 28).checksum != load("MNIST", tmp_path, 32).checksum
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 2


def test_cifar10_by_torchvisions_name_is_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    base, names = tmp_path / "cifar-10-batches-py", [f"cat {number}" for number in range(10)]
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for seed, name in enumerate((*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 3072), np.uint8)
        write(base / name, pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(20)]}))
        lists["test_list" if seed == 5 else "train_list"].append([name, md5((base / name).read_bytes())])
    write(base / "batches.meta", pickle.dumps({"label_names": names}))
    for attribute, value in lists.items():
        monkeypatch.setattr(CIFAR10, attribute, value)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5((base / "batches.meta").read_bytes())}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    ours = load_dataset("cifar10", tmp_path, tmp_path / "cache")
    theirs = load("CIFAR10", tmp_path)
    assert ours.checksum == theirs.checksum


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# ── damage ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pickle_that_is_not_the_known_one_is_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MAKERS["CIFAR100"](tmp_path)
    monkeypatch.setattr("lazytrain.engine.data.loading.fetch_set", lambda *_: iter(()))
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(DatasetError, match=r"CIFAR100 in .* not found or corrupted"):
        load("CIFAR100", tmp_path)


def test_labels_beyond_the_classes_are_named(tmp_path: Path) -> None:
    MAKERS["MNIST"](tmp_path)
    labels = np.arange(20, dtype=np.uint8)
    write(tmp_path / "MNIST/raw/train-labels-idx1-ubyte", idx(labels))
    with pytest.raises(DatasetError, match=r"train image 10 \(its label is 10, of 10 classes\)"):
        load("MNIST", tmp_path)


def test_a_class_without_training_images_is_named(tmp_path: Path) -> None:
    for file, content in mnist_files(classes=9).items():
        write(tmp_path / "MNIST/raw" / file, content)
    with pytest.raises(DatasetError, match="no training images of '9'"):
        load("MNIST", tmp_path)


def test_a_few_unreadable_images_are_skipped_and_named(tmp_path: Path) -> None:
    base = tmp_path / "rendered-sst2"
    for part, count in (("train", 60), ("test", 50)):
        for name in ("negative", "positive"):
            for number in range(count):
                picture(base / part / name / f"{number:03}.png", number)
    write(base / "train/positive/007.png", b"not an image")
    data = load("RenderedSST2", tmp_path, 8)
    assert len(data.train) == 119
    assert any("skipped 1 of 220 images" in note and "train image 67 (not an image)" in note for note in data.notes)


def test_a_damaged_cache_file_of_facts_is_as_none(tmp_path: Path) -> None:
    MAKERS["MNIST"](tmp_path)
    load("MNIST", tmp_path)
    [path] = (tmp_path / "cache").glob("*.json")
    assert json.loads(path.read_text())["num_train"] == 20
    path.write_text("{]")
    assert describe_dataset(f"{PREFIX}MNIST", tmp_path, tmp_path / "cache").num_train == 60_000
