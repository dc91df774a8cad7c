"""What a written report of some runs says, before it is put into words: settings, their figures, what differs.

Runs that differ in nothing but their seed are one setting, with means and standard deviations (n - 1) over the seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from lazytrain.engine.analysis.comparison import Compared, outcome, setting_identity
from lazytrain.engine.analysis.original import Original, original_of
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
from lazytrain.engine.export.gathered import Gathered, gather
from lazytrain.engine.queue.studies import PlannedRun, Twins, plan_study
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.store import Store
from lazytrain.presets import DEFAULT, Catalogue, Hyperparameters

Describe = Callable[[Hyperparameters], DatasetFacts | DatasetError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure of one run, or its mean and standard deviation over several seeds."""

    mean: float
    deviation: float | None = None
    """None of a single run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One configuration, whatever its seed, with the runs there are of it."""

    label: str
    """Short, and no other's."""
    configuration: RunConfiguration
    runs: tuple[Gathered, ...]
    missing: tuple[PlannedRun, ...] = ()
    """Of a study: those not queued yet."""
    original: Original | None = None

    @property
    def scored(self) -> tuple[Gathered, ...]:
        """Those whose figures count: with a finished epoch, and not failed unless all of them have."""
        trained = tuple(each for each in self.runs if each.epochs)
        return tuple(each for each in trained if each.run.state is not State.FAILED) or trained

    @property
    def drawn(self) -> tuple[Gathered, ...]:
        """Those whose curves are shown: a run that diverged in its first epoch, too, where there is no better."""
        return self.scored or tuple(each for each in self.runs if each.packed or each.run.diverged)

    def spread(self, figure: Callable[[Gathered], float | None]) -> Spread | None:
        """A figure over the runs that count, or where none does over those that have it."""
        found = [value for each in self.scored or self.runs if (value := figure(each)) is not None]
        if not found:
            return None
        return Spread(mean=mean(found), deviation=stdev(found) if len(found) > 1 else None)

    @property
    def best_test(self) -> Spread | None:
        """Test accuracy of the best epoch."""
        return self.spread(lambda each: each.best.test_accuracy if each.best is not None else None)

    @property
    def best_epochs(self) -> tuple[int, ...]:
        return tuple(each.run.best_epoch for each in self.scored if each.run.best_epoch is not None)

    @property
    def last_test(self) -> Spread | None:
        return self.spread(lambda each: each.run.test_accuracy)

    @property
    def last_train(self) -> Spread | None:
        return self.spread(lambda each: each.run.train_accuracy)

    @property
    def gap(self) -> Spread | None:
        """Train minus test accuracy after the last epoch."""
        return self.spread(
            lambda each: (
                each.run.train_accuracy - each.run.test_accuracy
                if each.run.train_accuracy is not None and each.run.test_accuracy is not None
                else None
            )
        )

    @property
    def seconds(self) -> Spread | None:
        """Training and evaluation, pauses excluded."""
        return self.spread(lambda each: each.run.seconds or None)

    @property
    def images_per_second(self) -> Spread | None:
        """While training, evaluation excluded."""
        return self.spread(
            lambda each: (
                outcome(Compared(run=each.run, configuration=each.configuration, epochs=each.epochs)).images_per_second
            )
        )

    @property
    def diverged(self) -> bool:
        """Whether a run of it ended because its loss was no number any more."""
        return any(each.run.diverged for each in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Settings whose curves are laid over each other."""

    title: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReport:
    """Everything that is written."""

    title: str
    about: str = ""
    original: str = ""
    """What the original report saw in the study, in words."""
    settings: tuple[Setting, ...]
    chapters: tuple[Chapter, ...]
    common: Mapping[str, Any]
    """Dotted name → value of every hyperparameter that all settings share."""
    differing: tuple[str, ...]
    """Dotted names of the others, in their order; `seed` among them where no setting has two."""

    @property
    def runs(self) -> tuple[Gathered, ...]:
        return tuple(each for setting in self.settings for each in setting.runs)

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        return tuple(each for setting in self.settings for each in setting.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A run, or the plan of one that isn't there."""

    configuration: RunConfiguration
    run: Run | None = None
    planned: PlannedRun | None = None


def report_study(
    store: Store,
    catalogue: Catalogue,
    name: str,
    describe: Describe,
    *,
    settings: Mapping[str, Any] | None = None,
    num_seeds: int | None = None,
) -> WrittenReport:
    """The report of a study: its runs found by what they are, whoever queued them, and those that aren't there.

    A study of studies has a chapter for each, other ones have one.

    Raises:
        PresetError: there is no such study, or it is broken.
    """
    study = catalogue.study(name)
    planned = plan_study(catalogue, name, describe, settings=settings, num_seeds=num_seeds)
    twins = Twins().find(store, planned, store.runs())
    entries = [_Entry(configuration=each.configuration, run=twins.get(each.identity), planned=each) for each in planned]
    found = _settings(store, entries, catalogue)
    chapters = [Chapter(title=study.title, settings=found)]
    if study.studies is not None:
        chapters = []
        for part in study.studies:
            inner = plan_study(
                catalogue, part, describe, settings={**study.settings, **(settings or {})}, num_seeds=num_seeds
            )
            keys = {setting_identity(each.configuration) for each in inner}
            chosen = tuple(each for each in found if setting_identity(each.configuration) in keys)
            chapters.append(Chapter(title=catalogue.study(part).title, settings=chosen))
    return _report(study.title, found, tuple(chapters), about=study.about, original=study.report)


def report_runs(reader: Reader, runs: Sequence[Run], catalogue: Catalogue, title: str) -> WrittenReport:
    """The report of some runs, in their order, each once. Raises RunNotFound if one is gone."""
    entries = [
        _Entry(configuration=reader.configuration(run.id), run=run) for run in {run.id: run for run in runs}.values()
    ]
    settings = _settings(reader, entries, catalogue)
    return _report(title, settings, (Chapter(title=title, settings=settings),))


def _report(
    title: str, settings: tuple[Setting, ...], chapters: tuple[Chapter, ...], *, about: str = "", original: str = ""
) -> WrittenReport:
    values = [dict(flatten(each.configuration.hyperparameters.model_dump())) for each in settings]
    names = list(values[0]) if values else []
    folded = any(len(each.runs) + len(each.missing) > 1 for each in settings)
    differing = tuple(
        name for name in names if not (folded and name == "seed") and len({str(each[name]) for each in values}) > 1
    )
    common = {name: values[0][name] for name in names if name not in differing and not (folded and name == "seed")}
    return WrittenReport(
        title=title,
        about=about,
        original=original,
        settings=settings,
        chapters=chapters,
        common=common,
        differing=differing,
    )


def _settings(reader: Reader, entries: Iterable[_Entry], catalogue: Catalogue) -> tuple[Setting, ...]:
    groups: dict[str, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(setting_identity(entry.configuration), []).append(entry)
    labels = _labels([group[0].configuration for group in groups.values()])
    return tuple(
        Setting(
            label=_own_name(group) or label,
            configuration=group[0].configuration,
            runs=tuple(gather(reader, entry.run.id) for entry in group if entry.run is not None),
            missing=tuple(entry.planned for entry in group if entry.run is None and entry.planned is not None),
            original=original_of(group[0].configuration, catalogue),
        )
        for label, group in zip(labels, groups.values(), strict=True)
    )


def _own_name(group: Sequence[_Entry]) -> str | None:
    """The name that a person gave a setting's only run."""
    run = group[0].run
    if len(group) > 1 or run is None or group[0].planned is not None:
        return None
    return None if run.name.startswith(group[0].configuration.suggested_name) else run.name


def _labels(configurations: Sequence[RunConfiguration]) -> list[str]:
    """Architecture, hyperparameters, and the edits that not all have; in full where that isn't enough."""
    edits = [{name: value for name, value in _edited(each).items() if name != "seed"} for each in configurations]
    shared = set[str]()
    if len(edits) > 1:
        shared = {name for name in edits[0] if all(each.get(name) == edits[0][name] for each in edits)}
    short = [
        each.model_copy(update={"edits": tuple(name for name in own if name not in shared)}).suggested_name
        for each, own in zip(configurations, edits, strict=True)
    ]
    bare = [label.replace(f" {DEFAULT}", "", 1) for label in short]
    labels = bare if len(set(bare)) == len(bare) else short
    if len(set(labels)) == len(labels):
        return labels
    return [f"{label} ({number})" for number, label in enumerate(labels, start=1)]


def _edited(configuration: RunConfiguration) -> dict[str, Any]:
    values = dict(flatten(configuration.hyperparameters.model_dump()))
    return {name: values[name] for name in configuration.edits}
