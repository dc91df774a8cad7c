"""A run's images on its node: its own where they are the same, else the driver's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lazytrain.engine.cluster.messages import Assignment, Whereabouts, Wish
from lazytrain.engine.cluster.node_data import arrays_of, facts_of, from_arrays, have_data, size_of
from lazytrain.engine.data.loading import Dataset, load_dataset
from lazytrain.engine.errors import DatasetError
from tests.helpers.bench import configuration
from tests.helpers.image_folders import make_folder


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a machine that isn't the driver's."""
    monkeypatch.setenv("LAZYTRAIN_HOME", str(tmp_path / "node"))
    monkeypatch.setenv("LAZYTRAIN_DATA", str(tmp_path / "node-data"))
    return tmp_path / "node-data"


@pytest.fixture
def sent(tmp_path: Path) -> Dataset:
    """The driver's images."""
    make_folder(tmp_path / "driver" / "mine", {"a": 3, "b": 2}, {"a": 1, "b": 1})
    return load_dataset("folder:mine", tmp_path / "driver", tmp_path / "driver-cache")


def assignment(dataset: Dataset, tmp_path: Path) -> Assignment:
    driver = Whereabouts(host="another", home=str(tmp_path / "nowhere"), data=str(tmp_path / "nowhere"))
    settings = configuration(dataset="folder:mine")
    return Assignment(
        run_id="run",
        wish=Wish(),
        driver=driver,
        configuration=settings.model_dump_json(),
        device="cpu",
        facts=facts_of(dataset),
        size=size_of(dataset),
    )


def have(wanted: Assignment, fetch: Any) -> Dataset:
    steps = have_data(wanted, fetch)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def never() -> None:
    raise AssertionError("nothing is to be fetched")


def same(one: Dataset, other: Dataset) -> bool:
    return (
        torch.equal(one.train.images, other.train.images)
        and torch.equal(one.test.images, other.test.images)
        and torch.equal(one.train.labels, other.train.labels)
        and (one.checksum, one.classes) == (other.checksum, other.classes)
    )


def test_its_own_images_are_used_where_they_are_the_same(node: Path, sent: Dataset, tmp_path: Path) -> None:
    make_folder(node / "mine", {"a": 3, "b": 2}, {"a": 1, "b": 1})
    assert same(have(assignment(sent, tmp_path), never), sent)


@pytest.mark.usefixtures("node")
def test_those_of_the_driver_are_fetched_where_there_are_none(sent: Dataset, tmp_path: Path) -> None:
    arrays = arrays_of(sent)
    for array in arrays.values():
        array.setflags(write=False)  # as Ray's are
    assert same(have(assignment(sent, tmp_path), lambda: arrays), sent)


def test_others_of_the_same_name_are_not_used(node: Path, sent: Dataset, tmp_path: Path) -> None:
    make_folder(node / "mine", {"a": 2, "b": 3}, {"a": 1, "b": 1})
    wanted = assignment(sent, tmp_path)
    assert same(have(wanted, lambda: arrays_of(sent)), sent)
    # What doesn't fit into memory isn't sent.
    with pytest.raises(DatasetError, match=r"folder:mine isn't the same, bit for bit in .*: copy them there"):
        have(replace(wanted, size=2**40), None)


def test_arrays_are_the_dataset(sent: Dataset) -> None:
    assert same(from_arrays(arrays_of(sent), facts_of(sent)), sent)
    assert size_of(sent) == 7 * 3 * 32 * 32
