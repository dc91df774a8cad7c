"""The fields of a written report, which templates, people's own too, read by their names.

Runs that differ in nothing but their seed are one setting, with means and standard deviations (n - 1) over the seeds.
Accuracies are fractions, times Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from lazytrain.engine.analysis.comparison import Compared, outcome
from lazytrain.engine.analysis.gathered import Gathered
from lazytrain.engine.analysis.original import Original
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.queue.studies import PlannedRun
from lazytrain.engine.records import Run, State

NOT_TRAINED = "not trained yet"
"""Counted beside the states: what a study has and nobody queued."""


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
    values: Mapping[str, Any]
    """Dotted name → value of every hyperparameter."""
    runs: tuple[Gathered, ...]
    missing: tuple[PlannedRun, ...] = ()
    """Of a study: those not queued yet."""
    original: Original | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of its runs, then of those not queued yet."""
        return (*(each.run.seed for each in self.runs), *(planned.seed for planned in self.missing))

    @property
    def states(self) -> Mapping[str, int]:
        """State → number of runs, the missing ones too."""
        return Counter((*(each.run.state.value for each in self.runs), *(NOT_TRAINED for _ in self.missing)))

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

    @property
    def verdict(self) -> str:
        """Whether it agrees with the original report, in a few words; nothing where that can't be said."""
        if self.original is None:
            return ""
        epochs = max((each.run.epoch for each in self.scored), default=0)
        accuracy = self.last_test.mean if self.scored and self.last_test is not None else None
        return self.original.verdict(accuracy, epochs, diverged=self.diverged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Settings whose curves are laid over each other."""

    title: str
    settings: tuple[Setting, ...]
    picture: str | None = None
    """The picture's address, relative to the report's; None where there is none."""


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
    differing: Mapping[str, tuple[Any, ...]]
    """Dotted name → each setting's value, of the others, in their order; `seed` among them where no setting has two."""

    @property
    def runs(self) -> tuple[Gathered, ...]:
        return tuple(each for setting in self.settings for each in setting.runs)

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        return tuple(each for setting in self.settings for each in setting.missing)

    @property
    def states(self) -> Mapping[str, int]:
        """State → number of runs: those that finished and that failed first, the missing ones last."""
        counts = Counter(each.run.state for each in self.runs)
        order = sorted(counts, key=lambda state: (state is not State.FINISHED, state is not State.FAILED))
        missing = {NOT_TRAINED: len(self.missing)} if self.missing else {}
        return {**{state.value: counts[state] for state in order}, **missing}

    @property
    def seeds(self) -> tuple[int, ...]:
        """All there are, each once, sorted."""
        return tuple(sorted({seed for setting in self.settings for seed in setting.seeds}))

    @property
    def folded(self) -> bool:
        """Whether a setting has several seeds."""
        return any(len(setting.seeds) > 1 for setting in self.settings)

    @property
    def averaged(self) -> bool:
        """Whether a figure is a mean over several."""
        return any(len(setting.scored) > 1 for setting in self.settings)

    @property
    def best(self) -> float | None:
        """The highest mean of `best_test`; None where there is nothing to compare, or not on one dataset."""
        if len(self.settings) < 2 or "dataset" not in self.common:
            return None
        return max((setting.best_test.mean for setting in self.settings if setting.best_test), default=None)

    @property
    def places(self) -> tuple[tuple[Run, ...], ...]:
        """The runs that were trained, those together that were on the same device, in the same way, with the same
        versions."""
        found: dict[tuple[Any, ...], list[Run]] = {}
        for run in (each.run for each in self.runs if each.run.device is not None):
            found.setdefault((run.versions, run.device, run.device_reason, run.threads, run.path), []).append(run)
        return tuple(map(tuple, found.values()))
