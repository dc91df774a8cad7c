"""Signals, a hang-up and the loss of the waiting parent, noticed whatever the main thread is doing.

Handlers only write a byte; a thread of its own reads it. It polls the terminal too, since not every hang-up comes with
a signal, and a terminal that is gone is readable for ever.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from lazytrain.tui.terminal.outlet import point_away

FORGET, END = 0, 255
"""Bytes that are no signal's number."""


class Signals:
    """Tells of the first hang-up, and of every signal to end.

    Args:
        alive: a descriptor that becomes readable when the parent is gone, which counts as a hang-up.
        terminals: descriptors that were a terminal's at the start; it may be gone already.
        numbers: the signals to end; those that are ignored already stay so.

    Attributes:
        hung_up: the terminal is gone, and `terminals` lead to nothing.
        received: the first signal to end, or None.
    """

    def __init__(
        self,
        alive: int | None = None,
        terminals: Iterable[int] = (),
        numbers: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT),
    ) -> None:
        self.hung_up = False
        self.received: signal.Signals | None = None
        self._alive = alive
        self._on_hang_up: Callable[[], object] = _nothing
        self._on_signal: Callable[[signal.Signals], object] = _nothing_of
        self._terminals = list(terminals)
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._before: dict[signal.Signals, Any] = {}
        hang_up = getattr(signal, "SIGHUP", None)
        for number in (*numbers, *([hang_up] if hang_up else [])):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        self._thread = threading.Thread(target=self._watch, name="lazytrain-signals", daemon=True)
        self._thread.start()

    def tell(self, *, hang_up: Callable[[], object], signal: Callable[[signal.Signals], object]) -> None:
        """Call these from now on, in the watching thread; at once for what came before."""
        with self._lock:
            self._on_hang_up, self._on_signal = hang_up, signal
            if self.hung_up:
                hang_up()
            if self.received is not None:
                signal(self.received)

    def forget_terminal(self) -> None:
        """The process has left its terminal: what becomes of it is no hang-up, and no descriptor of it stays open."""
        self._write(FORGET)

    def close(self) -> None:
        """Put the handlers back that were there before, and end the thread."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._write(END)
        self._thread.join()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._write(number)

    def _write(self, byte: int) -> None:
        # A full pipe holds signals enough.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_out, bytes([byte]))

    def _watch(self) -> None:
        if not hasattr(select, "poll"):
            # Windows has neither hang-ups nor a way to ask for one.
            while (number := os.read(self._wake_in, 1)[0]) != END:
                if number != FORGET:
                    self._end(signal.Signals(number))
            return
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        for descriptor in self._terminals:
            poll.register(descriptor, 0)  # only what comes unasked: POLLHUP and POLLERR
        if self._alive is not None:
            poll.register(self._alive, select.POLLIN)
        watched = {*self._terminals, *({self._alive} if self._alive is not None else ())}
        while True:
            events = dict(poll.poll())
            gone = watched & events.keys()
            numbers = os.read(self._wake_in, 512) if self._wake_in in events else b""
            if END in numbers:
                return
            if gone or FORGET in numbers:
                for descriptor in watched:
                    poll.unregister(descriptor)
                watched = set()
            lost = [descriptor for descriptor in gone if events[descriptor] & ~select.POLLNVAL]
            if lost:
                # Without the parent the terminal is the shell's again, and still there to be restored.
                self._hang_up(self._terminals if lost != [self._alive] else [])
            for number in numbers:
                if number == getattr(signal, "SIGHUP", None):
                    self._hang_up(self._terminals)
                elif number != FORGET:
                    self._end(signal.Signals(number))

    def _hang_up(self, lost: list[int]) -> None:
        with self._lock:
            if not self.hung_up:
                point_away(lost)
                self.hung_up = True
                self._on_hang_up()

    def _end(self, number: signal.Signals) -> None:
        with self._lock:
            if self.received is None:
                self.received = number
            self._on_signal(number)


def _nothing() -> None:
    pass


def _nothing_of(_number: signal.Signals) -> None:
    pass
