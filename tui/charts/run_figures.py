"""What the charts of one run show, from its stored curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lazytrain.engine.records import Message, Run
from lazytrain.presets import Report
from lazytrain.tui.charts.axis import planned_end, round_end
from lazytrain.tui.charts.data import AxisKind, ChartData, ChartView, Curve, Mark
from lazytrain.tui.charts.lines import Reading
from lazytrain.tui.words.text import chosen_on, format_fraction, format_loss

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Curves

Metric = Literal["loss", "accuracy"]
Split = Literal["train", "test"]
WHOLE = ChartView()

_TAKEN_UP = re.compile(
    r"(?:resumed|goes on|continued|queued again|interrupted)\D*?after step ([\d,]+)|resumed at step ([\d,]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run with what its charts need beside its curves."""

    run: Run
    report: Report | None = None
    """The original report's figures, where they are of just this experiment."""
    validated: bool = False
    """Whether "best" looks at images held out for it, instead of at the test set."""
    resumed_steps: tuple[int, ...] = ()
    batch_size: int = 1

    @property
    def best_of(self) -> str:
        """Which images "best" looks at."""
        return "validation" if self.validated else "test"


class RunAxis:
    """Where a run's figures lie on an x axis of one kind."""

    def __init__(self, run: Run, curves: Curves, by: AxisKind, batch_size: int) -> None:
        self._run, self._curves, self._by = run, curves, by
        self._per_epoch = (run.num_steps or 1) / max(1, run.num_epochs)
        self.scale = {"epoch": 1 / self._per_epoch, "step": 1.0, "images": float(batch_size), "time": 1.0}[by]
        """Of the axis' units a step has; 1 where it counts time."""

    def train(self) -> tuple[Any, float]:
        """[N] for the training windows, and the axis' units per unit of it."""
        return (self._curves.seconds, 1.0) if self._by == "time" else (self._curves.steps, self.scale)

    def test(self) -> tuple[Any, float]:
        """[E] for the finished epochs, and the axis' units per unit of it."""
        steps = self._curves.of_epochs("step")
        return (self._seconds_at(steps), 1.0) if self._by == "time" else (steps, self.scale)

    def at(self, step: float) -> float:
        """Where a step lies."""
        return float(self._seconds_at(step)) if self._by == "time" else step * self.scale

    @property
    def newest(self) -> float:
        """Where the run is."""
        return self.at(self._run.step)

    @property
    def end(self) -> float:
        """Where the axis ends: at the plan or a half of a half of it, or of times at a round one."""
        run = self._run
        if self._by != "time":
            epochs = planned_end(run.step / self._per_epoch, run.num_epochs)
            return epochs if self._by == "epoch" else epochs * self._per_epoch * self.scale
        return max(self.newest, 1e-3) if run.state.over else round_end(self.newest)

    def _seconds_at(self, steps: Any) -> Any:
        import numpy as np

        known, seconds = self._curves.steps, self._curves.seconds
        return np.interp(steps, known, seconds) if len(known) else np.zeros_like(steps, "f8")


def run_curve(
    curves: Curves, axis: RunAxis, metric: Metric, split: Split, *, label: str | None = None, **looks: Any
) -> Curve:
    """One curve of a run: of its training windows, or of its tests after each epoch.

    Args:
        label: `train` or `test` if not given.
        looks: the other fields of `Curve` (tone, stroke, marker, tag); by default the split's own.
    """
    if split == "train":
        (x, scale), y = axis.train(), curves.losses if metric == "loss" else curves.accuracies
        looks = {"tone": "train", "smooth": True, "noisy": curves.is_noisy(metric), **looks}
    else:
        (x, scale), y = axis.test(), curves.of_epochs(f"test_{metric}")
        looks = {"tone": "test", "stroke": "dots", **looks}
    return Curve(label=label or split, x=x, y=y, x_scale=scale, **looks)


def loss_chart(shown: ShownRun, curves: Curves, view: ChartView = WHOLE) -> ChartData | None:
    """The loss chart's data, or None while the run has no figures."""
    losses = curves.losses
    tests, judged = curves.of_epochs("test_loss"), curves.of_epochs(f"{shown.best_of}_loss")
    best = find_best(judged, lowest=True)
    figures = [
        Reading("train", f"{format_loss(_train_now(shown.run, losses, curves.of_epochs('train_loss'))):>5}", "train"),
        Reading("test", f"{format_loss(_last(tests)):>5}", "test"),
    ]
    if best is not None:
        figures.append(_best(shown, f"{format_loss(judged[best])} @ {curves.epochs[best].epoch}"))
    return _chart(shown, curves, view, "loss", figures, (best, judged))


def accuracy_chart(shown: ShownRun, curves: Curves, view: ChartView = WHOLE) -> ChartData | None:
    """The accuracy chart's data, or None while the run has no figures."""
    accuracies = curves.accuracies
    tests, judged = curves.of_epochs("test_accuracy"), curves.of_epochs(f"{shown.best_of}_accuracy")
    best = find_best(judged, lowest=False)
    train_now = _train_now(shown.run, accuracies, curves.of_epochs("train_accuracy"))
    figures = [
        Reading("train", f"{format_fraction(train_now):>6}", "train"),
        Reading("test", f"{format_fraction(_last(tests)):>6}", "test"),
    ]
    if best is not None:
        epoch = curves.epochs[best].epoch
        figures.append(_best(shown, f"{format_fraction(judged[best])} @ {epoch}"))
    if shown.report is not None and shown.report.test_accuracy is not None:
        figures.append(Reading("report", format_fraction(shown.report.test_accuracy, 0)))
    return _chart(shown, curves, view, "accuracy", figures, (best, judged))


def _best(shown: ShownRun, figure: str) -> Reading:
    chosen = chosen_on(validated=shown.validated)
    return Reading(f"● best {shown.best_of}", figure, "best", long=f"● best {figure}, {chosen}")


def find_resumed_steps(messages: Sequence[Message]) -> tuple[int, ...]:
    """The steps at which a run was taken up again, from its log."""
    found = (_TAKEN_UP.search(message.text) for message in messages)
    steps = {int((match[1] or match[2]).replace(",", "")) for match in found if match}
    return tuple(sorted(steps - {0}))


def _chart(
    shown: ShownRun,
    curves: Curves,
    view: ChartView,
    metric: Metric,
    figures: list[Reading],
    best: tuple[int | None, Any],
) -> ChartData | None:
    run = shown.run
    if not run.num_steps or not (len(curves.steps) or curves.epochs):
        return None
    axis = RunAxis(run, curves, view.by, shown.batch_size)
    train, test = run_curve(curves, axis, metric, "train"), run_curve(curves, axis, metric, "test")
    marks = [Mark(kind="resumed", x=axis.at(step)) for step in shown.resumed_steps if step <= run.step]
    overfitting = curves.overfitting_epoch
    if overfitting is not None:
        marks.append(Mark(kind="overfit", x=axis.at(curves.epochs[curves.epochs.index_of(overfitting)].step)))
    index, judged = best
    if index is not None and not shown.validated:
        # Only test figures are drawn, so only on them can the best one be marked.
        marks.append(Mark(kind="best", x=axis.at(curves.epochs[index].step), y=float(judged[index])))
    bad = curves.bad_step(run)
    if bad is not None:
        marks.append(Mark(kind="bad", x=axis.at(bad)))
    return ChartData(
        key=(run.id, run.revision, view.by),
        curves=(train, test),
        x_end=axis.end,
        newest=axis.newest,
        view=view,
        marks=tuple(marks),
        figures=tuple(figures),
    )


def _train_now(run: Run, windows: Any, epochs: Any) -> float | None:
    """The newest window while it trains, the last epoch's mean once it is over."""
    if run.state.over and len(epochs):
        return _last(epochs)
    return _last(windows)


def _last(values: Any) -> float | None:
    return float(values[-1]) if len(values) else None


def find_best(values: Any, *, lowest: bool) -> int | None:
    """Index of the best finite value, the first of equals."""
    import numpy as np

    finite = np.isfinite(values)
    if not finite.any():
        return None
    return int(np.argmin(np.where(finite, values, np.inf)) if lowest else np.argmax(np.where(finite, values, -np.inf)))
