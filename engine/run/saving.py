"""When a run is saved, and in which order, so that a death at any moment leaves nothing missing and nothing double."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from lazytrain.engine.compute.device import DeviceChoice
from lazytrain.engine.compute.fused.compiling import compiler_version
from lazytrain.engine.compute.fused.path import FusedPath
from lazytrain.engine.run.diary import part_of
from lazytrain.engine.run.launching import Trains
from lazytrain.engine.store.archive import RUN, History, write_run
from lazytrain.engine.store.checkpoint import CheckpointError, best_path, load_checkpoint, save_best, save_checkpoint
from lazytrain.engine.store.journal import Journal

COMPILER = "the steps' compiler"
SAVE_SECONDS = 30.0
"""A checkpoint is at most this old."""
SAVE_SHARE = 0.01
"""Saves at the ends of epochs keep the time of all saves within this share of the training time."""
FIRST_SAVE_SECONDS = 0.03
"""What a save is taken to cost before there was one."""


_COUNTED = "lazytrain's arithmetic"
ARITHMETIC = "3"
"""Counted up when a path computes the same steps in another order. 2: pairs of pixels in convolutions; 3: neither those
nor blocked steps, which go on as derived ones, and compiled steps by LLVM."""


def place_of(choice: DeviceChoice) -> dict[str, str]:
    """What a checkpoint is made on, where that may change the last bits and its snapshot doesn't say it."""
    return {
        "processor": f"{choice.name} ({torch.backends.cpu.get_cpu_capability()})",
        _COUNTED: ARITHMETIC,
        COMPILER: compiler_version() or "absent",
    }


def differences(snapshot: Mapping[str, Any], choice: DeviceChoice) -> list[str]:
    """What a resume doesn't find as its checkpoint was made: each a sentence of what may follow.

    The thread count is the checkpoint's own, whatever the machine has now: it changes the speed, and no bit.
    """
    now = {"torch": str(torch.__version__), "device": choice.device, **place_of(choice)}
    then = {_COUNTED: "1", **snapshot, **snapshot.get("place", {})}
    if snapshot.get("path") != FusedPath.name:
        del now[COMPILER]
    texts = [
        f"{what} is {value}, was {then[what]}: the rest may differ in the last bits"
        for what, value in now.items()
        if then.get(what, value) != value
    ]
    cores, threads = os.cpu_count() or 1, snapshot.get("threads", 1)
    if choice.device == "cpu" and threads > cores:
        texts.append(f"it was trained with {threads} threads, and here are {cores} cores: it will be slow")
    return texts


class Saver:
    """Saves one run's training.

    Args:
        choice: the device trained on.
        clock: seconds, for when to save and what it costs.
    """

    def __init__(
        self, journal: Journal, run_id: str, choice: DeviceChoice, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder: Path = journal.run_folder(run_id) / "checkpoints"
        self._journal = journal
        self._run_id = run_id
        self.place = place_of(choice)
        self._clock = clock
        self._history = History(journal.run_folder(run_id))
        self._best_saved = 0
        self._saved_at = clock()
        self._last_cost = FIRST_SAVE_SECONDS
        self._cost = 0.0
        self._part_said = -1

    def start(self, best_epoch: int = 0) -> str | None:
        """Training begins, resumed or anew, its best epoch so far being `best_epoch`; returns what is missing."""
        self._history = History(self._journal.run_folder(self._run_id))
        self._best_saved = best_epoch
        self._saved_at = self._clock()
        if best_epoch:
            try:
                load_checkpoint(best_path(self.folder, best_epoch))
            except CheckpointError as error:
                return f"the weights of the best epoch so far ({best_epoch}) are lost: {error}"
        return None

    def due(self) -> bool:
        """Whether the last checkpoint is old enough."""
        return self._clock() - self._saved_at >= SAVE_SECONDS

    def affordable(self, seconds: float) -> bool:
        """Whether, after `seconds` of training, one save more keeps the cost of all of them small."""
        return self._cost + self._last_cost <= SAVE_SHARE * seconds

    def save(self, training: Trains, *, say: bool = False) -> None:
        """Save the training as it stands between two events. Tried again after an error, it does what is left.

        The run's log tells every save that `say`s so, and some of the others.

        The curve is on the disk before the checkpoint that goes on from it, and so are the weights it calls the best:
        until the rename that ends it, the checkpoint before counts, and a resume takes back what came later.

        Raises:
            OSError: the disk is full or can't be written; what was saved before is unharmed.
            StoreTrouble: the store can't be written, likewise.
        """
        started = self._clock()
        journal, run_id = self._journal, self._run_id
        snapshot: dict[str, Any] = {**training.snapshot(), "place": self.place}
        if not (self.folder.parent / RUN).exists() and (line := journal.line(run_id)) is not None:
            # Somebody deleted the run's folder: all that it held is written anew.
            write_run(self.folder.parent, line)
        self._history.save(journal, run_id)
        journal.sync(run_id)
        best_epoch = snapshot["position"]["best_epoch"]
        missing = self._best_saved != best_epoch or not best_path(self.folder, best_epoch).exists()
        if training.best_weights is not None and missing:
            save_best(self.folder, training.best_weights, best_epoch)
            self._best_saved = best_epoch
        saved = save_checkpoint(self.folder, snapshot)
        part = part_of(training.step, training.num_steps)
        text = f"saved at step {training.step:,}" if say or part != self._part_said else None
        journal.note_weights(run_id, saved.weights_sha256, text, "info" if say else "detail")
        self._part_said = part
        self._saved_at = self._clock()
        self._last_cost = self._saved_at - started
        self._cost += self._last_cost
