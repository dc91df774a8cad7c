"""The command's first process: waits in the shell's place while its child is the app, so that the app can leave it.

The child is forked before anything heavy is imported. The parent passes signals on, stops when the child is stopped
and ends as the child ends, or when the child says that it goes on without a terminal.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

from lazytrain.tui.terminal.kept_output import KeptOutput

RESET = (
    "\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?2048l\x1b[?7h"
    "\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Takes back what a screen asked of its terminal: keyboard and mouse reports, the other buffer, the hidden cursor."""
MOST_LAST_BYTES = 4_000
"""Of what a process said before it crashed."""
PATIENCE_SECONDS = 0.2
"""A terminal that takes nothing for so long is left as it is."""


class Link:
    """The child's line to the parent that waits for it."""

    def __init__(self, tell: int, alive: int, mask: set[Any]) -> None:
        self._tell: int | None = tell
        self.alive = alive
        """A descriptor that is readable once the parent is gone."""
        self._mask = mask

    def ready(self) -> None:
        """The child's signal handlers stand: what came since the fork is handled now."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def release(self, status: int, text: str) -> None:
        """Let the parent print `text` and end with `status`: the shell has its prompt back. Once only."""
        if self._tell is None:
            return
        # A parent that is gone already needs no word.
        with contextlib.suppress(OSError):
            os.write(self._tell, f"{status} {text}\n".encode())
        os.close(self._tell)
        self._tell = None


def run_in_child(run: Callable[[Link], int], kept: KeptOutput) -> int:
    """Fork; the child returns what `run` returns, the parent the status to end with.

    `kept` takes what the child prints; what it said last is shown if it crashes.
    """
    tell_in, tell_out = os.pipe()
    alive_in, alive_out = os.pipe()
    terminal = TerminalState()
    signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child == 0:
        os.close(tell_in)
        os.close(alive_out)
        return run(Link(tell_out, alive_in, mask))
    os.close(tell_out)
    os.close(alive_in)
    return Parent(child, tell_in, terminal, kept).wait(mask)


class TerminalState:
    """How the terminal was before the screen; nothing happens where standard input is none."""

    def __init__(self) -> None:
        self._before = self._now()

    def _now(self) -> list[Any] | None:
        import termios

        try:
            return termios.tcgetattr(0)
        except termios.error:
            return None

    def restore(self) -> None:
        """Bring it back, unless it is as it was."""
        import termios

        now = self._now()
        if self._before is None or now is None or now[:4] == self._before[:4]:
            return
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(0, termios.TCSANOW, self._before)
            if select.select([], [2], [], PATIENCE_SECONDS)[1]:
                os.write(2, RESET.encode())
        signal.signal(signal.SIGTTOU, before)


class Parent:
    """Waits for the child's end, or for its word that it goes on alone."""

    def __init__(self, child: int, tell: int, terminal: TerminalState, kept: KeptOutput) -> None:
        self._child, self._tell, self._terminal, self._kept = child, tell, terminal, kept

    def wait(self, mask: set[Any]) -> int:
        """Returns the status to end with: the child's, 128 + the signal that ended it, or what it said."""
        wake_in, wake_out = os.pipe()
        os.set_blocking(wake_in, False)
        os.set_blocking(wake_out, False)
        signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD):
            signal.signal(number, _note)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        said = b""
        while True:
            ready = select.select([self._tell, wake_in], [], [])[0]
            if wake_in in ready:
                self._pass_on(os.read(wake_in, 4096))
            if self._tell in ready:
                new = os.read(self._tell, 4096)
                said += new
                if said.endswith(b"\n"):
                    return self._part(said.decode())
                if not new:
                    # The child ends: nothing is left but to see how.
                    return self._reap(0) or 0
            status = self._reap(os.WNOHANG)
            if status is not None:
                return status

    def _pass_on(self, numbers: bytes) -> None:
        for number in numbers:
            if number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
                self._send(number)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)

    def _reap(self, options: int) -> int | None:
        """The child's exit status once it has ended; stops this process while the child is stopped."""
        while True:
            pid, status = os.waitpid(self._child, options | os.WUNTRACED)
            if pid == 0:
                return None
            if os.WIFSTOPPED(status):
                self._stop()
            else:
                # Nothing to do unless it was killed, or left in a hurry.
                self._terminal.restore()
                if os.WIFEXITED(status):
                    return os.waitstatus_to_exitcode(status)
                self._tell_of_crash(os.WTERMSIG(status))
                return 128 + os.WTERMSIG(status)

    def _stop(self) -> None:
        """Give the prompt back until somebody says `fg`: the whole job stops, as with Ctrl-Z anywhere else."""
        self._terminal.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        # Whoever started this command and waits for it (`uv run`, a script) has to stop too, or no prompt comes.
        os.killpg(0, signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGSTOP)
        signal.signal(signal.SIGTSTP, _note)
        # A shell continues the whole group; `kill -CONT` only this process.
        self._send(signal.SIGCONT)

    def _tell_of_crash(self, number: int) -> None:
        """What a dying C library wrote went past the terminal, and nobody has read it yet."""
        name = signal.strsignal(number) or f"signal {number}"
        words = self._kept.new()[0][-MOST_LAST_BYTES:].decode(errors="replace").strip()
        text = "".join(character for character in words if character.isprintable() or character == "\n")
        print_last(f"{text}\nlazytrain ended at once ({name}); what it trained goes on from its last checkpoint")

    def _part(self, said: str) -> int:
        status, _, text = said.strip().partition(" ")
        if text:
            print_last(text)
        return int(status)


def print_last(text: str) -> None:
    """The terminal may be gone."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text.lstrip()}\n")
        sys.stderr.flush()


def _note(_number: int, _frame: object) -> None:
    """Only wakes the loop, through the wake-up descriptor."""
