"""The screen of `lazytrain watch`: Monitor and Compare over logs that other programs write.

Its store is one of its own in the home's cache, which a process beside the screen fills from the logs; or, where they
are to be kept, the user's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytrain.engine.child_process import python_command
from lazytrain.engine.places import logs_folder, store_file
from lazytrain.engine.store.database import StoreError
from lazytrain.engine.store.locks import is_held
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.leave import log_path
from lazytrain.tui.start import HUNG_UP, REFUSED, find_screen_problem, find_switch_problem
from lazytrain.tui.state.environment import Places
from lazytrain.tui.state.last_session import recall
from lazytrain.tui.terminal.outlet import is_terminal, point_away
from lazytrain.tui.terminal.signals import Signals

if TYPE_CHECKING:
    from lazytrain.engine.queue.runner import Runner

FOLLOWER = "lazytrain.engine.logs.process"
END_SECONDS = 10.0
"""How long the following process may take to write down how things stand."""
KEPT_SECONDS = 30 * 24 * 3600.0
"""What was read of logs that nobody looked at for so long is deleted: it can be read again."""
TOLD_SECONDS = 20.0


class LogsApp(LazytrainApp):
    """Monitor and Compare; it trains nothing.

    Args:
        home: of its store.
        user_home: whose theme it takes.
        folders: what is shown.
    """

    FIRST_MODE: ClassVar[str] = "monitor"
    no_runs = "no logs yet: what comes is shown here"

    def __init__(self, home: Path, data: Path, user_home: Path, folders: Sequence[Path]) -> None:
        super().__init__(home, data)
        self._about = f"logs of {', '.join(str(folder) for folder in folders)}"
        theme = recall(user_home / "screen.json").theme
        if self._remembered.theme is None and theme in self.available_themes:
            self.theme = theme
        self._told: list[str] = []

    async def action_mode(self, mode: str) -> None:
        if mode == "launch":
            self.notify("this screen shows logs alone: `lazytrain` opens the one that trains", markup=False)
            return
        await super().action_mode(mode)

    async def _be_prepared(self, runner: Runner | None) -> None:
        del runner
        self._make_runner = None
        self._show_headline()

    def _show_headline(self) -> None:
        self.headline = harmless(self._about)

    def remember(self) -> None:
        """Launch, which is never shown, has no choice to keep."""
        self._keep_choice(replace(self._remembered, theme=self.theme, marked=self.marks.places))

    def tell(self, text: str) -> None:
        """Say what the following process says, from any thread; once each."""
        if text not in self._told:
            self._told.append(text)
            self.call_from_thread(self.notify, text, severity="warning", timeout=TOLD_SECONDS, markup=False)


def show_logs(places: Places, folders: Sequence[Path], *, keep: bool) -> int:
    """Show the logs below `folders` until the screen is left; returns the exit status.

    Args:
        keep: in the user's store; else in one of the cache's.
    """
    problem = find_screen_problem(sys.stdin, sys.stderr, os.environ) or find_switch_problem(os.environ)
    if problem:
        sys.stderr.write(f"lazytrain: {problem}\n")
        return REFUSED
    home = places.home if keep else make_room(places.home, folders)
    signals = Signals(terminals=[descriptor for descriptor in (0, 1, 2) if is_terminal(descriptor)])
    try:
        app = LogsApp(home, places.data, places.home, folders)
    except StoreError as error:
        sys.stderr.write(f"lazytrain: {error}\n")
        return REFUSED

    def hang_up() -> None:
        point_away(log=log_path(home))
        app.exit(HUNG_UP)

    with following(home, folders, mirror=not keep) as process:
        threading.Thread(target=_listen, args=(process, app), name="lazytrain-logs", daemon=True).start()
        signals.tell(hang_up=hang_up, signal=lambda number: app.exit(128 + number))
        result = app.run()
    return result if result is not None else app.return_code or 0


@contextlib.contextmanager
def following(home: Path, folders: Sequence[Path], *, mirror: bool) -> Iterator[subprocess.Popen[str]]:
    """A process that follows the logs below `folders` for as long as this lasts, or this process lives."""
    command = python_command(FOLLOWER, str(home), "mirror" if mirror else "keep", *(str(each) for each in folders))
    with log_path(home).open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace"
        )
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def make_room(home: Path, folders: Sequence[Path]) -> Path:
    """The home of the store for the logs below `folders`: always the same for the same ones. Old ones go."""
    names = sorted(str(folder) for folder in folders)
    room = logs_folder(home) / hashlib.sha1("\0".join(names).encode(errors="surrogateescape")).hexdigest()[:12]
    for other in logs_folder(home).glob("*"):
        with contextlib.suppress(OSError):
            old = time.time() - store_file(other).stat().st_mtime > KEPT_SECONDS
            if other != room and old and not is_held(other / "locks" / "logs.lock"):
                shutil.rmtree(other)
    room.mkdir(parents=True, exist_ok=True)
    return room


def _listen(process: subprocess.Popen[str], app: LogsApp) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        # The screen may end at any moment.
        with contextlib.suppress(RuntimeError):
            app.tell(harmless(line.strip()))
