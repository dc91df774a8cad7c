"""What the charts of one run show, from its stored curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.records import Message, Run
from presets import Report
from tui.text import format_fraction, format_loss
from tui.widgets.chart_data import ChartData
from tui.widgets.chart_lines import Figure

if TYPE_CHECKING:
    from engine.series import Curves

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
    smoothing: float = 0.0

    @property
    def best_of(self) -> str:
        """Which images "best" looks at."""
        return "validation" if self.validated else "test"


def loss_chart(shown: ShownRun, curves: Curves) -> ChartData | None:
    """The loss chart's data, or None while the run has no figures."""
    losses = curves.losses
    tests, judged = curves.of_epochs("test_loss"), curves.of_epochs(f"{shown.best_of}_loss")
    best = _best(judged, lowest=True)
    figures = [
        Figure("train", f"{format_loss(_train_now(shown.run, losses, curves.of_epochs('train_loss'))):>5}", "train"),
        Figure("test", f"{format_loss(_last(tests)):>5}", "test"),
    ]
    if best is not None:
        figures.append(
            Figure(f"● best {shown.best_of}", f"{format_loss(judged[best])} @ {curves.epochs[best].epoch}", "best")
        )
    return _chart(shown, curves, losses, tests, figures, (best, judged))


def accuracy_chart(shown: ShownRun, curves: Curves) -> ChartData | None:
    """The accuracy chart's data, or None while the run has no figures."""
    accuracies = curves.accuracies
    tests, judged = curves.of_epochs("test_accuracy"), curves.of_epochs(f"{shown.best_of}_accuracy")
    best = _best(judged, lowest=False)
    train_now = _train_now(shown.run, accuracies, curves.of_epochs("train_accuracy"))
    figures = [
        Figure("train", f"{format_fraction(train_now):>6}", "train"),
        Figure("test", f"{format_fraction(_last(tests)):>6}", "test"),
    ]
    if best is not None:
        epoch = curves.epochs[best].epoch
        figures.append(Figure(f"● best {shown.best_of}", f"{format_fraction(judged[best])} @ {epoch}", "best"))
    if shown.report is not None and shown.report.test_accuracy is not None:
        figures.append(Figure("report", format_fraction(shown.report.test_accuracy, 0)))
    return _chart(shown, curves, accuracies, tests, figures, (best, judged))


def find_resumed_steps(messages: Sequence[Message]) -> tuple[int, ...]:
    """The steps at which a run was taken up again, from its log."""
    found = (_TAKEN_UP.search(message.text) for message in messages)
    steps = {int((match[1] or match[2]).replace(",", "")) for match in found if match}
    return tuple(sorted(steps - {0}))


def _chart(
    shown: ShownRun, curves: Curves, train: Any, test: Any, figures: list[Figure], best: tuple[int | None, Any]
) -> ChartData | None:
    from engine.series import first_bad

    run = shown.run
    if not run.num_steps or not (len(train) or len(test)):
        return None
    per_epoch = run.num_steps / run.num_epochs
    bad = first_bad(train)
    index, judged = best
    marked = None
    if index is not None and not shown.validated:
        # Only test figures are drawn, so only on them can the best one be marked.
        marked = (curves.epochs[index].step / per_epoch, float(judged[index]))
    return ChartData(
        key=(run.id, run.revision),
        steps=curves.steps,
        train=train,
        test_steps=curves.of_epochs("step"),
        test=test,
        steps_per_epoch=per_epoch,
        num_epochs=run.num_epochs,
        position=run.step / per_epoch,
        smoothing=shown.smoothing,
        best=marked,
        resumed=tuple(step / per_epoch for step in shown.resumed_steps if step <= run.step),
        bad=None if bad is None else float(curves.steps[bad]) / per_epoch,
        figures=tuple(figures),
    )


def _train_now(run: Run, windows: Any, epochs: Any) -> float | None:
    """The newest window while it trains, the last epoch's mean once it is over."""
    if run.state.over and len(epochs):
        return _last(epochs)
    return _last(windows)


def _last(values: Any) -> float | None:
    return float(values[-1]) if len(values) else None


def _best(values: Any, *, lowest: bool) -> int | None:
    """Index of the best finite value, the first of equals."""
    import numpy as np

    finite = np.isfinite(values)
    if not finite.any():
        return None
    return int(np.argmin(np.where(finite, values, np.inf)) if lowest else np.argmax(np.where(finite, values, -np.inf)))
