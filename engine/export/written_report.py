"""What a written report of some runs says, before it is put into words: settings, their figures, what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazytrain.engine.analysis.comparison import setting_identity
from lazytrain.engine.analysis.gathered import gather
from lazytrain.engine.analysis.original import original_of
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.export.report_view import Chapter, Setting, WrittenReport
from lazytrain.engine.places import module_folder
from lazytrain.engine.queue.studies import Describe, PlannedRun, Twins, plan_study
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.store import Store
from lazytrain.presets import DEFAULT, Catalogue


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
    folder = module_folder(store.home)
    planned = plan_study(catalogue, name, describe, module_folder=folder, settings=settings, num_seeds=num_seeds)
    twins = Twins().find(store, planned, store.runs())
    entries = [_Entry(configuration=each.configuration, run=twins.get(each.identity), planned=each) for each in planned]
    found = _settings(store, entries, catalogue)
    chapters = [Chapter(title=study.title, settings=found)]
    if study.studies is not None:
        chapters = []
        for part in study.studies:
            inner = plan_study(
                *(catalogue, part, describe),
                module_folder=folder,
                settings={**study.settings, **(settings or {})},
                num_seeds=num_seeds,
            )
            keys = {setting_identity(each.configuration) for each in inner}
            chosen = tuple(each for each in found if setting_identity(each.configuration) in keys)
            chapters.append(Chapter(title=catalogue.study(part).title, settings=chosen))
    return _report(study.title, found, tuple(chapters), about=study.about, original=study.report)


def report_runs(reader: Reader, runs: Sequence[Run], catalogue: Catalogue, title: str) -> WrittenReport:
    """The report of some runs, in their order, each once. Raises RunNotFound, RunUnreadable."""
    entries = [
        _Entry(configuration=reader.configuration(run.id), run=run) for run in {run.id: run for run in runs}.values()
    ]
    settings = _settings(reader, entries, catalogue)
    return _report(title, settings, (Chapter(title=title, settings=settings),))


def _report(
    title: str, settings: tuple[Setting, ...], chapters: tuple[Chapter, ...], *, about: str = "", original: str = ""
) -> WrittenReport:
    folded = any(len(each.seeds) > 1 for each in settings)
    names = [name for name in settings[0].values if not (folded and name == "seed")] if settings else []
    values = {name: tuple(each.values[name] for each in settings) for name in names}
    differing = {name: found for name, found in values.items() if len(set(map(str, found))) > 1}
    common = {name: found[0] for name, found in values.items() if name not in differing}
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
            values=dict(flatten(group[0].configuration.hyperparameters.model_dump())),
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
