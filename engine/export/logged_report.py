"""The fields of a written report of runs that programs and commands of one's own train, which its template reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lazytrain.engine.analysis.comparison import Compared, alone, differing, metric_outcome, settings_of
from lazytrain.engine.export.foreign import ForeignRun
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.series import Metric

MOST_COLUMNS = 6
"""Metrics in the table of results; the table of metrics has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFigure:
    """A metric of a run, as it stands in the table of results."""

    value: float | None
    """The best where it is known which way is better, else the last; None: there is none."""
    is_best: bool
    """Of all runs, the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """One run."""

    run: Run
    figures: tuple[LoggedFigure, ...]
    """One for each of the report's `columns`."""
    values: Mapping[str, Any]
    """Name → value of everything that is known of its settings."""
    metrics: Sequence[Metric]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedReport:
    """Everything that is written."""

    title: str
    runs: tuple[LoggedRun, ...]
    columns: tuple[tuple[str, str], ...]
    """(figure, `lowest`, `highest` or `last`): which of its values is told."""
    common: Mapping[str, Any]
    """Name → value of what all runs were begun with."""
    differing: Mapping[str, tuple[Any, ...]]
    """Name → each run's value, of the others."""
    drawn: tuple[ForeignRun, ...]
    """What the picture shows."""
    picture: str | None = None
    """Its address, relative to the report's; None where there is none."""

    @property
    def states(self) -> Mapping[str, int]:
        """State → number of runs: those that finished and that failed first."""
        counts = Counter(each.run.state for each in self.runs)
        order = sorted(counts, key=lambda state: (state is not State.FINISHED, state is not State.FAILED))
        return {state.value: counts[state] for state in order}


def report_logged(reader: Reader, runs: Sequence[Run], title: str) -> LoggedReport:
    """The report of such runs, in their order, each once. Raises RunNotFound, RunUnreadable."""
    read = [ForeignRun(reader, run_id) for run_id in dict.fromkeys(run.id for run in runs)]
    compared = [
        Compared(run=each.run, configuration=None, details=each.details, metrics=reader.metrics(each.run.id))
        for each in read
    ]
    titles = list(dict.fromkeys(group.title for each in compared for group in each.groups))
    families = alone(compared)
    columns: list[tuple[str, str]] = []
    figures: list[list[LoggedFigure]] = [[] for _ in compared]
    for name in titles[:MOST_COLUMNS]:
        outcomes = [metric_outcome(family, name) for family in families]
        goal = next((each.goal for each in outcomes if each.goal is not None), None)
        columns.append((name, {"min": "lowest", "max": "highest", None: "last"}[goal]))
        values = [each.last if goal is None else each.best for each in outcomes]
        known = [value for value in values if value is not None]
        best = None
        if goal is not None and len(known) > 1:
            best = min(known) if goal == "min" else max(known)
        for row, value in zip(figures, values, strict=True):
            row.append(LoggedFigure(value=value, is_best=value is not None and value == best))
    differ = differing(compared)
    settings = [settings_of(each) for each in compared]
    names = dict.fromkeys(name for each in settings for name in each)
    return LoggedReport(
        title=title,
        runs=tuple(
            LoggedRun(
                run=each.run,
                figures=tuple(row),
                values=values,
                metrics=each.metrics,
                command=str(each.details.get("command") or ""),
            )
            for each, row, values in zip(compared, figures, settings, strict=True)
        ),
        columns=tuple(columns),
        common={
            name: settings[0].get(name)
            for name in names
            if name not in differ and settings[0].get(name) not in (None, "")
        },
        differing=differ,
        drawn=tuple(each for each in read if each.series),
    )
