"""How a run is told without a screen: a progress bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from lazytrain.engine.events import EpochRecord
from lazytrain.engine.records import Kind, Run, State
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.plain.console import PlainConsole
from lazytrain.tui.terminal.outlet import Outlet
from lazytrain.tui.words.text import (
    NOTHING,
    format_count,
    format_duration,
    format_fraction,
    format_loss,
    format_rate,
    state_word,
)

PLAIN_SECONDS = 10.0
"""Between two plain lines about steps; epochs have a line each, whatever their number."""
BAR_SECONDS = 0.2
"""Between two redraws of the bar."""


class Reporter(Protocol):
    """What the commands that train say; one run at a time."""

    def say(self, text: str) -> None:
        """A line of the run's story, on stdout."""
        ...

    def warn(self, text: str) -> None:
        """A line that a person should see even where stdout goes into a file, on stderr."""
        ...

    def complain(self, text: str) -> None:
        """What a command printed on stderr; there."""
        ...

    def show(self, run: Run) -> None:
        """Where the run stands now."""
        ...

    def show_epoch(self, run: Run, record: EpochRecord) -> None:
        """An epoch has ended."""
        ...

    def close(self) -> None:
        """The run is over: leave the terminal as it was."""
        ...


def make_reporter(stdout: TextIO, stderr: TextIO) -> Reporter:
    """A bar where stdout is a terminal that can redraw a line, plain lines elsewhere."""
    console = PlainConsole(Outlet(stdout))
    if console.is_terminal and not console.is_dumb_terminal:
        return BarReporter(console)
    return PlainReporter(stdout, stderr)


def describe_epoch(run: Run, record: EpochRecord) -> str:
    """`epoch 3/25  loss 0.412  accuracy 85.1 %  test loss 1.204  test accuracy 62.4 %  3 s`."""
    width = len(str(run.num_epochs))
    best = "  best" if run.best_epoch == record.epoch else ""
    return (
        f"epoch {record.epoch:>{width}}/{run.num_epochs}"
        f"  loss {format_loss(record.train_loss)}  accuracy {format_fraction(record.train_accuracy)}"
        f"  test loss {format_loss(record.test_loss)}  test accuracy {format_fraction(record.test_accuracy)}"
        f"  {format_duration(record.seconds)}{best}"
    )


def describe_progress(run: Run) -> str:
    """`epoch 3/25  step 1,200/9,000  loss 0.412  accuracy 85.1 %  5,410 images/s  2 min 3 s to go`."""
    progress = run.progress
    if run.kind is Kind.COMMAND:
        return f"{_label(run)}{f'  {figures}' if (figures := _figures(run)) else ''}"
    if run.state is not State.RUNNING or progress is None:
        return state_word(run) if progress is None else f"{progress.phase}{_share(progress.done, progress.total)}"
    if progress.phase != "training":
        return f"epoch {progress.epoch}/{run.num_epochs}  {progress.phase}{_share(progress.done, progress.total)}"
    return (
        f"epoch {progress.epoch}/{run.num_epochs}  step {format_count(run.step)}/{format_count(run.num_steps)}"
        f"  loss {format_loss(progress.loss)}  accuracy {format_fraction(progress.accuracy)}"
        f"  {format_rate(progress.images_per_second)}  {format_duration(run.eta_seconds)} to go"
    )


class PlainReporter:
    """One line an epoch, and at most one about steps every ten seconds.

    `prefix` begins each line, where several runs are told at once.
    A reader that goes away (`lazytrain train … | head -1`) is no reason to lose a run: it trains on unheard.
    """

    def __init__(
        self, stdout: TextIO, stderr: TextIO, clock: Callable[[], float] = time.monotonic, prefix: str = ""
    ) -> None:
        self._stdout, self._stderr, self._clock, self._prefix = stdout, stderr, clock, prefix
        self._last_line = clock()

    def say(self, text: str) -> None:
        self._last_line = self._clock()
        tell_line(self._stdout, self._prefix + text)

    def warn(self, text: str) -> None:
        tell_line(self._stderr, self._prefix + text)

    complain = warn

    def show(self, run: Run) -> None:
        if run.progress is not None and self._clock() - self._last_line >= PLAIN_SECONDS:
            self.say(describe_progress(run))

    def show_epoch(self, run: Run, record: EpochRecord) -> None:
        self.say(describe_epoch(run, record))

    def close(self) -> None:
        """Nothing is left open."""


class BarReporter:
    """A bar with the figures beside it on the terminal's last line; epochs scroll by above it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._drawn = float("-inf")
        self._figures = ""

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"), soft_wrap=True)

    complain = say

    def show(self, run: Run) -> None:
        if self._clock() - self._drawn < BAR_SECONDS:
            return
        self._drawn = self._clock()
        bar, task = self._started()
        progress = run.progress
        if run.num_steps and (progress is None or progress.step):
            done, total = run.step, run.num_steps
        else:
            done, total = (progress.done, progress.total) if progress else (0, None)
        if progress is None or progress.loss is not None or run.kind is Kind.COMMAND:
            # While an epoch is evaluated, the figures of its last steps stay.
            self._figures = _figures(run)
        bar.update(task, completed=done, total=total, label=_label(run), figures=self._figures)
        bar.refresh()

    def show_epoch(self, run: Run, record: EpochRecord) -> None:
        self.say(describe_epoch(run, record))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None

    def _started(self) -> tuple[Progress, TaskID]:
        if self._bar is None or self._task is None:
            # Redrawn only when there is news, by us: rich's own thread would take turns from training.
            bar = Progress(
                TextColumn("{task.fields[label]}"),
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[figures]}"),
                console=self._console,
                auto_refresh=False,
                transient=True,
            )
            self._bar, self._task = bar, bar.add_task("", label="", figures="")
            bar.start()
        return self._bar, self._task


def write_line(stream: TextIO, text: str) -> None:
    """Write a line at once. Raises OSError where it can't be, which ends a command (`tui.plain.streams`)."""
    stream.write(harmless(text, lines=True) + "\n")
    stream.flush()


def tell_line(stream: TextIO, text: str) -> None:
    """Write a line of what goes on anyway; a stream whose reader or terminal is gone is pointed at nothing instead."""
    outlet = Outlet(stream)
    outlet.write(harmless(text, lines=True) + "\n")
    outlet.flush()


def restore_terminal() -> None:
    """Show the cursor again, which the bar hides; for an end that runs no clean-up."""
    if sys.stdout.isatty():
        outlet = Outlet(sys.stdout)
        outlet.write("\x1b[?25h\n")
        outlet.flush()


def _label(run: Run) -> str:
    if run.state is State.RUNNING and run.pending is None and run.progress is not None:
        if run.kind is Kind.COMMAND:
            return run.progress.phase
        if run.progress.phase == "training":
            return f"epoch {run.progress.epoch}/{run.num_epochs}"
        return run.progress.phase
    return state_word(run)


def _figures(run: Run) -> str:
    progress = run.progress
    if progress is None or not progress.step:
        return ""
    if run.kind is Kind.COMMAND:
        of = f"/{format_count(run.num_steps)}" if run.num_steps else ""
        to_go = f"  ETA {format_duration(run.eta_seconds)}" if run.num_steps else ""
        return f"step {format_count(run.step)}{of}{to_go}"
    rate = format_rate(progress.images_per_second) if progress.images_per_second else NOTHING
    return (
        f"loss {format_loss(progress.loss)}  acc. {format_fraction(progress.accuracy)}  {rate}"
        f"  ETA {format_duration(run.eta_seconds)}"
    )


def _share(done: int, total: int) -> str:
    return f" {format_count(done)}/{format_count(total)}" if total else ""
