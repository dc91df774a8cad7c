"""When training may go on: within the hours that the user gave, and not on battery if that is how they want it.

Pure rules, and a small object that asks them at most once a second. Hours are local wall-clock times: on the night in
which clocks change, "until 07:00" is when the clock on the wall shows 07:00.
"""

from __future__ import annotations

import re
import time as system_time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol

LOOK_SECONDS = 1.0
"""Between two looks at clock, battery and settings."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day, from `start` up to `end`; over midnight if `end` is the earlier."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `23:00-07:00`. Raises ValueError naming what is wrong."""
        found = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*", text)
        if found is None:
            raise ValueError(f"{text!r} must be two times of day, such as '23:00-07:00'")
        numbers = [int(number) for number in found.groups()]
        # 24:00 is how many people write the end of a day.
        hours = [0 if (hour, minute) == (24, 0) else hour for hour, minute in (numbers[:2], numbers[2:])]
        try:
            start, end = time(hours[0], numbers[1]), time(hours[1], numbers[3])
        except ValueError:
            raise ValueError(f"{text!r}: a time of day is between 00:00 and 24:00") from None
        if start == end:
            raise ValueError(f"{text!r}: begins when it ends; leave it out to train at any time")
        return cls(start, end)

    def __contains__(self, moment: datetime) -> bool:
        """Whether the clock shows a time in it: the start counts, the end doesn't."""
        now = moment.time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


class Rules(Protocol):
    """What is needed of `engine.settings.settings.Settings`."""

    @property
    def only_between(self) -> Hours | None: ...
    @property
    def pause_on_battery(self) -> bool: ...


def reason_to_wait(rules: Rules, now: datetime, on_battery: Callable[[], bool]) -> str | None:
    """Why nothing may be trained at `now` (local time), for a person; None if it may."""
    if rules.only_between is not None and now not in rules.only_between:
        return f"waits for {rules.only_between.start:%H:%M} (only_between = {rules.only_between} in settings.toml)"
    if rules.pause_on_battery and on_battery():
        return "waits for mains power (pause_on_battery in settings.toml)"
    return None


def on_battery() -> bool:
    """Whether the machine runs on its battery; False where there is none, or the system doesn't tell."""
    import psutil  # only where it is asked for: no business of a first frame

    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):
        return False
    return battery is not None and battery.power_plugged is False


class Availability:
    """Why nothing may be trained now, or None: `availability()`. Costs a look at a clock; more once a second at most.

    Args:
        rules: gives the rules as they stand now.
        clock: Unix seconds.
    """

    def __init__(
        self,
        rules: Callable[[], Rules],
        clock: Callable[[], float] = system_time.time,
        on_battery: Callable[[], bool] = on_battery,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._on_battery = on_battery
        self._looked: float | None = None
        self._reason: str | None = None

    def __call__(self) -> str | None:
        now = self._clock()
        # A clock that was put back must not stop the looking.
        if self._looked is None or not 0 <= now - self._looked < LOOK_SECONDS:
            self._looked = now
            self._reason = reason_to_wait(self._rules(), datetime.fromtimestamp(now), self._on_battery)
        return self._reason
