"""What is known of a dataset before it is decoded, and the refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.data.datasets import (
    CIFAR10_FOLDER,
    CIFAR10_TEST,
    CIFAR10_TRAIN,
    DatasetError,
    describe_dataset,
)
from lazytrain.engine.data.memory import free_memory
from lazytrain.engine.data.vision.table import CIFAR10_CLASSES, SETS
from tests.helpers.image_folders import make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pets", {"cat": 3, "dog": 2}, {"cat": 1, "dog": 1})


def test_describing_needs_neither_torch_nor_numpy() -> None:
    code = "import lazytrain.engine.data.datasets, sys; print({'torch', 'numpy', 'PIL', 'textual'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_folder_is_described(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "cat" / "notes.txt").touch()
    (folder / "train" / "cat" / "._0000.png").touch()
    (folder / "train" / ".trash").mkdir()
    facts = describe_dataset(f"folder:{folder}", tmp_path, tmp_path / "cache", 64)
    assert (facts.num_train, facts.num_test, facts.num_classes) == (5, 2, 2)
    assert facts.input_shape == (3, 64, 64)
    assert facts.classes == ("cat", "dog")
    assert facts.source == str(folder)
    assert facts.name == f"folder:{folder}"


def test_a_folders_path_counts_from_the_data_folder_or_the_home(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("pets", "~/pets"):
        data = tmp_path if path == "pets" else tmp_path / "elsewhere"
        assert describe_dataset(f"folder:{path}", data, tmp_path).source == str(folder)


def test_cifar10_is_known_before_it_is_there(tmp_path: Path) -> None:
    facts = describe_dataset("cifar10", tmp_path / "data", tmp_path)
    assert (facts.num_train, facts.num_test, facts.num_classes) == (50_000, 10_000, 10)
    assert facts.input_shape == (3, 32, 32)
    assert facts.source == f"will be downloaded by torchvision (170 MB) to {tmp_path / 'data'}"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar-10-python.tar.gz").touch()
    assert describe_dataset("cifar10", tmp_path / "data", tmp_path).source.startswith("will be unpacked from ")


def test_cifar10_is_found_as_images(tmp_path: Path) -> None:
    make_folder(tmp_path / "cifar10", dict.fromkeys(CIFAR10_CLASSES, 2), dict.fromkeys(CIFAR10_CLASSES, 1))
    facts = describe_dataset("cifar10", tmp_path, tmp_path, 64)
    assert (facts.num_train, facts.num_test) == (20, 10)
    assert facts.classes == CIFAR10_CLASSES
    assert facts.input_shape == (3, 32, 32)
    assert "not the whole of CIFAR-10: 20 training and 10 test images" in facts.notes[0]


def test_cifar10s_files_are_torchvisions() -> None:
    from torchvision.datasets import CIFAR10

    assert CIFAR10.base_folder == CIFAR10_FOLDER
    assert (CIFAR10.filename,) == SETS["CIFAR10"].archives
    assert [name for name, _ in CIFAR10.train_list] == list(CIFAR10_TRAIN)
    assert [name for name, _ in CIFAR10.test_list] == list(CIFAR10_TEST)
    files = (*CIFAR10_TRAIN, *CIFAR10_TEST, CIFAR10.meta["filename"])
    assert SETS["CIFAR10"].files == tuple(f"{CIFAR10_FOLDER}/{name}" for name in files)


# ── refusals ───────────────────────────────────────────────────────────────────────────────────────────────────


def refusal(dataset: str, data: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        describe_dataset(dataset, data, data / "cache")
    return str(caught.value)


@pytest.mark.parametrize("name", ["mnist", "digits:", "digits:x", "folder:", "", "CIFAR10", "torchvision:"])
def test_unknown_names_are_refused(name: str, tmp_path: Path) -> None:
    assert f"unknown dataset '{name}': there are cifar10, digits, folder:<path>, and torchvision:<set>" in refusal(
        name, tmp_path
    )


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"no folder {tmp_path / 'nothing'}" in refusal("folder:nothing", tmp_path)
    assert "can't look for" in refusal("folder:~nobody-at-all/x", tmp_path)


def test_a_folder_without_train_or_test_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    assert f"can't read {tmp_path / 'pets' / 'train'}" in refusal("folder:pets", tmp_path)
    assert "train/<class>/<image>" in refusal("folder:pets", tmp_path)
    (tmp_path / "pets" / "train").mkdir()
    assert "no class folders in" in refusal("folder:pets", tmp_path)


def test_an_empty_class_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "eel").mkdir()
    assert f"no images of 'eel' in {folder / 'train'}" in refusal("folder:pets", tmp_path)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "pets", {"cat": 3}, {"cat": 1})
    assert "only one class, 'cat'" in refusal("folder:pets", tmp_path)


def test_a_class_that_only_the_test_has_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "pets", {"cat": 1, "dog": 1}, {"cat": 1, "eel": 1})
    message = refusal("folder:pets", tmp_path)
    assert f"{tmp_path / 'pets' / 'test'} has 'eel', which {tmp_path / 'pets' / 'train'} has not" in message


def test_a_class_without_test_images_is_noted(tmp_path: Path) -> None:
    make_folder(tmp_path / "pets", {"cat": 1, "dog": 1}, {"cat": 1})
    assert describe_dataset("folder:pets", tmp_path, tmp_path).notes == ("no test images of 'dog'",)


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cgroups_limit_counts_as_memory(tmp_path: Path) -> None:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("1:cpu:/\n0::/jobs/one\n")
    group = tmp_path / "sys" / "fs" / "cgroup" / "jobs" / "one"
    group.mkdir(parents=True)
    assert free_memory(tmp_path) > 10_000
    for place, limit in ((group, "max"), (group.parent, "12000")):
        (place / "memory.max").write_text(f"{limit}\n")
        (place / "memory.current").write_text("5000\n")
    assert free_memory(tmp_path) == 7_000
    (group.parent / "memory.current").write_text("50000\n")
    assert free_memory(tmp_path) == 0
