"""The thread that writes down what a script logs, and hears what is wanted of its run."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.store.archive import SeriesHistory
from lazytrain.engine.store.database import StoreDamaged, StoreError
from lazytrain.engine.store.locks import touch
from lazytrain.engine.store.printed import MOST_LINES, Line
from lazytrain.engine.store.reading import RunNotFound
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.engine.store.trouble import reason, trouble_kind
from lazytrain.engine.tracking.printed import Printed

WRITE_SECONDS = 0.2
"""How often it writes what was logged meanwhile: what is lost at most when a process ends without a word."""
PRINTED_SECONDS = 1.0
"""How often it writes what was printed."""
SAVE_SECONDS = 30.0
"""How often it keeps the series in the run's folder."""
RETRY_SECONDS = 2.0
SEEN_SECONDS = 2.0
MOST_KEPT = 1_000_000
"""Values kept in memory while they can't be written: 100 MB."""

Logged = tuple[int, float, tuple[tuple[str, float], ...]]
"""(step, seconds since the run's start, values)."""


class Wishes:
    """What somebody wants of the run, as the writer last read it; read by the program's own thread."""

    def __init__(self) -> None:
        self.held = False
        """Pause, stop or discard: the program's thread has something to do."""
        self.wanted = Wanted.RUN
        self.changed = threading.Condition()
        self.waiting = False
        """The program's thread waits, for as long as the run is paused."""

    def tell(self, wanted: Wanted) -> None:
        """Let the program's thread know."""
        with self.changed:
            self.wanted = wanted
            self.held = wanted not in (Wanted.RUN, Wanted.ANYWAY)
            self.changed.notify_all()


class Writer:
    """Writes what is in `logged` into the store, in a thread of its own with a connection of its own.

    Nothing raises into the program: what can't be written is told once, kept, and tried again.
    """

    def __init__(
        self,
        home: Path,
        run_id: str,
        logged: deque[Logged],
        wishes: Wishes,
        say: Callable[[str], None],
        printed: Printed | None = None,
    ):
        self._printed = printed
        self._lines: list[Line] = []
        """Printed, and not written yet."""
        self._next_lines = 0.0
        self._history = SeriesHistory(home / "runs" / run_id)
        self._next_save = time.monotonic() + SAVE_SECONDS
        self._home, self._run_id, self._logged, self._wishes, self._warn = home, run_id, logged, wishes, say
        self._at_rest = threading.Lock()
        """Held while it is at the store."""
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._lock_path = home / "runs" / run_id / "lock"
        self._acts: deque[Callable[[ScriptJournal], object]] = deque()
        """What else is to be written, in order."""
        self._progress: dict[str, Any] | None = None
        self._pending: dict[str, list[Sample]] = {}
        self._num_pending = 0
        self._last = 0, 0.0
        """The highest step so far, and when it was logged last."""
        self._refused: set[str] = set()
        self._troubled = False
        self._shown: State | None = State.RUNNING
        """The state that the store was told last; None after it was opened anew."""
        self._seen = 0.0
        self._thread = threading.Thread(target=self._work, name="lazytrain-writer", daemon=True)
        self._thread.start()

    # ── for the program's thread ───────────────────────────────────────────────────────────────────────────

    def do(self, act: Callable[[ScriptJournal], object]) -> None:
        """Have it done with the journal, after what was logged before. Returns at once."""
        self._acts.append(act)
        self._asked.set()

    def show_progress(self, **columns: Any) -> None:
        """Say where the training stands: columns of the run's line."""
        self._progress = columns

    def hold(self, seconds: float) -> bool:
        """Have it at rest until `go_on`: a process that is forked off while it is within SQLite finds that locked for
        ever. Whether it came to rest in `seconds`."""
        return self._at_rest.acquire(timeout=seconds)

    def go_on(self) -> None:
        """After `hold`."""
        self._at_rest.release()

    def end(self, seconds: float) -> bool:
        """Write what is left, and end; whether that was done in `seconds`."""
        self._ended.set()
        self._asked.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # ── its own ────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while True:
            try:
                with self._at_rest:
                    journal = ScriptJournal(self._home, make=False)
                with contextlib.closing(journal):
                    self._serve(journal)
                return
            except (StoreError, OSError) as trouble:
                self._trouble(trouble)
                if self._rest():
                    return
            except RunNotFound:
                if not self._taken_up():
                    # Discarded: nothing of it is kept any more.
                    self._wishes.tell(Wanted.DISCARD)
                    return
            self._shown = None

    def _taken_up(self) -> bool:
        """Whether the run is known again: another store stands in the place of the one that knew it, and its folder
        tells it."""
        try:
            with ScriptJournal(self._home, make=False) as journal:
                return journal.adopt(self._run_id)
        except (StoreError, OSError):
            return True  # asked again, with the next try

    def _rest(self) -> bool:
        """Wait before the next try; whether it is to be the last."""
        self._asked.clear()
        if self._ended.is_set():
            return True
        self._ended.wait(RETRY_SECONDS)
        return False

    def _trouble(self, trouble: BaseException) -> None:
        if not self._troubled:
            self._troubled = True
            why = reason(trouble) if trouble_kind(trouble) is not None else str(trouble)
            self._warn(f"{why}: what is logged is kept in memory, and written when that is over")

    def _serve(self, journal: ScriptJournal) -> None:
        """Write and listen until the end. Raises what the store raises; what was not written stays."""
        while True:
            self._asked.wait(WRITE_SECONDS)
            self._asked.clear()
            last = self._ended.is_set()
            with self._at_rest:
                if journal.replaced():
                    raise StoreDamaged("another file stands in the run store's place", "damaged")
                self._write(journal)
                self._write_lines(journal, last=last)
                self._save(journal)
                while self._acts:
                    self._write(journal)  # it may have come since, and both be waiting
                    self._acts[0](journal)
                    self._acts.popleft()
                if self._troubled:
                    self._troubled = False
                    self._warn("what was logged is written again")
                self._listen(journal)
            if last and not self._acts:
                return

    def _write(self, journal: ScriptJournal) -> None:
        while self._logged and self._num_pending < MOST_KEPT:
            step, seconds, values = self._logged.popleft()
            self._last = max(self._last[0], step), seconds
            for name, value in values:
                if name not in self._refused:
                    self._pending.setdefault(name, []).append(Sample(step, seconds, value))
                    self._num_pending += 1
        progress, self._progress = self._progress, None
        if progress is None and self._pending:
            progress = {"step": self._last[0], "seconds": self._last[1]}
        if not self._pending and progress is None:
            return
        try:
            refused = journal.write_series(self._run_id, self._pending, progress or {})
        except BaseException:
            self._progress = self._progress or progress
            raise
        self._pending, self._num_pending = {}, 0
        if refused.keys() - self._refused:
            if not self._refused:
                self._warn(str(next(iter(refused.values()))))
            self._refused.update(refused)

    def _save(self, journal: ScriptJournal) -> None:
        """Now and then, in the run's folder too: a store that is lost meanwhile is rebuilt from there."""
        now = time.monotonic()
        if now < self._next_save:
            return
        self._next_save = now + SAVE_SECONDS
        with contextlib.suppress(OSError):  # the store has it; the next time may find room for a second copy
            self._history.save(journal, self._run_id)

    def _write_lines(self, journal: ScriptJournal, *, last: bool) -> None:
        now = time.monotonic()
        if self._printed is None or not (last or now >= self._next_lines):
            return
        self._next_lines = now + PRINTED_SECONDS
        self._lines = (self._lines + self._printed.take(last=last))[-MOST_LINES:]
        if self._lines:
            journal.write_printed(self._run_id, self._lines)
            self._lines = []

    def _listen(self, journal: ScriptJournal) -> None:
        now = time.time()
        if now - self._seen >= SEEN_SECONDS:
            touch(self._lock_path, now)
            self._seen = now
        wanted = journal.wanted(self._run_id)
        if wanted is not self._wishes.wanted:
            self._wishes.tell(wanted)
        shown = State.PAUSED if wanted is Wanted.PAUSE and self._wishes.waiting else State.RUNNING
        if shown is not self._shown and not self._ended.is_set():
            journal.confirm(self._run_id, shown, "paused" if shown is State.PAUSED else "goes on")
            self._shown = shown


def warn(text: str) -> None:
    """Tell the person at the program, without stopping it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"lazytrain: {text}\n")


__all__ = ["MOST_KEPT", "Logged", "Wishes", "Writer", "warn"]
