"""What a runner is there for, what it does now, and what it does again and again until it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from lazytrain.engine.queue.jobs import Jobs
from lazytrain.engine.records import Run, State
from lazytrain.engine.run.wishes import Wishes
from lazytrain.engine.settings.availability import Availability
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.settings.notices import NOTICE_SECONDS, Herald
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.trouble import StoreDamaged, StoreTrouble, reason, trouble_kind

if TYPE_CHECKING:
    from lazytrain.engine.compute.device import DeviceChoice

T = TypeVar("T")
Phase = Literal["loading", "waiting", "idle", "training", "notifying", "ended"]

LOOK_SECONDS = 1.0
"""How often an idle worker looks for runs whose trainer died, and a waiting one for the device."""
RETRY_SECONDS = 3.0
"""How often it is tried again where the disk is full or doesn't work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStatus:
    """What the runner does, for a person."""

    phase: Phase
    text: str
    device: str | None = None
    error: str | None = None


class Duty:
    """One runner's: read and written by its worker thread; `status` is swapped whole, so any thread can read it.

    Args as those of `engine.queue.runner.Runner`.
    """

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        only: str | None,
        until_empty: bool,
        command: str,
        may_train: Callable[[], str | None] | None,
        ended: Callable[[Run], object] | None,
        in_job: bool,
        clock: Callable[[], float],
    ) -> None:
        settings = LiveSettings(home)
        self.data, self.command, self.clock = data, command, clock
        self.only, self.until_empty, self.in_job = only, until_empty, in_job
        self.may_train = may_train or Availability(settings)
        self.anyway = may_train is not None
        """The hours are another's matter than the settings'."""
        self._herald = Herald(home, settings)
        self.ended = ended or self._herald
        self.status = RunnerStatus(phase="loading", text="starting")
        self.has_trained = False
        """It has taken up a run."""
        self.at_work: tuple[str, FileLock] | None = None
        """The run that was trained when another store was found in the place of its own, and the lock on it, which is
        held until that store has it: nobody may take it for a dead process's."""
        self.wishes = Wishes()
        self.jobs = Jobs(home, data, command, self.wishes.tell)

    @property
    def notifies(self) -> bool:
        """Whether notices aren't out yet."""
        return self._herald.busy

    def show(self, phase: Phase, text: str, device: str | None = None, error: str | None = None) -> None:
        """Say what it does now."""
        self.status = RunnerStatus(phase=phase, text=text, device=device, error=error)

    def show_trouble(self, text: str, choice: DeviceChoice | None) -> None:
        """Say what keeps it from what it does."""
        text = f"{text}; it is tried again every few seconds"
        self.show(self.status.phase, text, choice.device if choice is not None else None, error=text)

    def insist(self, act: Callable[[], T], choice: DeviceChoice | None = None) -> T | None:
        """Do it, again and again while the disk is full or doesn't work; None if the runner is stopped meanwhile."""
        while not self.wishes.leaving:
            try:
                return act()
            except StoreDamaged:
                raise
            except (StoreTrouble, OSError) as error:
                if trouble_kind(error) is None:
                    raise
                self.show_trouble(reason(error), choice)
                self.wishes.wait(RETRY_SECONDS)
        return None

    def is_done(self, journal: Journal) -> bool:
        """Whether there is nothing left to wait for."""
        if self.wishes.leaving:
            return True
        if self.only is None:
            return False
        try:
            state = journal.run(self.only).state
        except RunNotFound:
            return True
        return state is not State.QUEUED and not state.active

    def finish_notices(self, error: str | None) -> None:
        """Wait until notices are out, at most their time limit."""
        if self.notifies:
            told = f"notices are being sent, for at most {NOTICE_SECONDS:.0f} s"
            self.show("notifying", error or told, error=error)
            self._herald.join()


__all__ = ["LOOK_SECONDS", "Duty", "RunnerStatus"]
