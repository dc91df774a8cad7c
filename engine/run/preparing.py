"""A dataset that has to be downloaded is downloaded by one of the runs that want it; the others wait for that one."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from lazytrain.engine.beat import BEAT_SECONDS
from lazytrain.engine.data.datasets import Missing, cache_path, locate
from lazytrain.engine.data.loading import Dataset, prepare_dataset
from lazytrain.engine.data.rules import NEWEST, Rules
from lazytrain.engine.events import Progress
from lazytrain.engine.places import cache_folder, make_folder
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.presets.schema import Hyperparameters


def prepare_in_turn(
    values: Hyperparameters, data: Path, home: Path, rules: Rules = NEWEST
) -> Generator[Progress, None, Dataset]:
    """`prepare_dataset` of what `values` name, by `rules`; where it has to be downloaded, one after the other.

    Raises:
        DatasetError: it can't be had; the message says what was tried and how to go on.
    """
    cache = cache_folder(home)
    lock = FileLock(cache_path(cache, values.dataset, 0, data).with_suffix(".lock"))
    try:
        if isinstance(locate(values.dataset, data), Missing):
            yield from _take(lock, values.dataset)
        return (yield from prepare_dataset(values.dataset, data, cache, values.image_size, rules=rules))
    finally:
        lock.release()


def _take(lock: FileLock, dataset: str) -> Generator[Progress, None, None]:
    while True:
        try:
            make_folder(lock.path.parent, 2)
            lock.acquire()
        except LockHeld:
            yield Progress(phase=f"waiting for {dataset}, which another run downloads", done=0, total=0)
            time.sleep(BEAT_SECONDS)
        except OSError:  # without a cache folder each downloads for itself
            return
        else:
            return
