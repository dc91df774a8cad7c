"""Following a run without a screen: what is said and warned of, Ctrl-C, and lines on a pipe."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.events import EpochRecord, Progress, RunStarted
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.tui.plain.follow import follow_queue, follow_run
from lazytrain.tui.plain.interrupts import Interrupts
from lazytrain.tui.plain.reporters import PLAIN_SECONDS, PlainReporter, tell_line
from tests.helpers.bench import configuration, epoch_record


@dataclass
class Status:
    phase: str = "training"
    text: str = ""
    device: str | None = "cpu"
    error: str | None = None


@dataclass
class ToldRunner:
    """Does `work` when it is started, and has ended then."""

    work: Callable[[], None]
    status: Any = field(default_factory=Status)
    screenless: bool = False
    must_finish: bool = False

    def halt(self, seconds: float) -> bool:
        return True

    def go_on(self) -> None: ...

    def start(self) -> None:
        self.work()

    def nudge(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float | None = None) -> bool:
        return True


@dataclass
class Story:
    """A reporter that remembers."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    complain = warn

    def show(self, run: Run) -> None: ...

    def show_epoch(self, run: Run, record: EpochRecord) -> None:
        self.epochs.append(record.epoch)

    def close(self) -> None: ...


def follow(home: Path, work: Callable[[Journal, str], None], status: Status | None = None) -> tuple[int, Story]:
    story = Story()
    with Journal(home) as journal, Store(home) as store, Interrupts() as interrupts:
        run_id = store.add_run(configuration(epochs=50), "mine").id
        runner = ToldRunner(lambda: work(journal, run_id), status or Status())
        return follow_run(store, run_id, lambda: runner, story, interrupts), story


def test_a_discarded_run_ends_with_1(home: Path) -> None:
    status, story = follow(home, lambda journal, run_id: journal.discard(run_id))
    assert status == 1
    assert "discarded" in story.warned[-1]


def test_a_runner_that_cannot_train_says_why_and_leaves_the_run_queued(home: Path) -> None:
    status, story = follow(home, lambda *_: None, Status(phase="ended", error="the device is gone"))
    assert status == 1
    assert re.match(r"the device is gone; run \w{8} stays in the queue", story.warned[-1])


def test_warnings_of_the_log_are_told_and_the_end_only_once(home: Path) -> None:
    def work(journal: Journal, run_id: str) -> None:
        journal.claim(run_id)
        journal.say(run_id, "3 images skipped", "warning")
        journal.say(run_id, "of no interest here")
        journal.end(run_id, State.FAILED, error="loss became nan")

    status, story = follow(home, work)
    assert status == 1
    assert story.warned[0] == "warning: 3 images skipped"
    assert [line for line in story.warned if "loss became nan" in line] == story.warned[1:]
    assert len(story.warned) == 2


def test_epochs_that_end_before_the_queue_is_looked_at_are_told_too(home: Path) -> None:
    with Journal(home) as journal, Store(home) as store, Interrupts() as interrupts:
        waiting, story = store.add_run(configuration(epochs=3)).id, Story()
        _train(journal, waiting, 1)
        journal.end(waiting, State.STOPPED)
        store.resume(waiting)

        def work() -> None:
            _train(journal, waiting, 3)
            journal.end(waiting, State.FINISHED)
            _train(journal, journal.add_run(configuration(epochs=2)).id, 2)

        assert follow_queue(store, ToldRunner(work), story, interrupts) == 0
    assert story.epochs == [1, 2, 2, 3], "the newest run is told of first"
    assert "goes on after step 10" in "\n".join(story.said)


@pytest.mark.parametrize(("said", "told"), [("starts: 3 epochs", "3 epochs"), ("resumed at step 8: 3", "after step 8")])
def test_a_run_goes_on_after_the_step_that_training_says(home: Path, said: str, told: str) -> None:
    with Journal(home) as journal, Store(home) as store, Interrupts() as interrupts:
        waiting, story = store.add_run(configuration(epochs=3)).id, Story()
        _train(journal, waiting, 1)
        journal.end(waiting, State.INTERRUPTED)
        store.resume(waiting)

        def work() -> None:
            journal.claim(waiting)
            journal.say(waiting, said, "info")
            started = RunStarted(num_epochs=3, steps_per_epoch=10, step=0, path="eager", device="cpu", threads=1)
            journal.begin(waiting, started, "the only device")
            journal.end(waiting, State.FINISHED)

        assert follow_queue(store, ToldRunner(work), story, interrupts) == 0
    assert told in next(line for line in story.said if " on cpu" in line)


def _train(journal: Journal, run_id: str, epochs: int) -> None:
    """Epochs of ten steps, up to that one."""
    journal.claim(run_id)
    run = journal.run(run_id)
    started = RunStarted(
        num_epochs=run.num_epochs, steps_per_epoch=10, step=run.step, path="eager", device="cpu", threads=1
    )
    journal.begin(run_id, started, "the only device")
    for epoch in range(run.epoch + 1, epochs + 1):
        journal.write(run_id, record=epoch_record(epoch))


def test_ctrl_c_takes_a_queued_run_out_of_the_queue(home: Path) -> None:
    def work(journal: Journal, run_id: str) -> None:
        signal.raise_signal(signal.SIGINT)

    status, story = follow(home, work, Status(phase="waiting", text="waits for cpu"))
    assert status == 130
    assert "waits for cpu" in story.warned
    with Store(home) as store:
        assert store.find("mine").state is State.STOPPED


def test_a_run_that_is_stopped_elsewhere_ends_with_130(home: Path) -> None:
    def work(journal: Journal, run_id: str) -> None:
        _train(journal, run_id, 1)
        journal.stop(run_id)
        journal.end(run_id, State.STOPPED, outcome="stopped and kept")

    assert follow(home, work)[0] == 130


def test_a_second_ctrl_c_ends_at_once() -> None:
    ended: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(ended.append) as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert (interrupts.received, ended) == (signal.SIGINT, [])
        signal.raise_signal(signal.SIGINT)
        assert ended == [130]
        signal.raise_signal(signal.SIGTERM)
        assert ended == [130, 143]
    assert signal.getsignal(signal.SIGINT) is before


def test_plain_lines_about_steps_are_ten_seconds_apart(home: Path) -> None:
    now = 0.0
    out = io.StringIO()
    reporter = PlainReporter(out, io.StringIO(), clock=lambda: now)
    with Journal(home) as journal:
        run_id = journal.add_run(configuration(epochs=50)).id
        journal.confirm(run_id, State.RUNNING, num_steps=9000)
        progress = Progress(phase="training", done=5, total=9, step=1200, epoch=3, loss=0.5, accuracy=0.25)
        journal.write(run_id, progress=progress)
        run = journal.run(run_id)
    for seconds in (1.0, PLAIN_SECONDS - 0.1, PLAIN_SECONDS, PLAIN_SECONDS + 5, 2 * PLAIN_SECONDS):
        now = seconds
        reporter.show(run)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 3/50  step 1,200/9,000  loss 0.500  accuracy 25.0 %")


def test_telling_a_line_survives_a_closed_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        tell_line(stream, "unheard")
        tell_line(stream, "and again")
