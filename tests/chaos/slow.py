"""A terminal whose reader stops for a while: training takes no notice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.records import State
from tests.helpers.leaving import House, wait_for
from tests.helpers.terminals import PtyTerminal, see

WORST = 0.8
"""Of the rate with a reader; what is left is the machine's own noise."""


@dataclass
class Standstill:
    """Steps a second with a reader, without one, and with one again."""

    before: float
    unread: float
    after: float

    @property
    def unharmed(self) -> bool:
        return self.unread >= WORST * min(self.before, self.after)

    def __str__(self) -> str:
        return f"steps a second: {self.before:,.0f} read, {self.unread:,.0f} unread, {self.after:,.0f} read again"


def stop_reading(folder: Path, seconds: float) -> Standstill:
    """Train on Monitor and don't read the terminal for so long, after keys that drew more than it holds."""
    folder.mkdir(parents=True)
    with House(folder / "home", folder) as house:
        house.queue()
        with house.open() as terminal:
            see(terminal, "1 Launch")
            terminal.press("2")
            house.wait(State.RUNNING, 1000, terminal)
            before = _rate(house, seconds, terminal)
            # More than the terminal's buffer holds; drawing it takes its own time, which isn't what is measured.
            terminal.press(*("1", "2") * 60)
            _rate(house, seconds, None)
            unread = _rate(house, seconds, None)
            see(terminal, "images/s")
            return Standstill(before, unread, _rate(house, seconds, terminal))


def _rate(house: House, seconds: float, terminal: PtyTerminal | None) -> float:
    began, step = time.monotonic(), house.store.find("last").step
    wait_for(lambda: time.monotonic() - began >= seconds, "time to pass", terminal)
    return (house.store.find("last").step - step) / (time.monotonic() - began)
