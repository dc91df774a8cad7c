"""A run that the user's own program trains: what `lazytrain.init` returns.

Its methods cost the program microseconds: values go into a queue, and a thread writes them (`engine.tracking.writer`).
None raises into a training for what the disk or the store does.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from lazytrain.engine.records import GOALS, Run, State, Wanted
from lazytrain.engine.store.locks import FileLock
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.tracking.announcing import announce
from lazytrain.engine.tracking.kept import Kept
from lazytrain.engine.tracking.others import Nothing
from lazytrain.engine.tracking.printed import Printed
from lazytrain.engine.tracking.together import Together
from lazytrain.engine.tracking.values import NotANumber, number, plain
from lazytrain.engine.tracking.writer import MOST_KEPT, Logged, Wishes, Writer, warn

T = TypeVar("T")

END_SECONDS = 30.0
"""How long the end of a run waits for what isn't written yet."""
FORK_SECONDS = 2.0
"""How long a fork waits for what is being written."""
LOOK_SECONDS = 0.5


class Stopped(KeyboardInterrupt):
    """Somebody stopped the run, and `init(on_stop="raise")` asked for this."""


class TrackedRun(Nothing):
    """A run of the user's own program. Its methods may be called from any thread.

    Args:
        run: as the store has it; its lock is held by `lock`.
        first_step: of the next `log` that names none.
        on_stop: `raise`: `log` and `steps` raise `Stopped` when somebody stops the run; `flag`: only `should_stop`.
        pauses: whether `log` waits while the run is paused.
        adopted: the run is a command's, which lazytrain started: how that ends decides how the run does.
        output: whether what the program prints is kept as the run's log.
    """

    silent = False

    def __init__(
        self,
        home: Path,
        run: Run,
        lock: FileLock,
        details: dict[str, Any],
        *,
        first_step: int = 0,
        seconds: float = 0.0,
        on_stop: str = "flag",
        pauses: bool = True,
        adopted: bool = False,
        output: bool = False,
    ) -> None:
        self._adopted = adopted
        self.id, self._name, self.project, self.group = run.id, run.name, run.project, run.run_group
        self._home, self._lock, self._details = home, lock, details
        self._on_stop, self._pauses = on_stop, pauses
        self._step = first_step
        self._began = time.monotonic() - seconds
        self._process = os.getpid()
        self._logged: deque[Logged] = deque()
        self._wishes = Wishes()
        self._together = Together(leads=True)
        self._warned: set[str] = set()
        self._before_stop: list[Callable[[], object]] = []
        self._ended = self._prepared = False
        self._heard = False
        """Whether the program was told that it is to stop; it may never ask."""
        self._holding = set[int]()
        """Threads that fork, and hold the writer meanwhile."""
        self._done, self._total = 0, None
        self.config = Kept(details.get("config", {}), self._keep)
        """What the run was begun with; written with each change."""
        self.summary = Kept(details.get("summary", {}), self._keep)
        """The figures that stand for the run; each metric's last value where nothing else is said."""
        self._printed = Printed() if output else None
        if self._printed is not None:
            self._printed.listen()
        self._writer: Writer | None = Writer(home, run.id, self._logged, self._wishes, warn, self._printed)
        self._writer.do(lambda journal: journal.confirm(run.id, State.RUNNING))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._forked)

    @property
    def name(self) -> str:
        """What it is called; another one can be given, and gets a number where it is taken."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        def rename(journal: ScriptJournal) -> None:
            try:
                self._name = journal.rename(self.id, name).name
            except ValueError as error:  # a name that can't be
                warn(f"name: {error}")

        self._do(rename)

    # ── logging ────────────────────────────────────────────────────────────────────────────────────────────

    def log(self, values: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Add a value to each of the named series, at `step` (None: one more than the last).

        Floats, ints, numpy scalars and tensors of one value. While the run is paused it waits, unless that was turned
        off. What can't be a point is left out, and said once.

        Args:
            commit: False: the next `log` has the same step.
        """
        if self._ended:
            self._say_once("", "the run has ended: what is logged after finish() is left out")
            return
        if step is None:
            step = self._step
        elif step < self._step - 1:
            self._say_once("step", f"step {step} comes after step {self._step - 1}: it is kept as a point at that step")
        if commit is not False:
            self._step = max(self._step, step + 1)
        try:
            pairs = tuple([(name, value if type(value) is float else number(value)) for name, value in values.items()])
        except NotANumber:
            pairs = tuple(self._numbers(values))
        if len(self._logged) < MOST_KEPT:
            self._logged.append((step, time.monotonic() - self._began, pairs))
        else:
            self._say_once("full", "too much is waiting to be written: values are left out until there is room")
        if self._writer is None:
            self._begin_writer()
        if self._wishes.held and not self._together.used:
            self._obey()

    def _numbers(self, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        for name, value in values.items():
            try:
                yield name, number(value)
            except NotANumber as what:
                self._say_once(name, f"{name!r} is a {what}, not a number: it is left out")

    def define_metric(
        self, name: str, step_metric: str | None = None, summary: str | None = None, goal: str | None = None, **_: Any
    ) -> None:
        """Say how a metric, or all that fit a pattern such as `val/*`, are drawn and summed up.

        Args:
            step_metric: the metric that is its horizontal axis.
            summary: `min`, `max`, `last`, `mean` or `none`.
            goal: `minimize` or `maximize`: which way is better.
        """
        given = {"step_metric": step_metric, "summary": summary, "goal": goal}
        told = {key: each for key, each in given.items() if each is not None}
        if goal is not None and str(goal).lower() not in GOALS:
            self._say_once(f"goal {goal}", f"define_metric({name!r}): goal {goal!r} is not minimize or maximize")
        before = dict(self._details.get("metrics", {}))
        # A new one each time: the writer may be reading the old one. What was said last stands last.
        self._details["metrics"] = {**before, str(name): before.pop(str(name), {}) | told}
        self._keep()

    def alert(self, title: str, text: str = "", level: Any = "info", **_: Any) -> None:
        """Say something of importance in the run's log: `info`, `warn` or `error`."""
        word = str(getattr(level, "value", level)).lower()
        known = {"warn": "warning", "warning": "warning", "error": "error"}.get(word, "info")
        said = f"{title}: {text}" if text else str(title)
        self._do(lambda journal: journal.say(self.id, said, known))

    # ── steering ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def should_stop(self) -> bool:
        """Whether somebody wants the run to stop: leave the loop then, and finish.

        Processes that train together by torch.distributed all get the same answer, if all ask at the same places.
        """
        if not self._together.active():
            return self._tell_to_stop()
        leave = self._together.agree("asks", self._decide)
        if leave:
            self._heard = True
            self._save()
        return leave

    @property
    def _is_told_to_stop(self) -> bool:
        return self._wishes.wanted in (Wanted.STOP, Wanted.DISCARD)

    def _tell_to_stop(self) -> bool:
        """Whether the program, which hears it, is to stop."""
        told = self._is_told_to_stop
        self._heard |= told
        return told

    def save_at_stop(self, act: Callable[[], object]) -> None:
        """Have `act` called once, in the training's thread, when the run is to be stopped."""
        self._before_stop.append(act)

    def steps(self, batches: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Go through `batches`, with progress for the screen; waits between two while the run is paused.

        It ends early when somebody stops the run.

        Args:
            total: how many there are in all the training; by default `len(batches)` more than before.
        """
        length = total if total is not None else (len(batches) if hasattr(batches, "__len__") else None)  # type: ignore[arg-type]
        before = 0 if total is not None else self._done
        self._total = None if length is None else before + length
        for batch in batches:
            if self._together.active():
                if self._together.agree("steps", self._decide):
                    self._heard = True
                    self._prepare_stop()
                    return
            elif self._wishes.held:
                self._obey()
                if self._tell_to_stop():
                    return
            yield batch
            self._done += 1
            if self._writer is not None:
                seconds = time.monotonic() - self._began
                self._writer.show_progress(step=self._done, num_steps=self._total, seconds=seconds)

    def progress(self, done: int, total: int | None = None) -> bool:
        """Say how many steps of how many are done, and wait while the run is paused; whether to go on.

        For a loop that another library has; one's own has `steps`.
        """
        if self._writer is not None:
            self._writer.show_progress(step=done, num_steps=total, seconds=time.monotonic() - self._began)
        if self._wishes.held:
            self._obey()
        return not self._tell_to_stop()

    def _obey(self) -> None:
        """Do what is wanted: wait through a pause, prepare a stop."""
        if self._decide():
            self._prepare_stop()

    def _decide(self) -> bool:
        """Wait through a pause; whether to stop."""
        wishes = self._wishes
        if wishes.wanted is Wanted.PAUSE and self._pauses and os.getpid() == self._process:
            began = time.monotonic()
            with wishes.changed:
                wishes.waiting = True
                while wishes.wanted is Wanted.PAUSE and not self._ended:
                    wishes.changed.wait(LOOK_SECONDS)
                wishes.waiting = False
            # A pause is no training time.
            self._began += time.monotonic() - began
        return self._is_told_to_stop

    def _save(self) -> None:
        if not self._prepared:
            self._prepared = True
            for act in self._before_stop:
                self._heard = True
                act()

    def _prepare_stop(self) -> None:
        self._save()
        if self._on_stop == "raise":
            self._heard = True
            raise Stopped(f"{self.name} was stopped")

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self, exit_code: int | None = None, quiet: bool | None = None, *, error: str | None = None) -> None:
        """Write what is left, and end the run: finished, stopped if somebody asked for that, failed with `error`.

        A run that is a command's goes on to the command's end, and that says how it ended.

        A process that was forked off writes what it has logged, and leaves the run to the one that began it.
        """
        if self._ended:
            return
        self._ended = True
        if self._writer is None:
            self._begin_writer()
        writer = self._writer
        if writer is None:
            return
        if os.getpid() != self._process:
            writer.end(END_SECONDS)
            return
        failed = error is not None or bool(exit_code)
        why = error or (f"exit code {exit_code}" if exit_code else None)
        self._together.end()
        if self._printed is not None:
            self._printed.leave()
        # One that never asked went on to its end, whatever was wanted of it.
        state = State.FAILED if failed else State.STOPPED if self._heard else State.FINISHED
        discarded = self._wishes.wanted is Wanted.DISCARD
        outcome = "by a person" if state is State.STOPPED else None

        told: list[State] = []

        def end(journal: ScriptJournal) -> None:
            if discarded:
                if not self._adopted:
                    journal.forget(self.id)
                return
            summary = {metric.name: metric.last for metric in journal.metrics(self.id)} | plain(self.summary)
            journal.set_details(self.id, {**self._details, "summary": summary})
            seconds = time.monotonic() - self._began
            if self._adopted:
                said = f": {why}" if why else ""
                journal.confirm(self.id, State.RUNNING, f"its program logs no more{said}", seconds=seconds)
                return
            journal.end(self.id, state, outcome=outcome, error=why, seconds=seconds)
            told.append(state)

        writer.do(end)
        if not writer.end(END_SECONDS):
            warn(f"{self.name}: what was logged last could not be written in {END_SECONDS:.0f} s")
        self._lock.release()
        if told:
            announce(self._home, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Stopped):
            self.finish()
        elif isinstance(error, SystemExit):
            self.finish(exit_code=error.code if isinstance(error.code, int) else int(error.code is not None))
        elif isinstance(error, KeyboardInterrupt):
            self._heard = True
            self.finish()
        else:
            from lazytrain.engine.errors import describe

            if self._printed is not None:
                # Python prints it after this.
                from traceback import format_exception

                self._printed.add("".join(format_exception(error)))
            self.finish(error=describe(error))

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, act: Callable[[ScriptJournal], object]) -> None:
        if self._writer is None:
            self._begin_writer()
        if self._writer is not None and not self._ended:
            self._writer.do(act)

    def _keep(self) -> None:
        """Write config and summary."""
        self._details["config"], self._details["summary"] = plain(self.config), plain(self.summary)
        details = dict(self._details)
        if self._process == os.getpid():
            self._do(lambda journal: journal.set_details(self.id, details))

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._warned and len(self._warned) < 100:
            self._warned.add(key)
            warn(text)

    def _before_fork(self) -> None:
        """What the writer holds at that moment would be held in the child for ever."""
        if self._writer is not None and self._writer.hold(FORK_SECONDS):
            self._holding.add(threading.get_ident())

    def _after_fork(self) -> None:
        if self._writer is not None and threading.get_ident() in self._holding:
            self._holding.discard(threading.get_ident())
            self._writer.go_on()

    def _forked(self) -> None:
        """In a child process: threads and connections stayed behind, and what was queued is the parent's to write."""
        self._writer = None
        self._holding.clear()
        self._logged.clear()
        if self._printed is not None:
            self._printed.forget()

    def _begin_writer(self) -> None:
        self._wishes = Wishes()
        with contextlib.suppress(RuntimeError):  # the interpreter is shutting down
            self._writer = Writer(self._home, self.id, self._logged, self._wishes, warn, self._printed)
