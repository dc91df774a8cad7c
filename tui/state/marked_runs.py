"""The marked runs as Compare reads them: what is new of each, and which can't be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Kind, Run
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.tui.charts.run_figures import find_resumed_steps

if TYPE_CHECKING:
    from lazytrain.engine.analysis.comparison import Compared
    from lazytrain.engine.analysis.metrics import RunMetrics
    from lazytrain.engine.analysis.series import Curves
    from lazytrain.engine.configuration import RunConfiguration


class MarkedRuns:
    """Curves, metrics and settings of the runs that were read last, each read as it grows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.curves: dict[str, Curves] = {}
        """Of those that lazytrain trains."""
        self.series: dict[str, RunMetrics] = {}
        self.unreadable: dict[str, str] = {}
        """Run id → its name, where its configuration can't be used."""
        self._configurations: dict[str, tuple[RunConfiguration, str]] = {}
        self._details: dict[str, tuple[object, dict[str, Any]]] = {}
        """Id of a run that somebody else trains → what it was like when it was asked, and its details."""
        self._resumed: dict[str, tuple[object, tuple[int, ...]]] = {}
        """Run id → what the run was like when its log was read, and the steps at which it was taken up again."""

    @property
    def resumed(self) -> dict[str, tuple[int, ...]]:
        """Run id → the steps at which it was taken up again."""
        return {run_id: steps for run_id, (_, steps) in self._resumed.items()}

    def read(self, runs: Sequence[Run]) -> tuple[list[Compared], bool]:
        """Read what is new of these runs, and forget others; whether there was anything new."""
        compared: list[Compared] = []
        grown = False
        self.unreadable = {run.id: run.shown_name for run in runs if run.id in self.unreadable}
        for run in runs:
            if run.id in self.unreadable:
                continue
            try:
                found, new = self._read_own(run) if run.kind is Kind.OWN else self._read_other(run)
            except RunNotFound:
                # Another process discarded it since the runs were read: the next ones are without it.
                continue
            except RunUnreadable:
                self.unreadable[run.id] = run.shown_name
                continue
            compared.append(found)
            grown |= new
        kept = {run.id for run in runs}
        for known in (self.curves, self.series, self._configurations, self._resumed, self._details):
            for run_id in known.keys() - kept:
                del known[run_id]
        return compared, grown

    def _read_own(self, run: Run) -> tuple[Compared, bool]:
        """A run that lazytrain trains, and whether there is anything new of it. Raises RunNotFound, RunUnreadable."""
        from lazytrain.engine.analysis.comparison import Compared, setting_identity
        from lazytrain.engine.analysis.metrics import OwnMetrics
        from lazytrain.engine.analysis.series import Curves

        store = self._store
        if run.id not in self.curves:
            configuration = store.configuration(run.id)
            self._configurations[run.id] = configuration, setting_identity(configuration)
            self.curves[run.id] = Curves(store, run.id)
            self.series[run.id] = OwnMetrics(store, self.curves[run.id])
        curves, (configuration, setting) = self.curves[run.id], self._configurations[run.id]
        self._find_resumed(run)
        grown = curves.update(run)
        if grown or not self.series[run.id].metrics:
            self.series[run.id].update()
        metrics = self.series[run.id].metrics
        found = Compared(
            run=run, configuration=configuration, epochs=tuple(curves.epochs), setting=setting, metrics=metrics
        )
        return found, grown

    def _read_other(self, run: Run) -> tuple[Compared, bool]:
        """A run that somebody else trains. Raises RunNotFound."""
        from lazytrain.engine.analysis.comparison import Compared
        from lazytrain.engine.analysis.metrics import RunMetrics

        store, life = self._store, (run.updated, run.state, run.revision)
        grown = self._details.get(run.id, (None,))[0] != life
        if grown:
            self._details[run.id] = life, store.details(run.id)
            self.series.setdefault(run.id, RunMetrics(store, run.id)).update()
            self._find_resumed(run)
        details, metrics = self._details[run.id][1], self.series[run.id].metrics
        return Compared(run=run, configuration=None, details=details, metrics=metrics), grown

    def _find_resumed(self, run: Run) -> None:
        life = run.revision, run.state
        if self._resumed.get(run.id, (None,))[0] != life:
            self._resumed[run.id] = life, find_resumed_steps(self._store.messages(run.id))
