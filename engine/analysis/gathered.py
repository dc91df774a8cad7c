"""A run with everything the store holds of it, read so that its parts fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytrain.engine.events import POINT_FORMAT, EpochRecord, Point
from lazytrain.engine.records import Message, Run

if TYPE_CHECKING:
    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.engine.store.reading import Reader

MOST_MESSAGES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One run as it was at one moment."""

    run: Run
    configuration: RunConfiguration
    packed: bytes
    """Its points, by `POINT_FORMAT`."""
    epochs: tuple[EpochRecord, ...]
    messages: tuple[Message, ...]

    @property
    def num_points(self) -> int:
        return len(self.packed) // POINT_FORMAT.size

    def points(self) -> Iterator[Point]:
        """In order of their steps."""
        return map(Point._make, POINT_FORMAT.iter_unpack(self.packed))

    @property
    def steps_per_epoch(self) -> float | None:
        """None before the data's size was known."""
        return self.run.num_steps / self.run.num_epochs if self.run.num_steps else None

    def epoch_of(self, step: int) -> int:
        """The epoch, from 1, to which a step (from 1) belongs."""
        if self.steps_per_epoch is None:
            raise ValueError(f"{self.run.shown_name}: its steps an epoch aren't known before it is trained")
        return int((step - 1) // self.steps_per_epoch) + 1

    @property
    def best(self) -> EpochRecord | None:
        """The record of the best epoch, by the images that `EpochRecord.chosen_accuracy` looks at."""
        return next((record for record in self.epochs if record.epoch == self.run.best_epoch), None)

    @property
    def validated(self) -> bool:
        """Whether "best" was chosen by held-out training images instead of by the test images."""
        return self.configuration.hyperparameters.validation_fraction > 0


def gather(reader: Reader, run_id: str) -> Gathered:
    """Everything of one run. One that is being trained is as it was at its last finished write.

    Raises:
        RunNotFound: there is no such run (any more).
        RunUnreadable: its stored configuration can't be used.
    """
    while True:
        run = reader.run(run_id)
        gathered = Gathered(
            run=run,
            configuration=reader.configuration(run_id),
            packed=reader.packed_points(run_id),
            epochs=tuple(reader.epochs(run_id)),
            messages=tuple(reader.messages(run_id, limit=MOST_MESSAGES)),
        )
        # Its trainer may have gone back to a checkpoint between two of these queries, which is rare.
        if reader.run(run_id).revision == run.revision:
            return gathered


def names_of(runs: Sequence[Run]) -> str:
    """`lazynet default`, `lazynet default and 3 more`: for titles and file names."""
    if not runs:
        return "no runs"
    more = len(runs) - 1
    return runs[0].name + (f" and {more} more" if more else "")
