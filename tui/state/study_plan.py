"""A study about to be launched: its runs with what is known of each, and which of them are to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from lazytrain.engine.queue.estimate import Estimate, LayerCheck, checked_layers, estimate
from lazytrain.engine.queue.fitting import find_misfit
from lazytrain.engine.queue.studies import PlannedRun, Standing, Twins, launch_order, queue_run, standing
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A run of the study as it is listed."""

    planned: PlannedRun
    twin: Run | None
    """The run of the same experiment that is there already."""
    check: LayerCheck
    estimate: Estimate | None
    """None before it was asked for."""
    chosen: bool
    """To be queued; a twin that is finished or under way is trained again then."""

    @property
    def standing(self) -> Standing:
        return standing(self.twin)

    @property
    def refusal(self) -> str | None:
        """Why it can't be trained."""
        return self.planned.error or self.check.error

    @property
    def seconds(self) -> float | None:
        """Expected; None while it isn't known. A twin's own time is better than any measurement."""
        if self.twin is not None and self.standing is Standing.DONE:
            return self.twin.seconds
        return self.estimate.seconds if self.estimate is not None else None

    @property
    def seconds_to_go(self) -> float | None:
        """Expected of what is still to be trained, if it is chosen."""
        seconds = self.seconds
        if seconds is None or self.twin is None or self.standing is not Standing.KEPT:
            return seconds
        return seconds * (1 - self.twin.fraction)

    @property
    def again(self) -> bool:
        """Whether it is trained though its twin is there."""
        return self.chosen and self.standing in (Standing.DONE, Standing.UNDERWAY)


@dataclass(slots=True)
class StudyDraft:
    """The runs of one study. What is there already is off until it is chosen; the others are on until they aren't."""

    planned: tuple[PlannedRun, ...]
    again: bool = False
    """What is there already starts chosen."""
    _flipped: set[str] = field(default_factory=set[str])
    """Names of the runs that a person switched."""
    _checks: dict[str, LayerCheck] = field(default_factory=dict[str, LayerCheck])
    _estimates: dict[str, Estimate] = field(default_factory=dict[str, Estimate])

    def rows(self, store: Store, twins: Twins, runs: Sequence[Run], *, measure: bool) -> list[StudyRow]:
        """The runs in the order in which they would be trained. Asks a runner for the times if `measure`."""
        found = twins.find(store, self.planned, runs)
        rows = [self._row(each, found.get(each.identity), store, measure) for each in self.planned]
        times = [inf if row.refusal or (row.estimate and row.estimate.error) else row.seconds for row in rows]
        return [rows[number] for number in launch_order(self.planned, times)]

    def _row(self, planned: PlannedRun, twin: Run | None, store: Store, measure: bool) -> StudyRow:
        check, stands, facts = self._check(planned, store), standing(twin), planned.facts
        refused = planned.error is not None or check.error is not None
        known = self._estimates.get(planned.name)
        unknown = known is None or known.pending
        if measure and unknown and facts is not None and stands is not Standing.DONE and not (refused or check.pending):
            known = self._estimates[planned.name] = estimate(store, planned.configuration, facts)
        wanted = self.again or stands in (Standing.NEW, Standing.KEPT)
        return StudyRow(
            planned=planned,
            twin=twin,
            check=check,
            estimate=known,
            chosen=not refused and wanted != (planned.name in self._flipped),
        )

    def _check(self, planned: PlannedRun, store: Store) -> LayerCheck:
        known = self._checks.get(planned.name)
        if known is None or known.pending:
            known = LayerCheck()
            if planned.facts is not None:
                known = checked_layers(store, planned.configuration.architecture, planned.facts, planned.path)
                misfit = find_misfit(planned.configuration, planned.facts)
                known = replace(known, error=known.error or misfit, pending=known.pending and misfit is None)
            self._checks[planned.name] = known
        return known

    def flip(self, planned: PlannedRun) -> None:
        """Switch a run on or off."""
        self._flipped ^= {planned.name}

    def settle(self) -> None:
        """Forget what was switched: it is queued."""
        self._flipped.clear()
        self.again = False


def queue_rows(store: Store, rows: Sequence[StudyRow]) -> list[Run]:
    """Queue what is chosen, in order. Whatever of it can't be trained must have been refused before."""
    return [queue_run(store, row.planned, row.twin, again=row.again) for row in rows if row.chosen]
