"""Which runs of the store belong to a study: to be marked at once for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.datasets import DatasetError
from engine.places import module_folder
from engine.store import RunNotFound

if TYPE_CHECKING:
    from tui.app import LazytrainApp


def find_study_runs(app: LazytrainApp, name: str) -> list[str]:
    """Ids of the runs queued for the study, and of those that are the same experiments whatever their seed.

    Raises:
        PresetError: there is no such study, or it is broken.
    """
    from engine.comparison import setting_identity
    from engine.studies import plan_study

    planned = plan_study(
        app.catalogue,
        name,
        lambda values: app.shelf.known(values) or DatasetError(f"no dataset {values.dataset}"),
        module_folder=module_folder(app.home),
    )
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
            except RunNotFound:
                continue
        if named:
            found.append(run.id)
    return found
