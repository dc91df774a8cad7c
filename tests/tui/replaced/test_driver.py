"""The driver's input thread, on a pipe in the terminal's place."""

from __future__ import annotations

import os
import select
import threading
from typing import Any

import pytest
from textual.events import Key

from lazytrain.tui.replaced import driver
from lazytrain.tui.replaced.driver import GRACE_SECONDS, TICK_SECONDS, ScreenDriver


def test_it_sleeps_until_something_comes_and_a_lone_escape_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float | None] = []
    keys: list[str] = []
    arrived = threading.Condition()

    class Select:
        @staticmethod
        def select(read: Any, write: Any, error: Any, timeout: float | None) -> Any:
            timeouts.append(timeout)
            return select.select(read, write, error, timeout)

    def process_message(message: object) -> None:
        assert isinstance(message, Key)
        with arrived:
            keys.append(message.key)
            arrived.notify()

    def wait_for(key: str) -> None:
        with arrived:
            assert arrived.wait_for(lambda: keys[-1:] == [key], 30)

    monkeypatch.setattr(driver, "select", Select)
    (terminal, typed), (wake_in, wake_out) = os.pipe(), os.pipe()
    under_test: Any = ScreenDriver.__new__(ScreenDriver)
    under_test._debug, under_test._closing = False, threading.Event()
    under_test.fileno, under_test._wake_in = terminal, wake_in
    under_test.process_message = process_message
    thread = threading.Thread(target=under_test.run_input_thread)
    thread.start()
    os.write(typed, b"a")
    wait_for("a")
    os.write(typed, b"\x1b")
    wait_for("escape")
    os.write(typed, b"b")
    wait_for("b")
    under_test._closing.set()
    os.write(wake_out, b"!")
    thread.join(30)
    for descriptor in (terminal, typed, wake_in, wake_out):
        os.close(descriptor)
    *asleep, grace = timeouts
    assert asleep[:2] == [None, None], "before a, and before the escape"
    assert asleep[-2:] == [None, None], "before b, and before the end"
    assert set(asleep[2:-2]) == {TICK_SECONDS}
    assert grace == GRACE_SECONDS
