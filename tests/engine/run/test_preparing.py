"""Two runs that want a dataset which has to be downloaded."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lazytrain.engine.data.datasets import DatasetError, cache_path
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.events import Progress
from lazytrain.engine.places import cache_folder
from lazytrain.engine.run.preparing import prepare_in_turn
from lazytrain.engine.store.locks import FileLock, is_held
from lazytrain.presets.schema import Hyperparameters
from tests.helpers.vision_files import mnist_files, write

MNIST = Hyperparameters(dataset="torchvision:MNIST")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = cache_path(cache_folder(tmp_path), MNIST.dataset, 0, tmp_path).with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    return lock


def test_the_second_waits_and_takes_what_the_first_brought(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytrain.engine.data.loading.fetch_set", lambda *_: pytest.fail("downloaded again"))
    events: list[Progress] = []
    datasets: list[Dataset] = []

    def prepare():
        datasets.append((yield from prepare_in_turn(MNIST, tmp_path, tmp_path)))

    with closing(prepare()) as second:
        with FileLock(lock):
            events.extend(next(second) for _ in range(2))
            for file, content in mnist_files().items():
                write(tmp_path / "MNIST/raw" / file, content)
        events.extend(second)
    assert {event.phase for event in events[:2]} == {"waiting for torchvision:MNIST, which another run downloads"}
    assert events[-1].phase == "preparing data"
    assert len(datasets[0].train) == 20


def test_who_is_abandoned_or_fails_lets_the_next_one_go_on(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(prepare_in_turn(MNIST, tmp_path, tmp_path)) as preparing:
        next(preparing)
        assert is_held(lock)
    assert not is_held(lock)
    monkeypatch.setattr("lazytrain.engine.data.vision.fetching.python_command", lambda *_: ["false"])
    with pytest.raises(DatasetError, match="ended with status 1"):
        list(prepare_in_turn(MNIST, tmp_path, tmp_path))
    assert not is_held(lock)


def test_what_is_there_needs_no_turn(tmp_path: Path, lock: Path) -> None:
    for file, content in mnist_files().items():
        write(tmp_path / "MNIST/raw" / file, content)
    with FileLock(lock):
        assert {event.phase for event in prepare_in_turn(MNIST, tmp_path, tmp_path)} == {"preparing data"}
