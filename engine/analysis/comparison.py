"""Several runs beside each other: in what they differ, how good each got, and the seeds of one setting as one.

Nothing here draws or reads a store: it is given runs, their configurations and their epochs.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytrain.engine.analysis.identity import identify
from lazytrain.engine.configuration import RunConfiguration, flatten
from lazytrain.engine.events import EpochRecord
from lazytrain.engine.records import Run, State

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Array

NET, DEVICE, SEED = "net", "device", "seed"
ARCHITECTURE = "architecture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A run with what a comparison looks at."""

    run: Run
    configuration: RunConfiguration
    epochs: Sequence[EpochRecord] = ()
    setting: str = ""
    """`setting_identity` of the configuration, where it is known already."""


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
        sound = tuple(each for each in self.members if each.run.state is not State.FAILED and each.epochs)
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
    """Everything that can differ between two runs, by name, in the order it is shown: net, settings, device."""
    return {
        ARCHITECTURE: each.configuration.architecture_name,
        NET: _net_digest(each.configuration),
        **dict(flatten(each.configuration.hyperparameters.model_dump())),
        DEVICE: each.run.device,
    }


def differing(compared: Sequence[Compared], *, without: Iterable[str] = ()) -> dict[str, tuple[Any, ...]]:
    """The fields in which the runs differ, with each run's value, in the order of `settings_of`.

    `net` is among them only where nets of one name differ: it is six digits that tell them apart. A device that isn't
    known yet is no difference.
    """
    left_out = set(without)
    if not compared:
        return {}
    each_settings = [settings_of(each) for each in compared]
    columns = {name: tuple(values[name] for values in each_settings) for name in each_settings[0]}
    by_name: dict[Any, set[Any]] = {}
    for name, net in zip(columns[ARCHITECTURE], columns[NET], strict=True):
        by_name.setdefault(name, set()).add(net)
    if all(len(nets) == 1 for nets in by_name.values()):
        left_out.add(NET)
    return {
        name: values
        for name, values in columns.items()
        if name not in left_out and len({value for value in values if name != DEVICE or value is not None}) > 1
    }


def loss_kind(configuration: RunConfiguration) -> str:
    """Losses of another kind can't be laid over each other: `cross-entropy`, `cross-entropy smoothed by 0.1`, `MSE`."""
    values = configuration.hyperparameters
    if values.loss == "mse":
        return "MSE"
    return f"cross-entropy smoothed by {values.label_smoothing:g}" if values.label_smoothing else "cross-entropy"


def loss_kinds(configurations: Iterable[RunConfiguration]) -> tuple[str, ...]:
    """The kinds there are, each once, in order."""
    return tuple(dict.fromkeys(loss_kind(each) for each in configurations))


def _net_digest(configuration: RunConfiguration) -> str:
    text = configuration.architecture.model_dump_json(include={"layers", "torchvision", "module", "arguments"})
    return hashlib.sha256(f"{text}{configuration.module_digest}".encode()).hexdigest()[:6]


# ── how good they got ──────────────────────────────────────────────────────────────────────────────────────────


def outcome(each: Compared) -> Outcome:
    """The figures of one run's row."""
    run, epochs, report = each.run, each.epochs, each.configuration.report
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
        families.setdefault(each.setting or setting_identity(each.configuration), []).append(each)
    return [Family(members[0].run.id, tuple(members)) for members in families.values()]


def alone(compared: Sequence[Compared]) -> list[Family]:
    """Each run by itself."""
    return [Family(each.run.id, (each,)) for each in compared]


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
