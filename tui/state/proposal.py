"""What follows from a draft: its values, the dataset's facts, the net's layers, and whether it can be trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.analysis.identity import freeze
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
from lazytrain.engine.places import module_folder
from lazytrain.engine.queue.estimate import LayerCheck, checked_layers
from lazytrain.engine.queue.fitting import find_misfit
from lazytrain.engine.store.store import Store
from lazytrain.presets import Architecture, Hyperparameters, Preset, PresetError
from lazytrain.tui.state.dataset_lookup import DatasetShelf, Known
from lazytrain.tui.state.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A draft with all that is known of it by now."""

    draft: Draft
    configuration: RunConfiguration | None
    """What would be queued; None where a preset is broken."""
    dataset: Known | None
    """None while it is looked up."""
    check: LayerCheck
    misfit: str | None = None
    """Which of the settings can't be trained on this data."""

    @property
    def values(self) -> Hyperparameters | None:
        return self.configuration.hyperparameters if self.configuration is not None else None

    @property
    def facts(self) -> DatasetFacts | None:
        return self.dataset if isinstance(self.dataset, DatasetFacts) else None

    @property
    def refusal(self) -> str | None:
        """Why it can't be trained, in one sentence."""
        if self.draft.error:
            return self.draft.error
        if isinstance(self.dataset, DatasetError):
            return str(self.dataset)
        return self.check.error or self.misfit

    @property
    def pending(self) -> str | None:
        """What it waits for before it can be queued."""
        if self.refusal is not None or not self.check.pending:
            return None
        return "looking at the dataset…" if self.facts is None else "not yet checked: torch is loading"


def propose(draft: Draft, store: Store, shelf: DatasetShelf, device: str) -> Proposal:
    """Work out what is known of `draft` now; asks a runner through the store for what only torch can tell."""
    try:
        configuration = draft.configuration(device)
    except PresetError:
        configuration = None
    try:
        values = draft.values()
    except PresetError:
        # Nets are sized for the default's images while the settings are broken.
        values = Hyperparameters()
    dataset = shelf.known(values)
    facts = dataset if isinstance(dataset, DatasetFacts) else None
    return Proposal(
        draft=draft,
        configuration=configuration,
        dataset=dataset,
        check=check_architecture(draft.architecture, facts, store),
        misfit=find_misfit(configuration, facts) if configuration is not None and facts is not None else None,
    )


def check_architecture(preset: Preset[Architecture], facts: DatasetFacts | None, store: Store) -> LayerCheck:
    """The layers of a listed net for such images, or why there are none."""
    if preset.value is None:
        return LayerCheck(error=preset.error)
    if facts is None:
        return LayerCheck(pending=True)
    return checked_layers(store, preset.value, facts, preset.path)


def freeze_for_queue(configuration: RunConfiguration, shelf: DatasetShelf, home: Path) -> RunConfiguration:
    """With digests of the data and of a user's own net, by which a study knows the run again."""
    values = configuration.hyperparameters
    facts = shelf.known(values) if shelf.is_found(values) else shelf.find(values)
    return freeze(configuration, facts, module_folder(home)) if isinstance(facts, DatasetFacts) else configuration
