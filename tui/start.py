"""Start the screen, or say why there can't be one here; and decide what becomes of training when it ends."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TextIO

from lazytrain.tui.replaced.parts import left_out
from lazytrain.tui.state.environment import Places
from lazytrain.tui.terminal.diversion import Diversion, open_closed_descriptors
from lazytrain.tui.terminal.kept_output import KeptOutput
from lazytrain.tui.terminal.outlet import is_terminal, point_away
from lazytrain.tui.terminal.parent import Link, run_in_child

if TYPE_CHECKING:
    from lazytrain.engine.queue.runner import Runner
    from lazytrain.engine.records import Run
    from lazytrain.tui.app import LazytrainApp
    from lazytrain.tui.terminal.signals import Signals

REFUSED = 2
"""Exit status of what was refused before it started."""
HUNG_UP = 129
"""Exit status of a screen whose terminal went away while nothing was to be trained."""
PATIENCE_SECONDS = 1.5
"""How long an end that was asked for by a signal waits for what isn't training: torch being loaded, a slow terminal."""
SWITCH_SECONDS = 0.0005
"""How long a thread may keep Python's lock from another: a tenth of Python's own, since a key, and closing, take many
small turns of the screen's thread, and each waits for one that trains or imports torch."""
QUIT_SECONDS = 0.2
"""How long leaving waits for a runner that has nothing to save."""


def start_screen(places: Places, device: str = "auto") -> int:
    """Run the Textual app until it is left; returns the exit status.

    Where there is fork, what returns is one of two processes: the app's, or the one that waits for it.
    """
    problem = find_screen_problem(sys.stdin, sys.stderr, os.environ) or find_switch_problem(os.environ)
    if problem:
        sys.stderr.write(f"lazytrain: {problem}\n")
        return REFUSED
    open_closed_descriptors()
    if not hasattr(os, "fork"):
        return run_screen(places, device, None)
    kept = KeptOutput()
    return run_in_child(lambda link: run_screen(places, device, link, kept), kept)


def run_screen(places: Places, device: str, link: Link | None, kept: KeptOutput | None = None) -> int:
    """The app's process; `link` leads to the one that waits for it, if there is one.

    `kept` takes what is printed meanwhile, where the screen can be drawn in spite of that.
    """
    from lazytrain.tui.terminal.signals import Signals

    copies = [os.dup(descriptor) for descriptor in (0, 1, 2)]
    signals = Signals(alive=link.alive if link else None, terminals=filter(is_terminal, copies))
    if link is not None:
        link.ready()
    sys.setswitchinterval(SWITCH_SECONDS)
    # Nothing that is made for the first frame can be let go: looking for it takes a tenth of the time. The app enables
    # it after that frame.
    gc.disable()

    from lazytrain.engine.store.database import StoreError
    from lazytrain.tui.app import LazytrainApp, find_driver

    runner = LateRunner(places, device)
    try:
        app = LazytrainApp(places.home, places.data, device=device, make_runner=runner.get)
    except StoreError as error:
        sys.stderr.write(f"lazytrain: {error}\n")
        return REFUSED
    with contextlib.ExitStack() as stack:
        if kept is not None and find_driver() is not None:
            app.divert(stack.enter_context(_divert(places, runner, copies, kept)))
        session = Session(app, runner, signals)
        signals.tell(hang_up=session.hang_up, signal=session.end)
        result = app.run()
        gc.enable()
        return session.conclude(places, device, link, result if result is not None else app.return_code or 0)


@contextlib.contextmanager
def _divert(places: Places, runner: LateRunner, copies: Sequence[int], kept: KeptOutput) -> Iterator[Diversion]:
    """What is printed meanwhile goes to the log of the run at work, or lazytrain's own."""
    from lazytrain.engine.queue.printed import PrintedLog
    from lazytrain.tui.leave import log_path, write_log

    printed = PrintedLog(places.home, runner.at_work, partial(write_log, places.home))
    diversion = Diversion(copies, kept, printed.take)
    try:
        yield diversion
    finally:
        diversion.end(log_path(places.home))
        printed.close()


class LateRunner:
    """The session's runner, made when it is first asked for: its modules come after the first frame."""

    def __init__(self, places: Places, device: str) -> None:
        self._places, self._device = places, device
        self._lock = threading.Lock()
        self._runner: Runner | None = None

    def at_work(self) -> str | None:
        """The id of the run that is trained here now."""
        return self._runner.at_work if self._runner is not None else None

    def get(self) -> Runner:
        """The runner; one and the same for every thread."""
        with self._lock:
            if self._runner is None:
                from lazytrain.engine.queue.runner import Runner

                self._runner = Runner(self._places.home, self._places.data, device=self._device)
            return self._runner


class Session:
    """A screen with its runner, and how the one ends without the other."""

    def __init__(self, app: LazytrainApp, runner: LateRunner, signals: Signals) -> None:
        self.app, self.signals = app, signals
        self._runner = runner
        self._status: int | None = None

    @property
    def runner(self) -> Runner:
        """What trains in this process."""
        return self._runner.get()

    # ── called in the thread that notices ──────────────────────────────────────────────────────────────────

    def hang_up(self) -> None:
        """The terminal is gone: the app ends, training doesn't."""
        if self.app.diversion is None:
            from lazytrain.tui.leave import log_path

            point_away(log=log_path(self.app.home))
        self.app.exit(HUNG_UP)

    def end(self, number: int) -> None:
        """SIGTERM or SIGINT: save what is trained and give the terminal back; at once when asked again."""
        if self._status is not None:
            os._exit(self._status)
        self._status = 128 + number
        self.runner.stop()
        self.app.exit(self._status)
        timer = threading.Timer(PATIENCE_SECONDS, self._end_at_last, [self._status])
        timer.daemon = True
        timer.start()

    def _end_at_last(self, status: int) -> None:
        """A terminal that takes nothing, or torch half loaded, doesn't hold the process; saving and notices do."""
        while self.runner.must_finish and not self.runner.join(PATIENCE_SECONDS):
            pass
        # The parent restores the terminal.
        os._exit(status)

    # ── after the screen ───────────────────────────────────────────────────────────────────────────────────

    def conclude(self, places: Places, device: str, link: Link | None, status: int) -> int:
        """End, or go on without a screen; returns the exit status."""
        from lazytrain.tui.leave import Ties, describe_leaving, detach, go_on_alone, hand_over, write_log

        runs = self._work_that_goes_on(places)
        if not runs:
            self.runner.stop()
            # Torch, half loaded, is nothing to wait for: a runner that was told to stop claims no run after it.
            patience = 0 if self.runner.loads_torch else QUIT_SECONDS
            if not self.runner.join(patience):
                if not self.runner.must_finish:
                    _flush()
                    os._exit(status if self._status is None else self._status)
                if link is not None and self.runner.status.phase != "training":
                    # Nobody waits for a prompt because a server is slow.
                    ties = Ties(link, self.signals, self.app.diversion)
                    detach(places, ties, status if self._status is None else self._status)
                    write_log(places.home, "the screen was left; notices are still being sent")
            self.runner.join()
        elif link is None:
            hand_over(self.runner, places, device, runs)
        else:
            write_log(places.home, "the terminal is gone" if self.signals.hung_up else "the screen was left")
            if not self.app.runner_started:
                self.runner.start()
            ties = Ties(link, self.signals, self.app.diversion)
            go_on_alone(self.runner, places, ties, status=status, text=describe_leaving(runs))
        return status if self._status is None else self._status

    def _work_that_goes_on(self, places: Places) -> list[Run]:
        from lazytrain.engine.store.store import Store, StoreError
        from lazytrain.tui.leave import work_here

        # Without a person's choice the terminal was lost, or the screen failed: neither is the runs' fault.
        if self._status is not None or self.app.departure.chosen in ("stop", "quit"):
            return []
        try:
            with Store(places.home) as store:
                runs = store.runs()
        except StoreError:
            runs = self.app.runs
        # A screen that trained nothing ends with its terminal: who holds the device takes the queue, or the next start.
        return work_here(self.runner, runs, waits_too=self.runner.has_trained)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.flush()


def find_switch_problem(environment: Mapping[str, str]) -> str | None:
    """What is wrong with the switches in the environment, in one sentence."""
    try:
        left_out(environment)
    except ValueError as error:
        return str(error)
    return None


def find_screen_problem(stdin: TextIO | None, stderr: TextIO | None, environment: Mapping[str, str]) -> str | None:
    """Why no screen can be shown, in one sentence; None if it can. Textual reads stdin and draws on stderr."""
    instead = (
        "`lazytrain train ARCHITECTURE` trains without one, `lazytrain work` trains what is queued, "
        "and `lazytrain --help` lists the rest"
    )
    for stream, name in ((stdin, "standard input"), (stderr, "standard error")):
        if stream is None or not stream.isatty():
            return f"the screen needs a terminal, and {name} is none: {instead}"
    # Textual writes with standard error's encoding, and frames are no ASCII.
    encoding = (getattr(stderr, "encoding", None) or "utf-8").lower()
    if not encoding.replace("-", "").startswith("utf"):
        return (
            f"the screen needs UTF-8, and this terminal is written to in {encoding}: "
            "start it with `LC_ALL=C.UTF-8 lazytrain` (or PYTHONUTF8=1)"
        )
    if environment.get("TERM", "") == "dumb":
        return f"the screen needs a terminal that can be drawn on, and TERM is 'dumb': {instead}"
    return None
