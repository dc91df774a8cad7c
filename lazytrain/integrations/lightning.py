"""Lightning: a `Logger` for what a Trainer logs, and a callback that pauses and stops it.

Trainer(logger=LazytrainLogger("mnist"), callbacks=[LazytrainSteering()])
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from lazytrain.engine.tracking.silent import SilentRun
from lazytrain.integrations import RunOfLoop, brought_by

_lightning = brought_by("pip install lightning", "lightning.pytorch", "pytorch_lightning")
_rank_zero_only: Any = brought_by("pip install lightning", f"{_lightning.__name__}.utilities.rank_zero").rank_zero_only


class LazytrainLogger(_lightning.loggers.Logger):
    """Logs to a run, which begins with the first thing that is logged.

    It ends with the program, or `lazytrain.finish()`, so that `trainer.test` logs to it too.

    Args:
        project: what the run belongs to; likewise `name` and the options of `lazytrain.init`. Without any of them, the
            run that the program has begun is taken.
        prefix: before each metric's name, with a `/` between.
    """

    def __init__(
        self, project: str | None = None, name: str | None = None, *, prefix: str = "", **options: Any
    ) -> None:
        super().__init__()
        self._of_loop = RunOfLoop(project=project, name=name, **options)
        self._project, self._prefix = project, f"{prefix}/" if prefix else ""

    @property
    def run(self) -> Any:
        """The run; of several processes, the first's alone logs."""
        if _rank_zero_only.rank:  # Lightning knows where the environment doesn't say: in processes that it has spawned
            return SilentRun({})
        return self._of_loop.get()

    @property
    def experiment(self) -> Any:
        """The run, as Lightning calls it."""
        return self.run

    @property
    def name(self) -> str | None:
        """The project."""
        return self.run.project if self._of_loop.begun else self._project

    @property
    def version(self) -> str | None:
        """The run's id; Lightning names the folder of checkpoints by it."""
        return self.run.id

    @_rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a value to each of the run's series."""
        values = {f"{self._prefix}{name}": each for name, each in metrics.items()} if self._prefix else metrics
        self.run.log(values, step)

    @_rank_zero_only
    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Put them into the run's config."""
        self.run.config.update(params if isinstance(params, Mapping) else vars(params))

    @_rank_zero_only
    def finalize(self, status: str) -> None:
        """A training that failed ends its run, with the exception."""
        if status != "success" and self._of_loop.begun:
            # Lightning calls this while it handles the exception, and may end the program without it.
            self.run.__exit__(*sys.exc_info())


class LazytrainSteering(_lightning.Callback):
    """Pauses and stops the Trainer as somebody asks for it, and tells the screen how far it is.

    Needs a `LazytrainLogger` among the Trainer's loggers.
    """

    _run: Any = None
    _total: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Find the run to obey."""
        loggers = [each for each in trainer.loggers if isinstance(each, LazytrainLogger)]
        if not loggers:
            raise ValueError("LazytrainSteering needs a LazytrainLogger: Trainer(logger=LazytrainLogger(…), …)")
        self._run = loggers[0].run
        total = trainer.estimated_stepping_batches
        self._total = int(total) if math.isfinite(total) and total > 0 else None

    def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
        """Wait while the run is paused; leave when somebody stops it."""
        stop = not self._run.progress(trainer.global_step, self._total)
        if trainer.world_size > 1:
            if trainer.fit_loop.total_batch_idx % trainer.log_every_n_steps:
                return  # what all processes do is agreed upon now and then
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop:
            trainer.should_stop = True
