"""Which runs of the store belong to a study, and how it was trained: to be compared, and written about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.places import module_folder
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.store import RunNotFound
from lazytrain.engine.store.stored_configuration import RunUnreadable

if TYPE_CHECKING:
    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.presets import Catalogue
    from lazytrain.tui.state.host import Host


@dataclass(frozen=True, slots=True)
class Launched:
    """What a study was launched with beside what it says itself, as `--set` and `--seeds` do."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    num_seeds: int | None = None


def how_launched(reader: Reader, runs: Sequence[Run], catalogue: Catalogue, name: str) -> Launched:
    """What the runs that were queued for a study have in common beyond it; nothing if they were launched variously.

    Raises:
        PresetError: there is no such study, or it is broken.
    """
    from lazytrain.engine.configuration import flatten
    from lazytrain.presets import expand_study

    study = catalogue.study(name)
    own = list(_configurations(reader, [run for run in runs if f"({name})" in run.name and not run.archived]))
    if not own:
        return Launched()
    shared: dict[str, Any] | None = None
    for each in own:
        values = dict(flatten(each.hyperparameters.model_dump()))
        edits = {edit: values[edit] for edit in each.edits if edit != "seed" and edit not in study.grid}
        shared = edits if shared is None else {edit: edits[edit] for edit in edits if shared.get(edit) == edits[edit]}
    planned = [dict(flatten(each.values.model_dump())) for each in expand_study(catalogue, name)]
    settings = {
        edit: value for edit, value in (shared or {}).items() if any(values[edit] != value for values in planned)
    }
    num_seeds = len({each.hyperparameters.seed for each in own})
    return Launched(settings, num_seeds if num_seeds > len({values["seed"] for values in planned}) else None)


def _configurations(reader: Reader, runs: Iterable[Run]) -> Iterable[RunConfiguration]:
    for run in runs:
        try:
            yield reader.configuration(run.id)
        except (RunNotFound, RunUnreadable):
            continue  # discarded meanwhile, or it can't be told how it was trained


def find_study_runs(app: Host, name: str) -> list[str]:
    """Ids of the runs queued for the study, and of those that are the same experiments whatever their seed.

    The same as the study is now, or as it was launched.

    Raises:
        PresetError: there is no such study, or it is broken.
    """
    from lazytrain.engine.analysis.comparison import setting_identity
    from lazytrain.engine.commands.queueing import runs_of_study
    from lazytrain.engine.queue.studies import plan_study

    if name in app.catalogue.command_studies:
        return [run.id for run in runs_of_study(app.runs, name)]
    launched = how_launched(app.store, app.runs, app.catalogue, name)
    planned = [
        each
        for settings in ({}, launched.settings)
        for each in plan_study(
            app.catalogue,
            name,
            lambda values: app.shelf.known(values) or DatasetError(f"no dataset {values.dataset}"),
            module_folder=module_folder(app.home),
            settings=settings,
        )
    ]
    wanted = {setting_identity(each.configuration) for each in planned}
    # What the run's line tells spares reading most configurations.
    lines = {
        (each.configuration.architecture_name, each.configuration.hyperparameters.epochs, values.dataset)
        for each in planned
        for values in (each.configuration.hyperparameters,)
    }
    found: list[str] = []
    for run in sorted(app.runs, key=lambda run: run.created):
        if run.archived:
            continue
        named = f"({name})" in run.name
        if not named and (run.architecture, run.num_epochs, run.dataset) in lines:
            try:
                named = setting_identity(app.store.configuration(run.id)) in wanted
            except (RunNotFound, RunUnreadable):
                continue
        if named:
            found.append(run.id)
    return found
