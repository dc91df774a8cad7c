"""The learning rate of every step, in closed form: a resume needs no scheduler's state."""

from __future__ import annotations

from math import cos, floor, pi

from lazytrain.presets.schema import Hyperparameters

ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4


def learning_rate(values: Hyperparameters, step: int, steps_per_epoch: int) -> float:
    """The learning rate of `step`, counted from 0.

    `exponential` and `step` change at epochs: lr · factor^(epoch / decay_epochs), with the quotient rounded down for
    `step`. `cosine` anneals to 0 over all steps (Loshchilov & Hutter 2017, without restarts). `one_cycle` is the
    cosine form of Smith & Topin 2018 with torch's constants: up from lr/25 over 30 % of the steps, then down to
    lr/250,000. A warm-up scales the first `warmup_epochs` up linearly.
    """
    total = values.epochs * steps_per_epoch
    base = values.learning_rate
    match values.schedule:
        case "constant":
            rate = base
        case "exponential":
            rate = base * values.decay_factor ** ((step // steps_per_epoch) / values.decay_epochs)
        case "step":
            rate = base * values.decay_factor ** floor((step // steps_per_epoch) / values.decay_epochs)
        case "cosine":
            rate = base * (1 + cos(pi * step / total)) / 2
        case "one_cycle":
            rate = base * _one_cycle(step, total)
    warmup_steps = round(values.warmup_epochs * steps_per_epoch)
    return rate * (step + 1) / warmup_steps if step < warmup_steps else rate


class LearningRates:
    """The learning rates of consecutive steps, worked out no more often than they change."""

    def __init__(self, values: Hyperparameters, steps_per_epoch: int) -> None:
        self._values, self._steps_per_epoch = values, steps_per_epoch
        self._by_step = changes_by_step(values)
        self._epoch, self._rate = -1, values.learning_rate

    def of(self, step: int, count: int) -> list[float]:
        """Those of `count` steps of one epoch from `step` on, counted from 0."""
        if self._by_step:
            return [learning_rate(self._values, each, self._steps_per_epoch) for each in range(step, step + count)]
        epoch = step // self._steps_per_epoch
        if epoch != self._epoch:
            self._epoch, self._rate = epoch, learning_rate(self._values, step, self._steps_per_epoch)
        return [self._rate] * count


def changes_by_step(values: Hyperparameters) -> bool:
    """Whether the learning rate changes within an epoch."""
    return values.schedule in ("cosine", "one_cycle") or values.warmup_epochs > 0


def _one_cycle(step: int, total: int) -> float:
    top = ONE_CYCLE_RISE * total - 1
    if step <= top:
        return _anneal(ONE_CYCLE_START, 1.0, step / top) if top > 0 else 1.0
    return _anneal(1.0, ONE_CYCLE_END, (step - top) / (total - 1 - top))


def _anneal(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) / 2 * (1 + cos(pi * share))
