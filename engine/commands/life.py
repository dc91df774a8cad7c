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

from lazytrain.engine.commands.ending import Ending, Why
from lazytrain.engine.commands.group import CannotStart, Group, ProcessGroup
from lazytrain.engine.commands.ledger import Ledger
from lazytrain.engine.commands.output import Output
from lazytrain.engine.commands.surroundings import surroundings
from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.events import Progress
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.settings.availability import Availability
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.locks import LOGGING_LOCK, FileLock, LockHeld, is_held, touch
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.engine.store.trouble import StoreTrouble, trouble_kind

TICK_SECONDS = 0.05
WRITE_SECONDS = 0.2
"""How often what was printed is written."""
CLOCK_SECONDS = 2.0
"""How often the run is seen to live, and its time is written."""
DRAIN_SECONDS = 0.5
"""A process outside of the group may hold the command's output open: it isn't waited for."""


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
        self._ledger = Ledger(journal, run.id, clock)
        self._settings = LiveSettings(journal.home)
        self._may_train = may_train or Availability(self._settings)
        self._output = Output(journal.clock, lambda: self._seconds)
        self._wanted = Wanted.RUN
        self._held: str | None = None
        """Why it is paused by us; empty: a person wants it so."""
        self._logs_itself = self._waits_itself = False
        self._noted: list[str] = []
        self._spent, self._since = 0.0, clock()
        self._written = self._seen = float("-inf")
        self._status: int | None = None
        """Of its first process, once that has ended."""
        self._ended: float | None = None
        self._gone: float | None = None
        """When nothing of it was left."""
        self._wake = os.pipe()

    @property
    def _seconds(self) -> float:
        """Time that it ran, pauses excluded."""
        return self._spent + (self._clock() - self._since if self._held is None else 0.0)

    def live(self) -> None:
        """Start it and stay with it to its end."""
        journal, run_id = self._journal, self._run_id
        try:
            configuration = self._ledger.insist(self._prepare)
            if configuration is None:
                return
            self._group = self._start(configuration)
        except (RunUnreadable, CannotStart) as error:
            reason = f"can't be started: {error}"
            self._ledger.insist(lambda: journal.end(run_id, State.FAILED, error=reason))
            return
        self._ending = Ending(self._group, lambda: self._settings().stop_grace_seconds, self._clock)
        self._since = self._clock()
        try:
            text = f"started: {configuration.line} (process {self._group.id} in {configuration.folder})"
            self._ledger.attempt(lambda: journal.command_started(run_id, text, self._group.id, self._host))
            self._attend()
        finally:
            if self._gone is None:
                self._group.send(signal.SIGKILL)
            self._group.release()
        self._end()

    def _start(self, configuration: CommandConfiguration) -> Group:
        """Raises CannotStart."""
        return ProcessGroup(
            (configuration.program, *configuration.arguments[1:]),
            configuration.folder,
            surroundings(configuration, self._run_id, str(self._journal.home), self._device),
            self._tell_of_end,
        )

    def _tell_of_end(self) -> None:
        """From another thread: its first process has ended."""
        os.write(self._wake[1], b".")

    @property
    def _host(self) -> str:
        """Where its processes are."""
        return platform.node()

    # ── while it runs ──────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> CommandConfiguration:
        configuration = self._journal.command(self._run_id)
        reason = {"cpu": "it sees no GPU", "gpu": "held for it", None: "what its runner holds"}[configuration.needs]
        device = "cpu" if configuration.needs == "cpu" else self._device
        self._journal.prepare_command(self._run_id, device, reason)
        return configuration

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
                if self._gone is None and self._ending.press(self._ended):
                    self._gone = self._clock()

    def _hear(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        said = os.read(key.fd, 2**16)
        match key.data:
            case "commands":
                if not said:
                    selector.unregister(key.fileobj)
                    self._ending.begin(Why.ORPHANED)
                elif b"s" in said:
                    self._ending.begin(Why.LEFT)
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
            self._ending.begin(Why.LEFT)
        self._ledger.attempt(self._read_wishes)
        match Wanted.DISCARD if self._ledger.is_gone else self._wanted:
            case Wanted.STOP:
                # Its program is told by `run.should_stop`, and may save what it has.
                by_itself = self._held is None and self._listens
                self._ending.begin(Why.STOPPED, by_itself=by_itself)
            case Wanted.DISCARD:
                self._ending.begin(Why.DISCARDED)
            case _ if self._ending.why is None and self._status is None:
                self._pause_or_go_on()

    def _keep_lock(self) -> None:
        try:
            self._lock.keep()
        except LockHeld:
            self._ending.begin(Why.TAKEN)
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
            details = journal.told(self._run_id)
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
            self._ledger.attempt(lambda: journal.go_on(run_id, State.RUNNING, text))
        elif held:
            self._ledger.attempt(lambda: journal.hold(run_id, held))
        else:
            text = "paused: its processes are halted" if before is None else "paused by a person too"
            self._ledger.attempt(lambda: journal.confirm(run_id, State.PAUSED, text, error=None))

    def _reason_to_wait(self) -> str | None:
        """Why its processes are to be halted: empty if a person wants it so, else the settings' reason; None: go on."""
        if self._wanted is Wanted.PAUSE:
            # One that logs by itself waits by itself, where it likes.
            return None if self._held is None and self._waits_itself and self._listens else ""
        closed = self._may_train()
        if self._wanted is not Wanted.ANYWAY:
            return closed
        if closed is None:
            self._ledger.attempt(lambda: self._journal.allow(self._run_id))
            self._wanted = Wanted.RUN
        return None

    @property
    def _listens(self) -> bool:
        """Whether its program logs to the run now, and so knows what is wanted of it."""
        return is_held(self._journal.run_folder(self._run_id) / LOGGING_LOCK)

    # ── its end ────────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> None:
        """Write down how it ended."""
        for stream in ("stdout", "stderr"):
            self._output.close(stream)
        status, journal, run_id = self._status or 0, self._journal, self._run_id
        if self._ending.why is Why.TAKEN:
            return
        if self._wanted is Wanted.DISCARD or self._ledger.is_gone:
            self._ledger.insist(lambda: journal.forget(run_id))
            return
        state, told = self._ending.judge(status, self._output.last_error)
        columns = {} if self._logs_itself else {"seconds": self._seconds}

        def end() -> None:
            if not self._write(now=True):
                raise StoreTrouble("what it printed last is yet to be written", "busy")
            summary = {metric.name: metric.last for metric in journal.metrics(run_id)}
            own = {} if self._logs_itself else {"summary": summary}
            journal.set_details(run_id, {"exit_status": status, **own})
            error, outcome = (told, None) if state is State.FAILED else (None, told)
            journal.end(run_id, state, error=error, outcome=outcome, **columns)

        self._ledger.insist(end)

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
        done = self._ledger.attempt(lambda: self._journal.write_output(self._run_id, lines, series, self._columns()))
        if not done:
            output.give_back(lines, series)
            return False
        self._written = at
        if (names := output.names) != self._noted:
            self._noted = names
            self._ledger.attempt(lambda: self._journal.set_details(self._run_id, {"from_output": names}))
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
