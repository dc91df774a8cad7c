"""Whether a queued command can be started here and now: the run that it comes after, and the device that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lazytrain.engine.configuration import CommandConfiguration
from lazytrain.engine.records import State, TrainerState
from lazytrain.engine.store.reading import Reader, RunNotFound


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why it can't."""

    reason: str
    how: Literal["never", "elsewhere", "later", "soon"]
    """It never can; another runner can; once something was done; as soon as a run that is trained has ended."""


def find_obstacle(reader: Reader, configuration: CommandConfiguration, device: str) -> Obstacle | None:
    """What keeps the command from being started by a runner that holds `device`; None if nothing does."""
    if configuration.after is not None:
        try:
            before = reader.run(configuration.after)
        except RunNotFound:
            return Obstacle(f"it comes after run {configuration.after}, which was discarded", "never")
        if before.state.over and before.state is not State.FINISHED:
            return Obstacle(
                f"it comes after {before.name} ({before.id}), which {_END[before.state]}; once that has finished,"
                " `lazytrain resume` queues it again",
                "never",
            )
        if before.state is not State.FINISHED:
            trained = before.state.active and before.trainer is TrainerState.ALIVE
            return Obstacle(f"waits for {before.name} ({before.id}) to finish", "soon" if trained else "later")
    if configuration.needs == "gpu" and device == "cpu":
        return Obstacle("waits for a runner that holds a GPU: this one has the cpu", "elsewhere")
    return None


_END = {State.FAILED: "failed", State.STOPPED: "was stopped", State.INTERRUPTED: "was interrupted"}
