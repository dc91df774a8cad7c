"""What filters ask of runs beyond their lines: hyperparameters, what programs were begun with, figures of metrics."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazytrain.engine.analysis.metric_names import Goal, MetricRules, accuracies_in, accuracy_share
from lazytrain.engine.records import Kind as RunKind
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.series import Metric

Settings = Mapping[str, Any]
"""A run's hyperparameters, or what a program was begun with, by dotted name; and figures of metrics (`figure_key`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What runs call their metrics, and what programs were begun with."""

    metrics: Sequence[str] = ()
    config: Sequence[str] = ()


@functools.cache
def defaults() -> dict[str, Any]:
    """Every hyperparameter's default, by dotted name."""
    from lazytrain.engine.configuration import flatten
    from lazytrain.presets import Hyperparameters

    return dict(flatten(Hyperparameters().model_dump()))


class KnownSettings:
    """Runs' hyperparameters, each read once: a stored configuration never changes. Of other runs, what is new."""

    def __init__(self) -> None:
        self._known: dict[str, Settings] = {}
        self._others: dict[str, tuple[object, Settings]] = {}
        """What a run was like when it was read, and its config."""
        self._figures: dict[str, tuple[object, Settings]] = {}
        self._names: tuple[str, ...] = ()

    def read(self, reader: Reader, runs: Iterable[Run]) -> Mapping[str, Settings]:
        """Run id → hyperparameters, of these runs at least; those of runs that are gone are missing."""
        there = list(runs)
        missing = [run.id for run in there if run.kind is RunKind.OWN and run.id not in self._known]
        if missing:
            for run_id, values in reader.settings(missing).items():
                self._known[run_id] = defaults() | values
        new = [
            run for run in there if run.kind is not RunKind.OWN and self._others.get(run.id, (None,))[0] != _life(run)
        ]
        if new:
            details = reader.details_of(run.id for run in new)
            self._others |= {run.id: (_life(run), config_of(details.get(run.id, {}))) for run in new}
        return ChainMap(self._known, {run_id: config for run_id, (_, config) in self._others.items()})

    def figures(self, reader: Reader, runs: Sequence[Run], names: tuple[str, ...]) -> Mapping[str, Settings]:
        """Run id → figures of these metrics, by `figure_key`."""
        if names != self._names:
            self._names, self._figures = names, {}
        new = [run for run in runs if self._figures.get(run.id, (None,))[0] != _life(run)]
        if new:
            metrics = reader.metrics_of((run.id for run in new), names)
            details = reader.details_of(run.id for run in new)
            for run in new:
                self._figures[run.id] = _life(run), _figures(metrics.get(run.id, {}), details.get(run.id, {}), names)
        return {run_id: figures for run_id, (_, figures) in self._figures.items()}


def _life(run: Run) -> object:
    return run.updated, run.state, run.revision


def config_of(details: Mapping[str, Any]) -> dict[str, Any]:
    """What a program was begun with, by dotted name."""
    from lazytrain.engine.configuration import flatten

    config = details.get("config")
    return dict(flatten(config)) if isinstance(config, dict) else {}


def _figures(metrics: Mapping[str, Metric], details: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Of one run. A figure that its program gave itself (`run.summary`) counts before the metric's."""
    rules, told = MetricRules.of(details), details.get("summary")
    summary: Mapping[str, Any] = told if isinstance(told, dict) else {}
    found: dict[str, Any] = {}
    for name in names:
        metric = metrics.get(name)
        if metric is not None:
            figures = figures_of(metric, rules.goal(name))
            found |= {figure_key(name, figure): value for figure, value in figures.items()}
            found[figure_key(name)] = figures.get(rules.summary(name), figures["last"])
        given = summary.get(name)
        # Of a run that is over, the summary has each metric's last value too.
        if isinstance(given, int | float) and (metric is None or given != metric.last):
            found[figure_key(name)] = given
    return found


def figures_of(metric: Metric, goal: Goal | None) -> dict[str, float | None]:
    """`last`, `min`, `max`, and `best` where that is known; None stands for NaN."""
    bounds = {"last": metric.last, "min": metric.smallest, "max": metric.largest}
    return bounds | ({"best": bounds[goal]} if goal is not None else {})


def figure_key(name: str, figure: str = "") -> str:
    # No field's name has such a beginning.
    return f"\0{figure}\0{name}"


def names_in(reader: Reader) -> Names:
    """What the store's runs call their metrics and their config."""
    details = reader.details_of(run.id for run in reader.runs() if run.kind is not RunKind.OWN)
    config = dict.fromkeys(name for each in details.values() for name in config_of(each))
    given = (each["summary"] for each in details.values() if isinstance(each.get("summary"), dict))
    return Names(
        metrics=tuple(dict.fromkeys([*reader.metric_names(), *(name for each in given for name in each)])),
        config=tuple(config),
    )


@dataclass(frozen=True, slots=True)
class LoggedAccuracy:
    """The accuracy that somebody else's program logs, as fractions; None where it was never a number."""

    best: float | None
    last: float | None


def logged_accuracies(reader: Reader, runs: Iterable[Run]) -> dict[str, LoggedAccuracy]:
    """Run id → its accuracy, of those that programs and commands train and that log one."""
    names = accuracies_in(reader.metric_names())
    others = [run.id for run in runs if run.kind is not RunKind.OWN] if names else []
    found: dict[str, LoggedAccuracy] = {}
    for run_id, metrics in reader.metrics_of(others, names).items():
        metric = next(metrics[name] for name in names if name in metrics)
        share = accuracy_share(metric.largest)
        best, last = (None if value is None else value * share for value in (metric.largest, metric.last))
        found[run_id] = LoggedAccuracy(best, last)
    return found
