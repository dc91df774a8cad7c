"""Real terminals for whole-program tests: a pty read by pyte, and tmux where it is installed."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import pyte

WIDTH, HEIGHT = 120, 40
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.05

KEYS = {"enter": "\r", "escape": "\x1b", "space": " ", "tab": "\t"}
KEYS |= {name: f"\x1b[{letter}" for name, letter in (("up", "A"), ("down", "B"), ("right", "C"), ("left", "D"))}
KEYS |= {"end": "\x1b[F", "home": "\x1b[H"}
TMUX_KEYS = {"enter": "Enter", "escape": "Escape", "space": "Space", "tab": "Tab", "up": "Up", "down": "Down"}
TMUX_KEYS |= {"right": "Right", "left": "Left", "end": "End", "home": "Home"}


class Terminal(Protocol):
    """What a person has: something to look at, and keys."""

    def text(self) -> str:
        """What is on the screen now, line by line."""
        ...

    def press(self, *keys: str) -> None:
        """Press keys: a name of `KEYS`, or a character."""
        ...

    def exited(self) -> int | None:
        """The command's exit status, or None while it runs."""
        ...

    def rest(self) -> None:
        """Let a moment pass, in which the command may draw."""
        ...


def wait_until(terminal: Terminal, holds: Callable[[], bool], what: str) -> None:
    """Look until `holds`, at most a minute; a command that ends meanwhile is a failure."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        ended = terminal.exited()
        if ended is not None and not holds():
            raise AssertionError(f"ended with {ended} while waiting for {what}:\n{terminal.text()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}:\n{terminal.text()}")
        terminal.rest()


def see(terminal: Terminal, *words: str) -> None:
    """Wait until all of `words` are on the screen."""
    wait_until(terminal, lambda: all(word in terminal.text() for word in words), f"{words} on the screen")


def wait_for_exit(terminal: Terminal) -> int:
    """Wait until the command has ended; returns its exit status."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := terminal.exited()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"did not end:\n{terminal.text()}")
        terminal.rest()
    return status


class PtyTerminal:
    """A pseudo-terminal whose other end pyte draws.

    `controlling`: the command's own, as a login's is: the kernel sends it signals, for its loss too.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], *, controlling: bool = False
    ) -> None:
        import fcntl
        import pty
        import struct
        import termios

        # pytest's own processes are told a size that this terminal hasn't.
        sized = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**sized, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controlling else None,  # noqa: PLW1509
        )
        self._name = os.ttyname(theirs)
        os.close(theirs)
        self._lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self.hang_up()

    @property
    def pid(self) -> int:
        """The command's process."""
        return self._process.pid

    def fill(self) -> None:
        """Have it take nothing more, as where nobody reads what it was sent: to its last byte."""
        other_end = os.open(self._name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            for size in (2**12, 2**6, 1):
                with contextlib.suppress(BlockingIOError):
                    while os.write(other_end, b"x" * size):
                        pass
        finally:
            os.close(other_end)

    def send_signal(self, number: int) -> None:
        """Send the command a signal."""
        self._process.send_signal(number)

    def resize(self, width: int, height: int) -> None:
        """The terminal has another size, as when its window has; the kernel tells the command if it is its own."""
        import fcntl
        import struct
        import termios

        self.text()
        self._screen.resize(height, width)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def restored(self) -> bool:
        """Whether what is typed is shown, line by line, and the cursor too."""
        import termios

        self.text()
        flags = termios.tcgetattr(self._ours)[3]
        return bool(flags & termios.ECHO and flags & termios.ICANON) and not self._screen.cursor.hidden

    def hang_up(self) -> None:
        """The terminal goes away."""
        if not self._lost:
            self._lost = True
            os.close(self._ours)

    def text(self) -> str:
        if self._lost:
            return "(the terminal is gone)"
        while select.select([self._ours], [], [], 0)[0] and self._read():
            pass
        return "\n".join(self._screen.display)

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._ours, KEYS.get(key, key).encode())

    def exited(self) -> int | None:
        return self._process.poll()

    def rest(self) -> None:
        if self._lost:
            select.select([], [], [], LOOK_SECONDS)
        elif select.select([self._ours], [], [], LOOK_SECONDS)[0] and not self._read():
            # The other end is closed, which makes this end readable for ever.
            self._process.wait(timeout=PATIENCE_SECONDS)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            return False
        self._stream.feed(data)
        return bool(data)


class TmuxTerminal:
    """A tmux server of its own with one window."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._socket = folder / "tmux"
        self._status = folder / "exit-status"
        quoted = " ".join(f"'{word}'" for word in command)
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT)),
            f"{quoted}; echo $? > '{self._status}'; read -r _",
            environment=environment,
            folder=folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *(TMUX_KEYS.get(key, key) for key in keys))

    def exited(self) -> int | None:
        return int(self._status.read_text()) if self._status.exists() and self._status.read_text() else None

    def rest(self) -> None:
        select.select([], [], [], LOOK_SECONDS)

    def _tmux(self, *arguments: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        return done.stdout


def has_tmux() -> bool:
    """Whether tmux is installed."""
    return shutil.which("tmux") is not None
