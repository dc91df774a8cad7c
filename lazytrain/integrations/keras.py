"""Keras 3, on any of its backends: a callback that logs what `fit` logs, and pauses and stops it.

model.fit(…, callbacks=[LazytrainCallback("digits")])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazytrain.integrations import RunOfLoop, brought_by

_keras = brought_by("pip install keras", "keras")


class LazytrainCallback(_keras.callbacks.Callback):
    """Logs to a run, which begins with the training and ends with the program, or `lazytrain.finish()`.

    An epoch's figures come by Keras' names (`loss`, `val_loss`, …), at the number of batches that were trained.

    Args:
        project: what the run belongs to; likewise `name` and the options of `lazytrain.init`. Without any of them, the
            run that the program has begun is taken.
        every_batches: so often the figures within an epoch, too, as `batch/loss`, …; None: never.
    """

    def __init__(
        self, project: str | None = None, name: str | None = None, *, every_batches: int | None = None, **options: Any
    ) -> None:
        super().__init__()
        self._of_loop = RunOfLoop(project=project, name=name, **options)
        self._every = every_batches
        self._batches = 0
        self._total: int | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin the run, with what `fit` was called with and the optimizer's configuration."""
        epochs, steps = self.params.get("epochs"), self.params.get("steps")
        self._total = self._batches + epochs * steps if epochs and steps else None
        optimizer = getattr(self.model, "optimizer", None)
        config: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps, "model": self.model.name}
        if optimizer is not None:
            config["optimizer"] = optimizer.get_config()
        self._of_loop.begin(config)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Wait while the run is paused; leave when somebody stops it."""
        self._batches += 1
        run = self._of_loop.get()
        if self._every and logs and not self._batches % self._every:
            run.log({f"batch/{name}": each for name, each in logs.items()}, self._batches)
        if not run.progress(self._batches, self._total):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Add a value to each of the run's series."""
        self._of_loop.get().log({**(logs or {}), "epoch": epoch}, self._batches)
