"""The windows of a training's curve: logits kept step by step, and means taken when a window is full.

Where windows end is fixed by the configuration alone, so that the same run gives the same curve whatever the clock,
the speed or a person's keys did meanwhile.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from lazytrain.engine.compute.metrics import Means, measure_rows
from lazytrain.engine.events import Point
from lazytrain.presets.schema import Hyperparameters

POINTS_PER_EPOCH = 100
IMAGES_PER_POINT = 250
"""A point's accuracy over fewer images would be noise."""
MAX_POINTS = 1_000_000
MAX_LOGIT_BYTES = 64 * 2**20


def window_steps(values: Hyperparameters, num_images: int, steps_per_epoch: int, num_classes: int) -> int:
    """Steps of a window: about 100 windows an epoch, of 250 images or more, and at most a million in all."""
    points = max(1, min(POINTS_PER_EPOCH, num_images // IMAGES_PER_POINT, MAX_POINTS // values.epochs))
    steps = -(-steps_per_epoch // points)
    return max(1, min(steps, MAX_LOGIT_BYTES // (4 * num_classes * values.batch_size)))


class Closed(NamedTuple):
    """A finished window."""

    means: Means
    point: Point


class _Sums(NamedTuple):
    """A window that ended, its sums still on the device."""

    step: int
    num_rows: int
    row_stops: list[int]
    sums: Tensor
    learning_rate: float
    seconds: float
    images_per_second: float


class Window:
    """Collects the logits of at most `num_steps` steps, and turns full windows into points.

    Nothing here waits for the device but `collect` and `part`, which are called ten times a second.
    """

    def __init__(self, num_steps: int, values: Hyperparameters, num_classes: int, device: torch.device) -> None:
        rows = num_steps * values.batch_size + 1
        self.targets = torch.empty(0, dtype=torch.int64)
        """Labels of the epoch at work, in its order."""
        self.num_steps = num_steps
        self.learning_rate = values.learning_rate
        """Of the last step added."""
        self.images_per_second: float | None = None
        """Of the last window that ended."""
        self.first_bad_step: int | None = None
        """Step (from 1) of the first loss seen that is not finite."""
        self.bad_loss = float("nan")
        self._values = values
        self._logits = torch.empty((rows, num_classes), device=device)
        self._slots = self._logits.split(values.batch_size)
        self.num_rows = 0
        """Rows filled, of the window at work."""
        self._row_stops: list[int] = []
        """For each step in the window, the rows filled after it."""
        self._steps_before = 0
        self._first_row = 0
        self._started = 0.0
        self._ended: list[_Sums] = []

    @property
    def full(self) -> bool:
        return len(self._row_stops) >= self.num_steps

    def enter_epoch(self, targets: Tensor) -> None:
        """The epoch's labels int64 [N], in its order: its windows are one after another in it."""
        self.targets = targets

    def start(self, steps_before: int, seconds: float, first_row: int) -> None:
        """Begin an empty window after `steps_before` steps of the run, at `first_row` of the epoch's images."""
        self._steps_before, self._started, self._first_row = steps_before, seconds, first_row
        self._row_stops, self.num_rows = [], 0

    def slot(self, num_images: int) -> Tensor:
        """Where the next step's logits go: float [num_images, classes]."""
        if num_images == self._values.batch_size:
            return self._slots[len(self._row_stops)]
        start = self.num_rows
        return self._logits[start : start + num_images]

    def add(self, num_images: int, learning_rate: float) -> None:
        """A step has filled its slot."""
        self.num_rows += num_images
        self._row_stops.append(self.num_rows)
        self.learning_rate = learning_rate

    def take(self, logits: Tensor, num_steps: int, num_images: int, learning_rate: float) -> None:
        """`num_steps` steps at once, the last of which had `num_images` images; all logits float [N, classes].

        No more steps than are left of the window.
        """
        start, size = self.num_rows, self._values.batch_size
        self.num_rows += len(logits)
        self._logits[start : self.num_rows] = logits
        self._row_stops.extend(range(start + size, start + size * num_steps, size))
        self._row_stops.append(start + size * (num_steps - 1) + num_images)
        self.learning_rate = learning_rate

    @property
    def steps_left(self) -> int:
        """Until it is full."""
        return self.num_steps - len(self._row_stops)

    def close(self, seconds: float) -> None:
        """End the window, `seconds` after the run's start, and begin the next."""
        rows, elapsed = self.num_rows, seconds - self._started
        rate = rows / elapsed if elapsed > 0 else 0.0
        self.images_per_second = rate
        step = self._steps_before + len(self._row_stops)
        self._ended.append(_Sums(step, rows, self._row_stops, self._measure(), self.learning_rate, seconds, rate))
        self.start(step, seconds, self._first_row + rows)

    def collect(self) -> list[Closed]:
        """The windows ended since the last call, in order. Waits for the device."""
        ended, self._ended = self._ended, []
        closed: list[Closed] = []
        for window in ended:
            before = window.step - len(window.row_stops)
            means = self._read(window.sums, window.num_rows, window.row_stops, before)
            point = Point(
                window.step, means.loss, means.accuracy, window.learning_rate, window.images_per_second, window.seconds
            )
            closed.append(Closed(means, point))
        return closed

    def part(self) -> Means | None:
        """Means over the steps since the last window ended, for the eye; None without any. Waits for the device."""
        if not self._row_stops:
            return None
        return self._read(self._measure(), self.num_rows, self._row_stops, self._steps_before)

    def _measure(self) -> Tensor:
        rows = self.num_rows
        targets = self.targets[self._first_row : self._first_row + rows]
        return measure_rows(self._logits[:rows], targets, self._values)

    def _read(self, sums: Tensor, num_rows: int, row_stops: list[int], steps_before: int) -> Means:
        loss_sum, correct, first_bad, bad_loss = sums.tolist()
        if first_bad < num_rows and self.first_bad_step is None:
            within = next(index for index, stop in enumerate(row_stops) if first_bad < stop)
            self.first_bad_step, self.bad_loss = steps_before + within + 1, bad_loss
        return Means(loss_sum, int(correct), num_rows)

    def state_dict(self) -> dict[str, Any]:
        """The window at work; those that ended are collected by the time of a snapshot."""
        return {
            "logits": self._logits[: self.num_rows],
            "first_row": self._first_row,
            "row_stops": list(self._row_stops),
            "steps_before": self._steps_before,
            "started": self._started,
            "learning_rate": self.learning_rate,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved window."""
        self._row_stops = list(state["row_stops"])
        self.num_rows = self._row_stops[-1] if self._row_stops else 0
        self._logits[: self.num_rows] = state["logits"]
        self._first_row = state["first_row"]
        self._steps_before, self._started = state["steps_before"], state["started"]
        self.learning_rate = state["learning_rate"]
