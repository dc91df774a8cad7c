"""A command's life: started, its output kept, paused, stopped, and how it ended written down."""

from __future__ import annotations

import json
import os
import platform
import selectors
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import Enum
from typing import TypeVar

from lazytrain.engine.child_process import describe_end
from lazytrain.engine.commands.group import CannotStart, ProcessGroup
from lazytrain.engine.commands.output import Output
from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.events import Progress
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.settings.availability import Availability
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.locks import LOGGING_LOCK, FileLock, LockHeld, is_held, touch
from lazytrain.engine.store.reading import RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.store.trouble import StoreDamaged, StoreError, StoreTrouble, trouble_kind

T = TypeVar("T")

TICK_SECONDS = 0.05
WRITE_SECONDS = 0.2
"""How often what was printed is written."""
CLOCK_SECONDS = 2.0
"""How often the run is seen to live, and its time is written."""
RETRY_SECONDS = 3.0
"""Where the store can't be written."""
LAST_TRIES = 5
"""So often it is tried once the command has ended; then the next runner finds the run without a process."""
LINGER_SECONDS = 1.0
"""What a command has left running when its first process ends may end by itself for so long."""
DRAIN_SECONDS = 0.5
"""A process outside of the group may hold the command's output open: it isn't waited for."""
LEAVE_SECONDS = 45.0
ENDED_WITH_RUNNER = "stopped: the program that ran it ended"


class Why(Enum):
    """Why a command is ended before its end, the stronger later."""

    STOPPED = 1
    LEFT = 2
    """Its runner ends."""
    ORPHANED = 3
    """Its runner died."""
    DISCARDED = 4
    TAKEN = 5
    """Another process has the run."""


class Stage(Enum):
    """How far it is with ending it."""

    NOT = 0
    ASKED = 1
    """The program knows by itself that it is to stop."""
    TERMINATED = 2
    KILLED = 3


class CommandLife:
    """Lives one claimed run to its end; every end is written down.

    Args:
        lock: on the run, held by this process.
        device: what the runner holds.
        commands: a descriptor by which the runner says what is to become of this; it ends with the runner.
        asked_to_end: whether this process was asked to end by anybody else.
        may_train: why nothing may be trained now, or None.
    """

    def __init__(
        self,
        journal: CommandJournal,
        run: Run,
        lock: FileLock,
        device: str,
        commands: int,
        *,
        asked_to_end: Callable[[], bool] = lambda: False,
        may_train: Callable[[], str | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._run_id, self._lock = journal, run.id, lock
        self._device, self._commands, self._clock = device, commands, clock
        self._asked_to_end = asked_to_end
        self._settings = LiveSettings(journal.home)
        self._may_train = may_train or Availability(self._settings)
        self._output = Output(journal.clock, lambda: self._seconds)
        self._wanted = Wanted.RUN
        self._why: Why | None = None
        self._stage, self._deadline = Stage.NOT, 0.0
        self._held: str | None = None
        """Why it is paused by us; empty: a person wants it so."""
        self._logs_itself = self._waits_itself = False
        self._noted: list[str] = []
        self._spent, self._since = 0.0, clock()
        self._written = self._seen = self._troubled = float("-inf")
        self._status: int | None = None
        """Of its first process, once that has ended."""
        self._ended = 0.0
        self._gone: float | None = None
        """When nothing of it was left."""
        self._wake = os.pipe()

    @property
    def _seconds(self) -> float:
        """Time that it ran, pauses excluded."""
        return self._spent + (self._clock() - self._since if self._held is None else 0.0)

    def live(self) -> None:
        """Start it and stay with it to its end."""
        try:
            configuration = self._insist(lambda: self._journal.command(self._run_id))
            if configuration is None:
                return
            self._group = ProcessGroup(
                (configuration.program, *configuration.arguments[1:]),
                configuration.folder,
                surroundings(configuration, self._run_id, str(self._journal.home), self._device),
                lambda: os.write(self._wake[1], b"."),
            )
        except (RunUnreadable, CannotStart):
            self._insist(lambda: self._journal.end(self._run_id, State.FAILED, error=f"can't be started: {error}"))
            return
        except RunNotFound:
            return
        try:
            self._begin(configuration)
            self._attend()
        finally:
            if self._gone is None:
                self._group.send(signal.SIGKILL)
            self._group.release()
        self._end()

    # ── while it runs ──────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, configuration: CommandConfiguration) -> None:
        text = f"started: {configuration.line} (process {self._group.id} in {configuration.folder})"
        facts = {"host": platform.node(), "process": self._group.id}
        reason = {"cpu": "it sees no GPU", "gpu": "held for it", None: "what its runner holds"}[configuration.needs]
        device = "cpu" if configuration.needs == "cpu" else self._device
        self._attempt(lambda: self._journal.begin_command(self._run_id, device, reason, text, **facts))

    def _attend(self) -> None:
        with selectors.DefaultSelector() as selector:
            for name, pipe in zip(("stdout", "stderr"), self._group.outputs, strict=True):
                selector.register(pipe, selectors.EVENT_READ, name)
            selector.register(self._commands, selectors.EVENT_READ, "commands")
            selector.register(self._wake[0], selectors.EVENT_READ, "wake")
            while not self._is_over(selector):
                for key, _ in selector.select(TICK_SECONDS):
                    self._hear(selector, key)
                self._write()
                self._look()
                self._press()

    def _hear(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        said = os.read(key.fd, 2**16)
        match key.data:
            case "commands":
                if not said:
                    selector.unregister(key.fileobj)
                    self._leave(Why.ORPHANED)
                elif b"s" in said:
                    self._leave(Why.LEFT)
                elif b"h" in said:
                    self._halt()
            case "wake":
                pass
            case _ if said:
                self._output.feed(key.data, said)
            case _:
                selector.unregister(key.fileobj)
                self._output.close(key.data)

    def _halt(self) -> None:
        """The runner is suspended: so is all this, until it is continued."""
        self._group.send(signal.SIGSTOP)
        held, self._held = self._held, self._held or ""
        if held is None:
            self._spent += self._clock() - self._since
        os.kill(os.getpid(), signal.SIGSTOP)
        self._held = held
        self._since = self._clock()
        if held is None:
            self._group.send(signal.SIGCONT)

    def _is_over(self, selector: selectors.BaseSelector) -> bool:
        now = self._clock()
        if self._status is None:
            if not self._group.has_ended:
                return False
            self._status, self._ended = self._group.collect(), now
        if self._gone is None:
            if not self._group.is_gone:
                return False
            self._gone = now
        heard = {key.data for key in selector.get_map().values()}
        return not heard & {"stdout", "stderr"} or now - self._gone >= DRAIN_SECONDS

    # ── obeying ────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Learn what is wanted of it, and obey."""
        now = self._clock()
        if now - self._seen >= CLOCK_SECONDS:
            self._seen = now
            touch(self._lock.path, time.time())
            self._keep_lock()
        if self._asked_to_end():
            self._leave(Why.LEFT)
        self._attempt(self._read_wishes)
        match self._wanted:
            case Wanted.STOP:
                self._leave(Why.STOPPED)
            case Wanted.DISCARD:
                self._leave(Why.DISCARDED)
            case _ if self._why is None and self._status is None:
                self._pause_or_go_on()

    def _keep_lock(self) -> None:
        try:
            self._lock.keep()
        except LockHeld:
            self._leave(Why.TAKEN)
        except OSError as error:
            if trouble_kind(error) is None:
                raise  # else the home is gone for now

    def _read_wishes(self) -> None:
        journal, generation = self._journal, self._journal.generation
        if not journal.changed():
            return
        if journal.generation != generation:
            # Another store stands in the place of the one that knew the run.
            journal.adopt(self._run_id)
        self._wanted = journal.wanted(self._run_id)
        if not self._logs_itself and self._wanted is not Wanted.DISCARD:
            details = journal.details(self._run_id)
            self._logs_itself = bool(details.get("logs_itself"))
            if self._logs_itself:
                self._waits_itself = bool(details.get("waits_itself"))
                self._output.ignore_figures()

    def _pause_or_go_on(self) -> None:
        held = self._reason_to_wait()
        if held == self._held:
            return
        journal, run_id = self._journal, self._run_id
        if self._held is None:
            self._group.send(signal.SIGSTOP)
            self._spent += self._clock() - self._since
        before, self._held = self._held, held
        if held is None:
            self._since = self._clock()
            self._group.send(signal.SIGCONT)
            text = "goes on"
            self._attempt(lambda: journal.go_on(run_id, State.RUNNING, text))
        elif held:
            self._attempt(lambda: journal.hold(run_id, held))
        else:
            text = "paused: its processes are halted" if before is None else "paused by a person too"
            self._attempt(lambda: journal.confirm(run_id, State.PAUSED, text, error=None))

    def _reason_to_wait(self) -> str | None:
        """Why its processes are to be halted: empty if a person wants it so, else the settings' reason; None: go on."""
        if self._wanted is Wanted.PAUSE:
            # One that logs by itself waits by itself, where it likes.
            return None if self._held is None and self._waits_itself and self._listens else ""
        closed = self._may_train()
        if self._wanted is not Wanted.ANYWAY:
            return closed
        if closed is None:
            self._attempt(lambda: self._journal.allow(self._run_id))
            self._wanted = Wanted.RUN
        return None

    @property
    def _listens(self) -> bool:
        """Whether its program logs to the run now, and so knows what is wanted of it."""
        return is_held(self._journal.run_folder(self._run_id) / LOGGING_LOCK)

    # ── ending it ──────────────────────────────────────────────────────────────────────────────────────────

    def _leave(self, why: Why) -> None:
        """End it before its end."""
        if self._why is not None and self._why.value >= why.value:
            return
        self._why = why
        if self._stage is Stage.NOT and self._status is None:
            if why is Why.STOPPED and self._held is None and self._listens:
                # It is told by `run.should_stop`, and may save what it has.
                self._stage, self._deadline = Stage.ASKED, self._clock() + self._grace
            else:
                self._terminate()

    @property
    def _grace(self) -> float:
        """How long it may take to end by itself; a runner that ends doesn't wait for ever."""
        grace = self._settings().stop_grace_seconds
        return grace if self._why is Why.STOPPED else min(grace, LEAVE_SECONDS)

    def _terminate(self) -> None:
        self._stage, self._deadline = Stage.TERMINATED, self._clock() + self._grace
        self._group.send(signal.SIGTERM)
        # One that is halted learns of it as it goes on.
        self._group.send(signal.SIGCONT)

    def _press(self) -> None:
        """Go on with ending it, when it had its time."""
        if self._gone is not None:
            return
        now = self._clock()
        if self._status is not None and self._stage in (Stage.NOT, Stage.ASKED):
            if now - self._ended >= LINGER_SECONDS:
                self._terminate()
        elif self._stage is Stage.ASKED and now >= self._deadline:
            self._terminate()
        elif self._stage is Stage.TERMINATED and now >= self._deadline:
            self._stage, self._deadline = Stage.KILLED, now + DRAIN_SECONDS
            self._group.send(signal.SIGKILL)
        elif self._stage is Stage.KILLED and now >= self._deadline and self._status is not None:
            self._gone = now  # no more can be done about a process that the kernel holds

    def _end(self) -> None:
        """Write down how it ended."""
        for stream in ("stdout", "stderr"):
            self._output.close(stream)
        status, journal, run_id = self._status or 0, self._journal, self._run_id
        if self._why is Why.TAKEN:
            return
        if self._wanted is Wanted.DISCARD:
            self._insist(lambda: journal.forget(run_id))
            return
        state, told = self._judge(status)
        columns = {} if self._logs_itself else {"seconds": self._seconds}

        def end() -> None:
            if not self._write(now=True):
                raise StoreTrouble("what it printed last is yet to be written", "busy")
            summary = {metric.name: metric.last for metric in journal.metrics(run_id)}
            own = {} if self._logs_itself else {"summary": summary}
            journal.set_details(run_id, {"exit_status": status, **own})
            error, outcome = (told, None) if state is State.FAILED else (None, told)
            journal.end(run_id, state, error=error, outcome=outcome, **columns)

        self._insist(end)

    def _judge(self, status: int) -> tuple[State, str]:
        """The state it ends in, and what there is to say of it."""
        how = describe_end(status)
        killed = f": it didn't end in {self._grace:g} s" if status == -signal.SIGKILL else ""
        match self._why:
            case Why.STOPPED:
                return State.STOPPED, f"stopped by a person ({how}{killed})"
            case Why.LEFT:
                return State.STOPPED, ENDED_WITH_RUNNER
            case Why.ORPHANED:
                return State.INTERRUPTED, "the process that ran it ended, and the command with it"
            case _ if status == 0:
                return State.FINISHED, how
            case _:
                last = self._output.last_error
                return State.FAILED, f"{how}: {last}" if last else how

    # ── the store ──────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, *, now: bool = False) -> bool:
        """Write what was printed and read since; False where that can't be done for now."""
        at, output = self._clock(), self._output
        if not now and at - self._written < WRITE_SECONDS:
            return True
        output.look()
        lines, series = output.take_lines(), output.take_series()
        if not (lines or series or now) and at - self._written < CLOCK_SECONDS:
            return True
        done = self._attempt(lambda: self._journal.write_output(self._run_id, lines, series, self._columns()))
        if not done:
            output.give_back(lines, series)
            return False
        self._written = at
        if (names := output.names) != self._noted:
            self._noted = names
            self._attempt(lambda: self._journal.set_details(self._run_id, {"from_output": names}))
        return True

    def _columns(self) -> Mapping[str, object]:
        """Of the run's line, as far as the program doesn't write it itself."""
        if self._logs_itself:
            return {}
        standing, seconds = self._output.standing, self._seconds
        if standing is None:
            return {"seconds": seconds}
        progress = Progress(
            phase=standing.phase or "running",
            done=standing.done,
            total=standing.total,
            step=standing.step,
            seconds=seconds,
        )
        return {
            "seconds": seconds,
            "step": standing.step,
            "num_steps": standing.num_steps,
            "progress": json.dumps(asdict(progress)),
        }

    def _attempt(self, act: Callable[[], object]) -> bool:
        """Do it if the store can be used now; whether it was done. The command goes on all the same."""
        now = self._clock()
        if now - self._troubled < RETRY_SECONDS:
            return False
        try:
            act()
        except RunNotFound:
            self._wanted = Wanted.DISCARD
            return True
        except StoreDamaged:
            try:
                self._journal.reopen()
                self._journal.adopt(self._run_id)
            except (StoreError, OSError):
                self._troubled = now
            return False
        except (StoreError, OSError) as error:
            if isinstance(error, OSError) and trouble_kind(error) is None:
                raise
            self._troubled = now
            return False
        return True

    def _insist(self, act: Callable[[], T]) -> T | None:
        """Do it, again and again where the store can't be used, a few times; None if it can't be done."""
        found: list[T] = []
        for _ in range(LAST_TRIES):
            self._troubled = float("-inf")
            if self._attempt(lambda: found.append(act())):
                return found[0] if found else None
            time.sleep(RETRY_SECONDS)
        return None


def surroundings(
    configuration: CommandConfiguration,
    run_id: str,
    home: str,
    device: str,
    outer: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The environment that the command is started in."""
    found = dict(outer)
    # Lines come as they are printed, not when four thousand letters of them are there.
    found.setdefault("PYTHONUNBUFFERED", "1")
    if configuration.path is not None:
        found["PATH"] = configuration.path
    kind, _, number = device.partition(":")
    if configuration.needs == "cpu":
        found["CUDA_VISIBLE_DEVICES"] = ""
    elif kind == "cuda" and number.isdecimal():
        there = [each.strip() for each in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
        found["CUDA_VISIBLE_DEVICES"] = there[int(number)] if int(number) < len(there) else number
    found |= configuration.environment
    return found | {"LAZYTRAIN_HOME": home, "LAZYTRAIN_RUN": run_id}
