"""Hugging Face Transformers: a callback that logs what a Trainer logs, and pauses and stops it.

Trainer(…, callbacks=[LazytrainCallback("bert")])
"""

from __future__ import annotations

from typing import Any

from lazytrain.integrations import RunOfLoop, brought_by

_transformers = brought_by("pip install 'transformers[torch]'", "transformers")

AGREE_STEPS = 10
"""Of several processes that train together, how often they agree on whether to stop."""


class LazytrainCallback(_transformers.TrainerCallback):
    """Logs to a run, which begins with the training and ends with the program, or `lazytrain.finish()`.

    Args:
        project: what the run belongs to; likewise `name` and the options of `lazytrain.init`. By default the Trainer's
            `run_name`; without any of them, the run that the program has begun is taken.
    """

    def __init__(self, project: str | None = None, name: str | None = None, **options: Any) -> None:
        self._of_loop = RunOfLoop(project=project, name=name, **options)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Begin the run, with the training's arguments and the model's configuration."""
        if state.is_world_process_zero:
            config = getattr(model, "config", None)
            self._of_loop.begin({**args.to_sanitized_dict(), **({} if config is None else {"model": config.to_dict()})})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Wait while the run is paused; save and leave when somebody stops it."""
        stop = self._of_loop.begun and not self._of_loop.get().progress(state.global_step, state.max_steps)
        if args.world_size > 1:
            if state.global_step % AGREE_STEPS:
                return
            stop = _anybody(stop, args.device)
        if stop:
            control.should_training_stop = True
            control.should_save = control.should_save or args.save_strategy != "no"

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Add a value to each of the run's series."""
        if not state.is_world_process_zero or not logs:
            return
        run = self._of_loop.get()
        if "train_runtime" in logs:
            # Said once, at the end: figures of the whole training are no points of a curve.
            run.summary.update(logs)
        else:
            run.log({name: each for name, each in logs.items() if not isinstance(each, str)}, state.global_step)


def _anybody(stop: bool, device: Any) -> bool:
    """Whether any of the processes that train together says so. Every one of them must ask."""
    import torch  # the library's own

    said = torch.tensor(int(stop), device=device)
    torch.distributed.all_reduce(said, torch.distributed.ReduceOp.MAX)
    return bool(said.item())
