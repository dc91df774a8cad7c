"""The selected run as Monitor reads it: what is new of its curves and settings, and of whatever it has logged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Kind, Run
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.tui.charts.run_figures import ShownRun, find_resumed_steps

if TYPE_CHECKING:
    from lazytrain.engine.analysis.metric_names import MetricRules
    from lazytrain.engine.analysis.metrics import RunMetrics
    from lazytrain.engine.analysis.series import Curves
    from lazytrain.engine.configuration import RunConfiguration


class SelectedRun:
    """Curves and settings of the run that was read last, of those that lazytrain trains."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.curves: Curves | None = None
        self.shown: ShownRun | None = None
        self.configuration: RunConfiguration | None = None
        self.unreadable: tuple[str, str] | None = None
        """Id of the selected run, and why its configuration can't be used, if it can't."""

    def forget(self) -> None:
        """No such run is selected any more."""
        self.unreadable = self.curves = self.shown = self.configuration = None

    def give_up(self, run: Run, why: str) -> None:
        """Nothing can be made of this one: it isn't read again."""
        self.forget()
        self.unreadable = run.id, why

    def read(self, run: Run) -> bool:
        """Read what is new of a run; whether its charts change. Raises RunNotFound, RunUnreadable.

        Of another run than before `curves` is another object.
        """
        if self.unreadable is not None and self.unreadable[0] == run.id:
            raise RunUnreadable(self.unreadable[1])  # known: it isn't read ten times a second
        self.unreadable = None
        # numpy is imported with the first run that is shown.
        from lazytrain.engine.analysis.series import Curves

        before = self.shown
        if self.curves is None or self.curves.run_id != run.id or self.configuration is None:
            self.configuration = self._store.configuration(run.id)
            self.curves, before = Curves(self._store, run.id), None
        resumed = before.resumed_steps if before else ()
        if before is None or (run.revision, run.state) != (before.run.revision, before.run.state):
            resumed = find_resumed_steps(self._store.messages(run.id))
        new = self.curves.update(run)
        shown = before or ShownRun(
            run=run,
            report=self.configuration.report,
            validated=self.configuration.hyperparameters.validation_fraction > 0,
            batch_size=self.configuration.hyperparameters.batch_size,
        )
        self.shown = replace(shown, run=run, resumed_steps=resumed)
        return new or before is None or before.run.state is not run.state or before.resumed_steps != resumed


class LoggedMetrics:
    """What one run has logged; with `curves`, what the training of one of lazytrain's own has.

    Attributes:
        rules: what the run says of its metrics; None until they are read.
        resumed_steps: where it was taken up again.
        from_output: whether its figures were read off what it printed.
    """

    def __init__(self, store: Store, run: Run, curves: Curves | None = None) -> None:
        from lazytrain.engine.analysis.metrics import OwnMetrics, RunMetrics  # numpy, with the first such run

        self._store, self.run_id = store, run.id
        self.metrics: RunMetrics = RunMetrics(store, run.id) if curves is None else OwnMetrics(store, curves)
        self.rules: MetricRules | None = None
        self.resumed_steps: tuple[int, ...] = ()
        self.from_output = False
        self._life: object = None
        """What the run was like when it was asked."""

    def read(self, run: Run) -> bool:
        """Read what is new of the run; whether its charts change. Raises RunNotFound."""
        from lazytrain.engine.analysis.metric_names import MetricRules

        changed, life = self.metrics.update(), (run.revision, run.state)
        if not changed and life == self._life:
            return False
        details = self._read_details()
        self.from_output = run.kind is Kind.COMMAND and bool(details.get("from_output"))
        if life != self._life:
            self.resumed_steps = find_resumed_steps(self._store.messages(run.id))
        self._life, self.rules = life, MetricRules.of(details)
        return True

    def _read_details(self) -> dict[str, Any]:
        """What is stored of it beside its series; nothing where that is damaged or gone, as `i` says."""
        try:
            return self._store.details(self.run_id)
        except (RunNotFound, RunUnreadable):
            return {}
