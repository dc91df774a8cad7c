"""A disk that is really full: a small tmpfs, which a big file fills while a run trains on it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from tests.chaos.bench import Nursery
from tests.helpers.bench import TINY, configuration, result, wait_for

DISK = "12m"


@dataclass
class Shortage:
    """What came of a run whose disk was full several times."""

    seed: int
    paused: int = 0
    same: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: disk filled {self.paused} times, each said ({self.reason}) and gone on; "
            f"same weights and curve: {self.same}"
        )


@contextmanager
def small_disk(folder: Path, size: str = DISK) -> Iterator[Path | None]:
    """A filesystem of its own at `folder`; None where it can't be had, since that takes root."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "lazytrain-test", str(folder)]
    if (
        shutil.which("mount") is None
        or os.geteuid() != 0
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill_and_free(nursery: Nursery, home: Path, times: int, seed: int, epochs: int = 12) -> Shortage:
    """Train on the small disk at `home`; fill it and make room again `times` times."""
    chance, shortage = random.Random(seed), Shortage(seed)
    settings, filler = configuration(TINY, epochs=epochs), home / "filler"
    with Store(home) as store:
        undisturbed = nursery.train(store, store.add_run(settings).id)
        run = store.add_run(settings)
        trainee = nursery.start(home, run.id)
        num_steps = store.runs()[-1].num_steps or 0
        for number in range(times):
            # A step in this part of the training, so that all of them come before its end.
            step = int(num_steps * (number + chance.random() * 0.5) / (times + 1))
            wait_for(lambda step=step: store.run(run.id).step >= step, f"step {step}")
            fill(filler)
            wait_for(lambda: store.run(run.id).state is State.PAUSED, "the run to pause")
            shortage.paused += 1
            shortage.reason = (store.run(run.id).error or "").replace(str(home), "…")
            filler.unlink()
            with contextlib.suppress(ValueError):  # it may have seen the room by itself
                store.resume(run.id)
            wait_for(lambda: store.run(run.id).state is not State.PAUSED, "the run to go on")
        trainee.wait()
        shortage.same = result(store, run.id) == undisturbed and store.run(run.id).state is State.FINISHED
    return shortage


def fill(path: Path) -> None:
    """Write until there is no room, to the last byte."""
    with path.open("ab", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
