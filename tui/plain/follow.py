"""Follow runs through the store until they are over: what `train` and `work` do while a runner trains."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType

from lazytrain.engine.records import Kind, Message, Run, State
from lazytrain.engine.store.locks import is_held
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store, StoreError
from lazytrain.tui.plain.interrupts import Interrupts, RunnerLike
from lazytrain.tui.plain.reporters import Reporter
from lazytrain.tui.words.text import format_count, format_duration, format_fraction, format_loss, state_word

FINISHED, FAILED, REFUSED = 0, 1, 2
"""Exit statuses; `Interrupts.status` is that of what was stopped and kept."""

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 5.0
"""How long `pause`, `stop` and `resume` wait for training to confirm."""
SILENCE_SECONDS = 5.0
"""Of silence before we look whether a run's trainer lives, since looking takes its lock for a moment."""
MOST_RUNNERS = 5
"""How often a run is taken up here again after the process that had it died."""


STOPPING = {False: "stopping with a checkpoint", True: "stopping it"}
"""Said of a training, and of a command, which has its own way."""


class RunTold:
    """What has been told of one run already, so that each look at the store tells only the news.

    `before` is the run as it was before it was taken up, None if it was not there: by now it may be epochs further.
    """

    def __init__(self, store: Store, run: Run, before: Run | None, reporter: Reporter) -> None:
        self._store, self._reporter = store, reporter
        self.is_command = run.kind is Kind.COMMAND
        self._state = run.state
        self._epoch = before.epoch if before else 0
        self._step = before.step if before else 0
        messages = store.messages(run.id, limit=1)
        self._message = self._line = messages[-1].id if messages else 0
        self._headed = False

    def tell(self, run: Run) -> None:
        """Tell what happened since the last call."""
        self.warn(run)
        known = run.device is not None if self.is_command else run.num_steps is not None
        if not self._headed and known and run.state is not State.STARTING:
            self._headed = True
            self._reporter.say(describe_start(run, self._first_step(run)))
        elif run.state is not self._state and State.PAUSED in (run.state, self._state) and run.state.active:
            self._reporter.say("paused" if run.state is State.PAUSED else "resumed")
        self._state = run.state
        if run.kind is Kind.COMMAND:
            self._tell_printed(run)
        for record in self._store.epochs(run.id, since=self._epoch):
            self._epoch = record.epoch
            self._reporter.show_epoch(run, record)
        if run.state.active:
            self._reporter.show(run)

    def _first_step(self, run: Run) -> int:
        """The step that it goes on after, as its log tells: a run that had no checkpoint yet starts anew."""
        begun = (message.begun_at for message in reversed(self._store.messages(run.id)))
        return next((step for step in begun if step is not None), self._step)

    def _tell_printed(self, run: Run) -> None:
        """What a command printed, where it printed it."""
        for line in self._store.printed(run.id, since=self._line):
            self._line = line.id
            (self._reporter.say if line.level == "stdout" else self._reporter.complain)(line.text)

    def warn(self, run: Run) -> None:
        """Tell the warnings that came into its log since the last call."""
        for message in self._store.messages(run.id, since=self._message):
            self._message = message.id
            if message.level != "info" and not _repeats_end(run, message):
                self._reporter.warn(f"{message.level}: {message.text}")


class TroubleTold:
    """Around a look at the store: one that fails for now is said once and looked at again, since training goes on."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._said: str | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, StoreError):
            return False
        if str(error) != self._said:
            self._said = str(error)
            self._reporter.warn(f"{error}; it is looked at again")
        return True


def follow_run(
    store: Store,
    run_id: str,
    make_runner: Callable[[], RunnerLike],
    reporter: Reporter,
    interrupts: Interrupts,
) -> int:
    """Train the run here, or follow it where it is trained already, until it is over; returns the exit status.

    A runner that ends while the run still waits is made again: the process that had taken the run may have died.
    """
    run = store.run(run_id)
    told = RunTold(store, run, run, reporter)
    runner = make_runner()
    interrupts.attend(runner, reporter.close)
    runner.start()
    asked_to_stop, last_status, num_runners = False, "", 1
    trouble_told = TroubleTold(reporter)
    try:
        while True:
            # The store's own writes don't count as changes: after asking it to stop a run, look every time.
            with trouble_told:
                if store.changed() or asked_to_stop:
                    run = store.run(run_id)
                    told.tell(run)
                    if run.state.over:
                        return _end(run, reporter, interrupts)
            status = runner.status
            if status.phase == "waiting" and status.text != last_status:
                last_status = status.text
                reporter.warn(status.text)
            if interrupts.received is not None and not asked_to_stop:
                asked_to_stop = True
                _ask_to_stop(store, run_id)
                runner.nudge()
                reporter.say(f"{STOPPING[run.kind is Kind.COMMAND]}; Ctrl-C again ends at once")
            abandoned = False
            with trouble_told:
                abandoned = runner.join(0) and not asked_to_stop and _abandoned(store, run_id)
            if abandoned:
                if status.error or num_runners == MOST_RUNNERS:
                    reason = status.error or "nothing trained it"
                    reporter.warn(f"{reason}; run {run_id} stays in the queue")
                    return FAILED
                num_runners += 1
                runner = make_runner()
                interrupts.attend(runner, reporter.close)
                runner.start()
            interrupts.wait(POLL_SECONDS)
    except RunNotFound:
        reporter.warn(f"run {run_id} was discarded: nothing of it is kept")
        return FAILED
    finally:
        reporter.close()
        runner.stop()
        interrupts.join(runner, reporter.warn)
        # Of a notice that failed, after the run's end.
        with trouble_told, contextlib.suppress(RunNotFound):
            told.warn(store.run(run_id))


class QueueTold:
    """What has been told of the queue: each run that is taken up has a reporter, the common one or one of its own."""

    def __init__(
        self, store: Store, reporter: Reporter, reporter_for: Callable[[Run], Reporter] | None, interrupts: Interrupts
    ) -> None:
        self._store, self._reporter, self._interrupts = store, reporter, interrupts
        self._shared = reporter_for is None
        """One reporter tells of all runs: it says which is taken up, where others have the id in each line."""
        self._reporter_for = reporter_for or (lambda _: reporter)
        self._reporters: dict[str, Reporter] = {}
        self._told: dict[str, RunTold] = {}
        self._before = {run.id: run for run in store.runs()}
        self._over = {run.id for run in self._before.values() if run.state.over}
        self.num_failed = 0

    def tell(self, device: str | None) -> None:
        """Tell what is new of the runs that `device` trains."""
        for run in self._store.runs():
            if not run.state.over:
                self._over.discard(run.id)
            if run.id in self._over or run.state is State.QUEUED or not (run.device is None or run.may_be_of(device)):
                self._before[run.id] = run
                continue
            if run.id not in self._told:
                self._reporters[run.id] = self._reporter_for(run)
                self._told[run.id] = RunTold(self._store, run, self._before.get(run.id), self._reporters[run.id])
                if self._shared:
                    self._reporter.say(f"{run.shown_name} ({run.id})")
            self._told[run.id].tell(run)
            if run.state.over:
                self._over.add(run.id)
                del self._told[run.id]
                self.num_failed += run.state is State.FAILED
                _end(run, self._reporters.pop(run.id), self._interrupts)

    @property
    def tells_command(self) -> bool:
        """Whether one of those that are trained is a command."""
        return any(told.is_command for told in self._told.values())

    def leave_terminal(self) -> None:
        """Leave it as a shell wants it; what is told next takes it again."""
        for each in (self._reporter, *self._reporters.values()):
            each.close()


def follow_queue(
    store: Store,
    runner: RunnerLike,
    reporter: Reporter,
    interrupts: Interrupts,
    reporter_for: Callable[[Run], Reporter] | None = None,
) -> int:
    """Tell what `runner` trains until the queue is empty; returns 0, or 1 if a run failed, or 130 after Ctrl-C.

    Several runs at once have a reporter each, from `reporter_for`; else `reporter` tells of all.
    """
    told, trouble_told = QueueTold(store, reporter, reporter_for, interrupts), TroubleTold(reporter)
    interrupts.attend(runner, told.leave_terminal)
    runner.start()
    asked_to_stop, last_status, device = False, "", None
    try:
        while True:
            ended = runner.join(0)
            status = runner.status
            # One that has ended has no device any more, and may have ended a run in its last moment.
            device = status.device or device
            with trouble_told:
                if store.changed() or ended:
                    told.tell(device)
            if status.phase == "waiting" and status.text != last_status:
                last_status = status.text
                reporter.warn(status.text)
            if ended:
                break
            if interrupts.received is not None and not asked_to_stop:
                asked_to_stop = True
                runner.stop()
                reporter.say(f"{STOPPING[told.tells_command]}; Ctrl-C again ends at once")
            interrupts.wait(POLL_SECONDS)
    finally:
        reporter.close()
        runner.stop()
        interrupts.join(runner, reporter.warn)
    if interrupts.received is not None:
        return interrupts.status
    if status.error:
        reporter.warn(status.error)
        return FAILED
    return FAILED if told.num_failed else FINISHED


def wait_until_confirmed(store: Store, run_id: str, wait: Callable[[float], object] | None = None) -> Run:
    """The run once training has confirmed what was asked, or after five seconds as it stands. Raises RunNotFound."""
    wait = wait or threading.Event().wait
    for _ in range(round(PATIENCE_SECONDS / POLL_SECONDS)):
        run = store.run(run_id)
        if run.pending is None:
            return run
        wait(POLL_SECONDS)
    return store.run(run_id)


def describe_start(run: Run, first_step: int) -> str:
    """`coolnet-v10 quick: 25 epochs on cpu (1 thread), 9,025 steps in all`; `first_step` is above 0 when resumed."""
    if run.kind is Kind.COMMAND:
        return f"{run.shown_name}: started on {run.device or 'an unknown device'}"
    threads = f" ({run.threads} thread{'' if run.threads == 1 else 's'})" if run.threads else ""
    size = f", {format_count(run.num_steps)} steps in all" if run.num_steps else ""
    epochs = f"{run.num_epochs} epoch{'' if run.num_epochs == 1 else 's'}"
    before = f"goes on after step {format_count(first_step)}" if first_step else epochs
    return f"{run.shown_name}: {before} on {run.device or 'an unknown device'}{threads}{size}"


def describe_end(run: Run) -> str:
    """How it ended, in one sentence."""
    match run.state:
        case State.FINISHED if run.kind is Kind.COMMAND:
            return f"finished ({run.outcome}) after {format_duration(run.seconds)}"
        case State.FINISHED:
            best = f", best {format_fraction(run.best_accuracy)} at epoch {run.best_epoch}" if run.best_epoch else ""
            reason = f" ({run.outcome})" if run.outcome not in (None, "all epochs done") else ""
            return (
                f"finished{reason} after {format_duration(run.seconds)}: test loss {format_loss(run.test_loss)}, "
                f"test accuracy {format_fraction(run.test_accuracy)}{best}"
            )
        case State.FAILED:
            return f"{run.shown_name} ({run.id}) failed: {run.error or 'no reason was recorded'}"
        case _ if run.kind is Kind.COMMAND:
            how = f"{state_word(run)}{f', {run.outcome}' if run.outcome else ''}"
            return f"{how}: `lazytrain resume {run.id}` queues it again, to be started from its beginning"
        case _:
            steps = f" after step {format_count(run.step)} of {format_count(run.num_steps)}" if run.step else ""
            return (
                f"{state_word(run)}{steps} and kept: `lazytrain resume {run.id}` queues it again, "
                "`lazytrain work` trains the queue"
            )


def _end(run: Run, reporter: Reporter, interrupts: Interrupts) -> int:
    reporter.close()
    text = describe_end(run)
    if run.state is State.FINISHED:
        reporter.say(text)
        return FINISHED
    if run.state is State.FAILED:
        reporter.warn(text)
        return FAILED
    reporter.warn(text)
    return interrupts.status


def _repeats_end(run: Run, message: Message) -> bool:
    """Whether the log line says what the last line, which comes by itself, says too."""
    return run.state.over and message.text == f"{run.state}: {run.error}"


def _abandoned(store: Store, run_id: str) -> bool:
    """Whether nobody trains the run, though it isn't over."""
    run = store.run(run_id)
    if not run.state.active:
        return run.state is State.QUEUED
    silent = store.clock() - (run.updated or 0.0)
    return silent > SILENCE_SECONDS and not is_held(store.run_folder(run_id) / "lock")


def _ask_to_stop(store: Store, run_id: str) -> None:
    try:
        store.stop(run_id)
    except NotPossible:
        return  # it ended in this very moment: the next look at the store tells how
