"""A study on its way into the queue: its runs as configurations, which of them are there already, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lazytrain.engine.analysis.identity import freeze, identify
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets import Catalogue, Hyperparameters, StudyRun, expand_study
from lazytrain.presets.plain_text import harmless


class Standing(StrEnum):
    """What is there of a study's run before it is launched."""

    NEW = "new"
    KEPT = "kept"
    """Stopped, interrupted or failed on the way: it goes on from its checkpoint."""
    UNDERWAY = "underway"
    """Queued, or being trained."""
    DONE = "done"
    """Finished; or failed by a loss that became NaN, which it would become again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run of a study, not yet queued."""

    configuration: RunConfiguration
    name: str
    """What it will be called: `coolnet-v10 batch-20 (batch-size)`. A name that is taken gets a number."""
    path: str
    """The architecture's file."""
    facts: DatasetFacts | None
    """None where the data can't be had."""
    error: str | None = None
    """Why the data can't be had."""
    identity: str = ""
    """`engine.analysis.identity.identify` of the configuration."""

    @property
    def short_name(self) -> str:
        """Without the study: `coolnet-v10 batch-20`."""
        return self.configuration.suggested_name

    @property
    def seed(self) -> int:
        return self.configuration.hyperparameters.seed


Describe = Callable[[Hyperparameters], DatasetFacts | DatasetError]
"""What is known of the data that hyperparameters name."""


def plan_study(
    catalogue: Catalogue,
    name: str,
    describe: Describe,
    *,
    device: str = "auto",
    module_folder: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    num_seeds: int | None = None,
) -> tuple[PlannedRun, ...]:
    """The runs of a study in the order of `presets.expand_study`, with what makes them comparable with those there are.

    Raises:
        PresetError: there is no such study, it is broken, or a setting doesn't fit.
    """
    runs = expand_study(catalogue, name, settings=settings, num_seeds=num_seeds)
    return tuple(_plan(catalogue, name, run, describe(run.values), device, module_folder) for run in runs)


def _plan(
    catalogue: Catalogue,
    study: str,
    run: StudyRun,
    data: DatasetFacts | DatasetError,
    device: str,
    module_folder: Path | None,
) -> PlannedRun:
    preset = catalogue.architectures[run.architecture]
    before = dict(flatten(catalogue.hyperparameter_preset(run.hyperparameters).values.model_dump()))
    edits = (name for name, value in flatten(run.values.model_dump()) if before[name] != value)
    configuration = RunConfiguration(
        architecture_name=run.architecture,
        architecture=preset.get(),
        hyperparameters_name=run.hyperparameters,
        hyperparameters=run.values,
        edits=tuple(edits),
        device=device,
    )
    facts = data if isinstance(data, DatasetFacts) else None
    if facts is not None:
        configuration = freeze(configuration, facts, module_folder)
    return PlannedRun(
        configuration=configuration,
        name=harmless(f"{configuration.suggested_name} ({study})"),
        path=preset.path,
        facts=facts,
        error=None if facts is not None else str(data),
        identity=identify(configuration),
    )


class Twins:
    """Finds the runs in a store that are the same experiment as others.

    A stored configuration never changes, so each is read once: 0.15 ms a run, and nothing to speak of from then on.
    """

    def __init__(self) -> None:
        self._identities: dict[str, str] = {}

    def find(self, store: Store, planned: Iterable[PlannedRun], runs: Sequence[Run]) -> dict[str, Run]:
        """Identity → the run that got furthest, for each of `planned` that has one among the store's `runs`."""
        wanted: dict[tuple[str, int, int], set[str]] = {}
        for each in planned:
            values = each.configuration.hyperparameters
            wanted.setdefault((_kind(values.dataset), values.epochs, values.seed), set()).add(each.identity)
        found: dict[str, Run] = {}
        for run in runs:
            # What the run's line tells spares reading most configurations.
            identities = wanted.get((_kind(run.dataset), run.num_epochs, run.seed))
            if identities is None:
                continue
            identity = self._identify(store, run)
            if identity in identities and (identity not in found or _rank(run) > _rank(found[identity])):
                found[identity] = run
        return found

    def _identify(self, store: Store, run: Run) -> str | None:
        known = self._identities.get(run.id)
        if known is None:
            try:
                known = self._identities[run.id] = identify(store.configuration(run.id))
            except (RunNotFound, RunUnreadable):
                return None
        return known


def standing(run: Run | None) -> Standing:
    """What a study makes of a run that is the same experiment; None: there is no such run."""
    if run is None:
        return Standing.NEW
    if run.state is State.FINISHED or run.diverged:
        return Standing.DONE
    return Standing.KEPT if run.state.resumable else Standing.UNDERWAY


def queue_run(store: Store, planned: PlannedRun, twin: Run | None, *, again: bool = False) -> Run:
    """Put a study's run into the queue, or its twin back into it; one that is there already is left as it is.

    Args:
        again: train it anew, whatever there is.
    """
    match Standing.NEW if again else standing(twin):
        case Standing.NEW:
            return store.add_run(planned.configuration, planned.name)
        case Standing.KEPT if twin is not None:
            try:
                return store.resume(twin.id)
            except NotPossible:
                return store.run(twin.id)  # somebody was quicker
            except RunNotFound:
                return store.add_run(planned.configuration, planned.name)
        case _:
            if twin is None:
                raise AssertionError("only a run can be done or underway")
            return twin


def launch_order(planned: Sequence[PlannedRun], seconds: Sequence[float | None]) -> list[int]:
    """Numbers of `planned` in the order they are to be trained, so that results come early.

    The first seed's runs, then the next one's. Within a seed the shorter run goes first, once the expected time
    (`seconds`) of every run is known; before that, and among equals, they stand as the study has them.
    """
    seeds = list(dict.fromkeys(each.seed for each in planned))
    numbers = range(len(planned))
    if any(time is None for time in seconds):
        return sorted(numbers, key=lambda number: seeds.index(planned[number].seed))
    return sorted(numbers, key=lambda number: (seeds.index(planned[number].seed), seconds[number]))


def _kind(dataset: str) -> str:
    """A folder may have been called by another path."""
    return dataset.partition(":")[0]


_ORDER = (Standing.NEW, Standing.KEPT, Standing.UNDERWAY, Standing.DONE)


def _rank(run: Run) -> tuple[int, bool, int, float]:
    return (_ORDER.index(standing(run)), run.state.active, run.epoch, -run.created)
