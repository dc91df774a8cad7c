"""Several runs beside each other: in what they differ, how good each got, and the seeds of one setting as one.

Nothing here draws or reads a store: it is given runs, their configurations and their epochs.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lazytrain.engine.analysis.facts import config_of
from lazytrain.engine.analysis.identity import identify
from lazytrain.engine.analysis.metric_names import (
    ACCURACIES,
    Goal,
    MetricGroup,
    MetricRules,
    accuracy_share,
    group_metrics,
)
from lazytrain.engine.analysis.queries import CONFIG
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.events import EpochRecord
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.series import Metric

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Array

NET, DEVICE, SEED = "net", "device", "seed"
ARCHITECTURE = "architecture"
SEED_NAMES = ("seed", "random_seed", "rng_seed")
"""How programs call it, in whatever part of their config."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A run with what a comparison looks at."""

    run: Run
    configuration: RunConfiguration | None
    """None of a run that somebody else trains."""
    epochs: Sequence[EpochRecord] = ()
    setting: str = ""
    """`setting_identity`, where it is known already."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What there is of a run that somebody else trains: config, what was said of its metrics."""
    metrics: Sequence[Metric] = ()
    """Its named series, as the store knows them."""
    _groups: list[MetricGroup] | None = field(default=None, init=False, repr=False, compare=False)
    """Kept once they were asked for, which is often."""

    @property
    def batch_size(self) -> int:
        return self.configuration.hyperparameters.batch_size if self.configuration is not None else 1

    @property
    def validated(self) -> bool:
        """Whether "best" looks at images held out for it."""
        return self.configuration is not None and self.configuration.hyperparameters.validation_fraction > 0

    @property
    def groups(self) -> list[MetricGroup]:
        """Its metrics as charts show them."""
        if self._groups is None:
            groups = group_metrics([metric.name for metric in self.metrics], MetricRules.of(self.details))
            object.__setattr__(self, "_groups", groups)
        return self._groups or []

    def group(self, title: str) -> MetricGroup | None:
        """The metrics of that title; `acc` is accuracy too."""
        titles = ACCURACIES if title == "accuracy" else (title,)
        return next((group for group in self.groups if group.title in titles), None)

    def metric(self, name: str) -> Metric | None:
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How good a run got; of several seeds, the means. Accuracies are fractions; None where there is no figure."""

    best_accuracy: float | None = None
    """Test accuracy at `best_epoch`."""
    best_epoch: float | None = None
    """By the validation images where some are held out, else by the test images themselves; the first of equals."""
    last_accuracy: float | None = None
    """Test accuracy after the last finished epoch."""
    gap: float | None = None
    """Train less test accuracy after the last finished epoch."""
    seconds: float | None = None
    """Training time, evaluation included, pauses excluded."""
    images_per_second: float | None = None
    """While training, evaluation excluded."""
    report_accuracy: float | None = None
    """The original report's test accuracy, where it is of just this experiment."""
    lowest: float | None = None
    """Of several seeds, the lowest `best_accuracy`."""
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Runs that are the same experiment but for the seed; or one run alone."""

    key: str
    members: tuple[Compared, ...]

    @property
    def used(self) -> tuple[Compared, ...]:
        """The members whose figures count: those that haven't failed and have any, unless none is such."""
        sound = tuple(
            each for each in self.members if each.run.state is not State.FAILED and (each.epochs or each.metrics)
        )
        return sound or self.members


@dataclass(frozen=True, slots=True)
class MeanCurve:
    """The mean of several curves, with the lowest and the highest of them at each place; float64 [N] each."""

    x: Array
    mean: Array
    low: Array
    high: Array


# ── in what they differ ────────────────────────────────────────────────────────────────────────────────────────


def settings_of(each: Compared) -> dict[str, Any]:
    """Everything that can differ between two runs, by name, in the order it is shown: net, settings, device.

    Of a run that somebody else trains: its project, its group, and its config as `config.…`.
    """
    if each.configuration is None:
        config = {f"{CONFIG}{name}": _hashable(value) for name, value in config_of(each.details).items()}
        return {"project": each.run.project, "group": each.run.run_group, **config}
    return {
        ARCHITECTURE: each.configuration.architecture_name,
        NET: _net_digest(each.configuration),
        **dict(flatten(each.configuration.hyperparameters.model_dump())),
        DEVICE: each.run.device,
    }


def differing(compared: Sequence[Compared], *, without: Iterable[str] = ()) -> dict[str, tuple[Any, ...]]:
    """The fields in which the runs differ, with each run's value, in the order of `settings_of`.

    `net` is among them only where nets of one name differ: it is six digits that tell them apart. A device that isn't
    known yet is no difference, and nor is it that a run lacks a field that only runs of the other kind can have.
    """
    left_out = set(without)
    each_settings = [settings_of(each) for each in compared]
    own = [each.configuration is not None for each in compared]
    columns = {
        name: tuple(values.get(name) for values in each_settings)
        for name in dict.fromkeys(name for values in each_settings for name in values)
    }
    by_name: dict[Any, set[Any]] = {}
    for name, net in zip(columns.get(ARCHITECTURE, ()), columns.get(NET, ()), strict=True):
        by_name.setdefault(name, set()).add(net)
    if all(len(nets) == 1 for nets in by_name.values()):
        left_out.add(NET)
    found: dict[str, tuple[Any, ...]] = {}
    for name, values in columns.items():
        of_own = any(name in each for each, mine in zip(each_settings, own, strict=True) if mine)
        told = [value for value, mine in zip(values, own, strict=True) if mine is of_own]
        if name not in left_out and len({value for value in told if name != DEVICE or value is not None}) > 1:
            found[name] = values
    return found


def _hashable(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


def loss_kind(configuration: RunConfiguration) -> str:
    """Losses of another kind can't be laid over each other: `cross-entropy`, `cross-entropy smoothed by 0.1`, `MSE`."""
    values = configuration.hyperparameters
    if values.loss == "mse":
        return "MSE"
    return f"cross-entropy smoothed by {values.label_smoothing:g}" if values.label_smoothing else "cross-entropy"


def loss_kinds(configurations: Iterable[RunConfiguration | None]) -> tuple[str, ...]:
    """The kinds there are, each once, in order; of what other programs log nobody knows."""
    return tuple(dict.fromkeys(loss_kind(each) for each in configurations if each is not None))


def _net_digest(configuration: RunConfiguration) -> str:
    text = configuration.architecture.model_dump_json(include={"layers", "torchvision", "module", "arguments"})
    return hashlib.sha256(f"{text}{configuration.module_digest}".encode()).hexdigest()[:6]


# ── how good they got ──────────────────────────────────────────────────────────────────────────────────────────


def outcome(each: Compared) -> Outcome:
    """The figures of one run's row."""
    run, epochs = each.run, each.epochs
    if each.configuration is None:
        return _logged_outcome(each)
    report = each.configuration.report
    best = max(epochs, key=lambda record: (record.chosen_accuracy, -record.epoch)) if epochs else None
    last = epochs[-1] if epochs else None
    training = sum(record.seconds - record.evaluation_seconds for record in epochs)
    images = last.step * each.configuration.hyperparameters.batch_size if last else 0
    rate = images / training if training > 0 else None
    if rate is None and run.progress is not None:
        rate = run.progress.images_per_second
    return Outcome(
        best_accuracy=best.test_accuracy if best else None,
        best_epoch=best.epoch if best else None,
        last_accuracy=last.test_accuracy if last else None,
        gap=last.train_accuracy - last.test_accuracy if last else None,
        seconds=run.seconds or None,
        images_per_second=rate,
        report_accuracy=report.test_accuracy if report else None,
    )


def _logged_outcome(each: Compared) -> Outcome:
    """Of a run that somebody else trains: the accuracy that it logs, if it does."""
    group = each.group("accuracy")
    metric = each.metric(group.judged) if group is not None else None
    if metric is None:
        return Outcome(seconds=each.run.seconds or None)
    share = accuracy_share(metric.largest)
    best, last = (None if value is None else value * share for value in (metric.largest, metric.last))
    return Outcome(best_accuracy=best, last_accuracy=last, seconds=each.run.seconds or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricOutcome:
    """A metric of a row: a run's own figures, or the means of several seeds."""

    last: float | None = None
    best: float | None = None
    """None also where nobody knows which way is better."""
    smallest: float | None = None
    largest: float | None = None
    goal: Goal | None = None


def metric_outcome(family: Family, name: str) -> MetricOutcome:
    """The figures of a metric, or of the one that counts of the metrics that share a chart."""
    found: list[tuple[Metric, Goal | None]] = []
    for member in family.used:
        metric, group = member.metric(name), member.group(name)
        if metric is None and group is not None:
            metric = member.metric(group.judged)
        if metric is not None:
            found.append((metric, MetricRules.of(member.details).goal(metric.name)))
    goal: Goal | None = next((goal for _, goal in found if goal is not None), None)
    smallest, largest = (_mean(getattr(each, bound) for each, _ in found) for bound in ("smallest", "largest"))
    return MetricOutcome(
        last=_mean(each.last for each, _ in found),
        best=None if goal is None else smallest if goal == "min" else largest,
        smallest=smallest,
        largest=largest,
        goal=goal,
    )


def family_outcome(family: Family) -> Outcome:
    """The figures of a row: a run's own, or the means of several seeds."""
    outcomes = [outcome(each) for each in family.used]
    if len(outcomes) == 1:
        return outcomes[0]
    bests = [each.best_accuracy for each in outcomes if each.best_accuracy is not None]
    return Outcome(
        best_accuracy=_mean(each.best_accuracy for each in outcomes),
        best_epoch=_mean(each.best_epoch for each in outcomes),
        last_accuracy=_mean(each.last_accuracy for each in outcomes),
        gap=_mean(each.gap for each in outcomes),
        seconds=_mean(each.seconds for each in outcomes),
        images_per_second=_mean(each.images_per_second for each in outcomes),
        report_accuracy=next((each.report_accuracy for each in outcomes), None),
        lowest=min(bests, default=None),
        highest=max(bests, default=None),
    )


def best_of(outcomes: Mapping[str, Outcome]) -> set[str]:
    """The keys of the rows with the highest best accuracy; none where there is only one row or no figure."""
    known = {key: each.best_accuracy for key, each in outcomes.items() if each.best_accuracy is not None}
    highest = max(known.values(), default=None)
    return {key for key, value in known.items() if value == highest} if len(outcomes) > 1 else set()


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


# ── seeds of one setting ───────────────────────────────────────────────────────────────────────────────────────


def fold_seeds(compared: Sequence[Compared]) -> list[Family]:
    """The runs in families that are the same experiment but for the seed (`engine.analysis.identity`), in order.

    Two runs with the same seed too are two members: they are told apart by their device, if by anything.
    """
    families: dict[str, list[Compared]] = {}
    for each in compared:
        families.setdefault(each.setting or identity_of(each), []).append(each)
    return [Family(members[0].run.id, tuple(members)) for members in families.values()]


def alone(compared: Sequence[Compared]) -> list[Family]:
    """Each run by itself."""
    return [Family(each.run.id, (each,)) for each in compared]


def identity_of(each: Compared) -> str:
    """What is the same of runs that differ in their seed alone."""
    if each.configuration is not None:
        return setting_identity(each.configuration)
    config = {
        name: value
        for name, value in config_of(each.details).items()
        if name.rpartition(".")[2].lower() not in SEED_NAMES
    }
    # Of runs without a config nobody knows whether they are the same.
    told = config or each.run.id
    return json.dumps([each.run.kind, each.run.project, each.run.run_group, told], sort_keys=True, default=str)


def setting_identity(configuration: RunConfiguration) -> str:
    """The identity of an experiment whatever its seed."""
    values = configuration.hyperparameters.model_copy(update={"seed": 0})
    return identify(configuration.model_copy(update={"hyperparameters": values}))


def mean_curve(curves: Sequence[tuple[Array, Array]], most_points: int = 2000) -> MeanCurve | None:
    """The mean of curves on common axes, from where all have begun to where the first one ends.

    Beyond that a mean would be of others than before, and could rise only because a bad one ended. Between its points a
    curve runs straight; NaN and infinite values are left out of it.

    Args:
        curves: x (increasing) and y of each, [N] each; those without points are left out.
        most_points: of the mean; at the points of the curve that has most, or evenly spaced if those are more.
    """
    import numpy as np  # tables of comparisons are made without

    sound: list[tuple[Array, Array]] = []
    for x, y in curves:
        finite = np.isfinite(y)
        if finite.any():
            sound.append((np.asarray(x, "f8")[finite], np.asarray(y, "f8")[finite]))
    if not sound:
        return None
    start, end = max(x[0] for x, _ in sound), min(x[-1] for x, _ in sound)
    densest = max((x for x, _ in sound), key=len)
    places = densest[(densest >= start) & (densest <= end)]
    if len(places) > most_points:
        places = np.linspace(places[0], places[-1], most_points)
    if not len(places):
        return None
    values = np.stack([np.interp(places, x, y) for x, y in sound])
    return MeanCurve(places, values.mean(axis=0), values.min(axis=0), values.max(axis=0))
