"""Signals to the commands that train without a screen: Ctrl-C and SIGTERM, Ctrl-Z, and a hang-up.

Handlers only note what came: whoever follows the runs acts between two looks at the store, where it keeps nobody from
that. A terminal that takes nothing (Ctrl-S, a slow line) blocks the one that writes to it; a thread acts in its place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol

from lazytrain.tui.plain.reporters import restore_terminal
from lazytrain.tui.terminal.job_control import has_shell
from lazytrain.tui.terminal.outlet import is_terminal, point_away

KEPT = 130
"""The exit status of what was stopped and kept; also what a shell shows for Ctrl-C."""
PATIENCE_AT_END = 1.5
"""How many seconds an end asked for by a signal waits for what isn't training."""
STUCK_SECONDS = 1.0
"""Who follows the runs looks ten times a second; after so long without a look, it hangs on its terminal."""
HALT_SECONDS = 1.0
"""How long a suspension waits for training to come between two steps."""
SLICE_SECONDS = 0.1
END, SUSPEND = b"e", b"t"


class RunnerLike(Protocol):
    """What is needed of `engine.queue.runner.Runner`."""

    @property
    def screenless(self) -> bool: ...
    @screenless.setter
    def screenless(self, screenless: bool) -> None: ...
    @property
    def status(self) -> Any: ...
    @property
    def must_finish(self) -> bool: ...
    def start(self) -> None: ...
    def nudge(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout: float | None = None) -> bool: ...
    def halt(self, seconds: float) -> bool: ...
    def go_on(self) -> None: ...


class Interrupts:
    """The first SIGINT or SIGTERM asks for a stop, the second ends the process at once; SIGTSTP suspends it.

    A hang-up only takes the terminal away: training goes on, unheard, unless its output goes somewhere else.
    """

    def __init__(self, end_at_once: Callable[[int], None] | None = None) -> None:
        self.received: signal.Signals | None = None
        self._end_at_once = end_at_once or _end_at_once
        self._suspension_asked = False
        self._suspending = threading.Lock()
        self._hung_up = False
        self._runner: RunnerLike | None = None
        self._leave_terminal: Callable[[], object] = restore_terminal
        self._looked = time.monotonic()
        # Never set: a handler that set it could find its lock taken by the very thread that it interrupts.
        self._idle = threading.Event()
        self._before: dict[signal.Signals, Any] = {}
        self._over = False
        self._wake_in, self._wake_out = os.pipe()
        self._watcher = threading.Thread(target=self._watch, name="lazytrain-signals", daemon=True)

    def __enter__(self) -> Interrupts:
        # Before the handlers: a hang-up may come at once.
        self._terminals = [descriptor for descriptor in (0, 1, 2) if is_terminal(descriptor)]
        self._watcher.start()
        self._handle(signal.SIGINT, self._receive)
        self._handle(signal.SIGTERM, self._receive)
        for name, handler in (("SIGTSTP", self._ask_to_suspend), ("SIGHUP", self._hang_up)):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._handle(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._over = True
        os.close(self._wake_out)

    @property
    def status(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM; 130 if there was none."""
        return KEPT if self.received is None else 128 + self.received

    def attend(self, runner: RunnerLike, leave_terminal: Callable[[], object]) -> None:
        """From now on `runner` trains; `leave_terminal` leaves the terminal as a shell wants it."""
        self._runner, self._leave_terminal = runner, leave_terminal
        runner.screenless = runner.screenless or self._hung_up

    def wait(self, seconds: float) -> None:
        """Wait for so long; a suspension that was asked for happens here."""
        self._looked = time.monotonic()
        if self._suspension_asked:
            self._leave_terminal()
            self._suspend()
        if self._hung_up and self._runner is not None:
            self._runner.screenless = True
        self._idle.wait(seconds)
        self._looked = time.monotonic()

    def join(self, runner: RunnerLike, tell: Callable[[str], object] = lambda _: None) -> None:
        """Wait for the runner's end; after a signal not for torch being loaded, which can take longer than a save.

        `tell` is told once of notices that take longer than a moment.
        """
        told = False
        deadline = time.monotonic() + PATIENCE_AT_END
        while not runner.join(SLICE_SECONDS):
            self.wait(0)
            waited = time.monotonic() >= deadline
            if self.received is not None and not runner.must_finish and waited:
                self._end_at_once(self.status)
                return
            if waited and not told and (status := runner.status).phase == "notifying":
                told = True
                tell(status.text)

    # ── handlers ───────────────────────────────────────────────────────────────────────────────────────────

    def _handle(self, number: signal.Signals, handler: Callable[[int, FrameType | None], object]) -> None:
        self._before[number] = signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            self._end_at_once(128 + number)
            return
        self.received = signal.Signals(number)
        os.write(self._wake_out, END)

    def _ask_to_suspend(self, _number: int, _frame: FrameType | None) -> None:
        if not self._suspension_asked:
            self._suspension_asked = True
            os.write(self._wake_out, SUSPEND)

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        point_away(self._terminals)
        self._hung_up = True

    # ── in place of one that hangs on its terminal ─────────────────────────────────────────────────────────

    def _stuck(self) -> bool:
        return time.monotonic() - self._looked > STUCK_SECONDS

    def _watch(self) -> None:
        while asked := os.read(self._wake_in, 1):
            if asked == END:
                self._see_to_the_end()
            else:
                self._see_to_the_suspension()
        os.close(self._wake_in)

    def _see_to_the_end(self) -> None:
        while not self._stuck():
            if self._over:
                return
            self._idle.wait(SLICE_SECONDS)
        if self._runner is not None:
            self._runner.stop()
            self._runner.join()
        if self._stuck() and not self._over:
            self._end_at_once(self.status)

    def _see_to_the_suspension(self) -> None:
        while self._suspension_asked and not self._over:
            self._idle.wait(SLICE_SECONDS)
            if self._stuck():
                self._suspend()

    def _suspend(self) -> None:
        """Stop this process, between two steps; returns when it is continued."""
        with self._suspending:
            if not self._suspension_asked:
                return
            if not has_shell():
                # Nobody could continue it.
                self._suspension_asked = False
                return
            runner = self._runner
            if runner is not None:
                runner.halt(HALT_SECONDS)
            try:
                os.kill(os.getpid(), signal.SIGSTOP)
            finally:
                self._looked = time.monotonic()
                self._suspension_asked = False
                if runner is not None:
                    runner.go_on()


def _end_at_once(status: int) -> None:
    # The cursor, unless the terminal takes nothing: that mustn't hold the end.
    with contextlib.suppress(RuntimeError):
        shown = threading.Thread(target=restore_terminal, daemon=True)
        shown.start()
        shown.join(0.2)
    os._exit(status)
