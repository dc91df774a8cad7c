"""Textual's driver for Linux and macOS, made to lose its terminal, to be suspended, and to come back.

Relies on the driver's inner workings as they are in Textual 8.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from lazytrain.tui.replaced.cell_diff_app import CellDiffApp
from lazytrain.tui.terminal.asking import ImageQuestion
from lazytrain.tui.terminal.outlet import Outlet

TICK_SECONDS = 0.1
"""How long an escape may stay alone before it is a key; Textual's own."""
GRACE_SECONDS = 0.03
"""How long a terminal that is left may still be silent before it has said everything."""
USUAL_SIZE = (80, 25)
"""Of a terminal that doesn't say; Textual's own."""
FOREGROUND_SECONDS = 0.25
"""How often a suspended screen whose job goes on in the background (`bg`) looks whether it is back."""


class ScreenDriver(LinuxDriver):
    """Five differences: where descriptors 0 to 2 lead elsewhere (`diversion`) it takes those that don't; a write to a
    lost terminal is no error; reading from one ends without a word (whoever notices the hang-up ends the app); SIGTSTP
    and SIGCONT are handled in the app's own loop, once each; and the terminal can be asked whether it draws images.
    """

    _question: ImageQuestion | None = None

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        diversion = app.diversion if isinstance(app, CellDiffApp) else None
        if diversion is not None:
            self._file = cast(Any, diversion.terminal)
            self.fileno = diversion.descriptors[0]
            self.input_tty = os.isatty(self.fileno)
        elif sys.__stderr__ is not None:
            self._file = cast(Any, Outlet(sys.__stderr__))
        self._loop = asyncio.get_running_loop()
        self._suspended = False
        self._closing = threading.Event()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        signal.signal(signal.SIGTSTP, self._on_loop(app.action_suspend_process))
        signal.signal(signal.SIGCONT, self._on_loop(self.come_back))

    def _on_loop(self, act: Callable[[], object]) -> Callable[..., None]:
        def handle(*_: object) -> None:
            # The loop is closed when the screen is left.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(act)

        return handle

    def write(self, data: str) -> None:
        if not self._suspended:
            super().write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        # As in Textual, but of the terminal that is drawn on: standard output may lead to a file.
        columns, lines = (int(os.environ.get(name, "0") or 0) for name in ("COLUMNS", "LINES"))
        try:
            size = os.get_terminal_size(self._file.fileno())
        except OSError:  # gone, or none
            size = os.terminal_size(USUAL_SIZE)
        return columns or size.columns or USUAL_SIZE[0], lines or size.lines or USUAL_SIZE[1]

    def ask_for_images(self, tell: Callable[[], object]) -> None:
        """Ask whether the terminal draws images where placeholders stand; `tell` is called in the app's loop if so."""

        def send(text: str) -> None:
            self.write(text)
            self.flush()

        self._question = ImageQuestion(send, self._on_loop(tell))
        self._question.begin()

    def start_application_mode(self) -> None:
        self._closing.clear()
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_in, 4096)
        super().start_application_mode()

    def disable_input(self) -> None:
        self._closing.set()
        os.write(self._wake_out, b"!")
        super().disable_input()

    def run_input_thread(self) -> None:
        # As in Textual, but it sleeps until something comes, and ends when it is told to and when the terminal is gone.
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        try:
            while not self._closing.is_set():
                # The parser wants to know when nothing comes after an escape: one that stays alone is a key.
                patience = TICK_SECONDS if parser._timeout_time is not None else None
                ready = select.select([self.fileno, self._wake_in], [], [], patience)[0]
                if self.fileno in ready:
                    data = os.read(self.fileno, 4096)
                    if not data:
                        return  # whoever polls the terminal has noticed the hang-up
                    text = decode(data)
                    if self._question is not None:
                        text = self._question.take(text)
                    # To the parser nothing is the end.
                    for message in parser.feed(text) if text else ():
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
            # What the terminal still had to say is nothing for the shell.
            while select.select([self.fileno], [], [], GRACE_SECONDS)[0] and os.read(self.fileno, 4096):
                pass
        except OSError:
            return  # another job's terminal now

    def stop_application_mode(self) -> None:
        # Restoring it must not stop us where the terminal is a shell's again.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        if not self._suspended:
            super().stop_application_mode()

    def close(self) -> None:
        if not self._suspended:
            super().close()

    def suspend(self) -> None:
        """Leave the terminal as it was found, and stop this process; returns when it is continued.

        The screen comes back by itself, once the process is in the foreground.
        """
        if not self._suspended:
            self.suspend_application_mode()
            self._suspended = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def come_back(self) -> None:
        """After SIGCONT: take the terminal again and redraw, now or when the job is in the foreground."""
        if not self._app.is_running:
            return
        if not _in_foreground(self.fileno):
            self._loop.call_later(FOREGROUND_SECONDS, self.come_back)
            return
        if not self._suspended:
            # It was stopped from outside, and what the terminal went through meanwhile isn't known.
            self.suspend_application_mode()
        self._suspended = False
        self._must_signal_resume = True
        self.start_application_mode()


def _in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True  # not the controlling terminal, so no shell takes turns with us
