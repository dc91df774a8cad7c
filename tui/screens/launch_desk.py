"""What Launch makes of a choice: the draft, everything that follows from it on the right side, and the queueing.

Imported after the first frame, which needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from lazytrain.engine.queue.estimate import Estimate, LayerCheck, estimate
from lazytrain.engine.records import State
from lazytrain.engine.store.store import NotPossible
from lazytrain.presets import Catalogue
from lazytrain.tui.lists.preset_list import PENDING, WARNING, PresetList, PresetRow, list_commands, list_studies
from lazytrain.tui.state.draft import HELD_OUT, Draft, Edits
from lazytrain.tui.state.proposal import Proposal, check_architecture, freeze_for_queue, propose
from lazytrain.tui.widgets.flow import Flow
from lazytrain.tui.widgets.layer_table import LayerTable
from lazytrain.tui.widgets.plan import (
    count_words,
    describe_data,
    describe_differences,
    describe_presets,
    describe_report,
    describe_settings,
    describe_time,
)

if TYPE_CHECKING:
    from lazytrain.engine.configuration import RunConfiguration
    from lazytrain.presets import Hyperparameters
    from lazytrain.tui.state.host import Host
    from lazytrain.tui.state.kept_preset import Kept

ESTIMATE_DELAY = 0.4
"""Seconds that a choice must stand before its time is measured: a runner leaves its training for that."""
SHOWN = ("architectures", "hyperparameters", "net")
"""What is written to whenever something is new."""


class Desk:
    """One pair of presets at a time, and what is known of it."""

    def __init__(
        self,
        screen: Screen[None],
        catalogue: Catalogue,
        draft: Draft,
        find_dataset: Callable[[Hyperparameters], object],
    ) -> None:
        self.draft = draft
        self.proposal = Proposal(draft=draft, configuration=None, dataset=None, check=LayerCheck(pending=True))
        self.estimate: Estimate | None = None
        self._screen, self._catalogue, self._find_dataset = screen, catalogue, find_dataset
        self._may_estimate = False
        self._estimate_timer: Timer | None = None
        self._after_check: Callable[[], None] | None = None

    @property
    def _host(self) -> Host:
        return cast("Host", self._screen.app)

    # ── what is chosen ─────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Show what the lists have under their cursors, and the studies as they are read now."""
        self._screen.query_one("#net").mount(Static(id="refusal"), LayerTable(id="layers"), Static(id="about"))
        lines = (Static(id=name) for name in ("differences", "time", "data", "source", "report"))
        self._screen.query_one("#plan").mount(Flow(id="settings"), *lines)
        self._list_others()
        if not self.take_choice():
            self.show_draft()

    def adopt(self, catalogue: Catalogue) -> None:
        """Go by presets that were read anew; what is chosen stays so, if it is still there, and so do the edits."""
        self._catalogue = catalogue
        self._list_others()
        self._list_presets()
        architecture = self._screen.query_one("#architectures", PresetList).chosen
        hyperparameters = self._screen.query_one("#hyperparameters", PresetList).chosen
        stays = hyperparameters == self.draft.hyperparameters.name
        self.draft = Draft(
            catalogue.architectures[architecture],
            catalogue.hyperparameters[hyperparameters],
            self.draft.edits if stays else Edits(),
        )
        self.show_draft()

    def _list_others(self) -> None:
        """What is listed beside pairs of presets."""
        self._screen.query_one("#studies", PresetList).show_rows(list_studies(self._catalogue))
        commands = self._screen.query_one("#commands", PresetList)
        commands.show_rows(list_commands(self._catalogue))
        commands.display = bool(self._catalogue.commands)

    def choose_kept(self, catalogue: Catalogue, kept: Kept) -> None:
        """Choose a preset that was just written, and is in `catalogue`."""
        self.adopt(catalogue)
        presets = self._screen.query_one("#hyperparameters", PresetList)
        presets.chosen = kept.name
        if presets.cursor < 0:
            presets.action_clear_filter()
        self.take_choice()
        self.apply(kept.edits)

    def take_choice(self) -> bool:
        """Make the draft what the lists have under their cursors; whether it is another one now."""
        architecture = self._screen.query_one("#architectures", PresetList).chosen
        hyperparameters = self._screen.query_one("#hyperparameters", PresetList).chosen
        before, catalogue = self.draft, self._catalogue
        if architecture != before.architecture.name and architecture in catalogue.architectures:
            self.draft = replace(self.draft.without_run_name(), architecture=catalogue.architectures[architecture])
        if hyperparameters != before.hyperparameters.name and hyperparameters in catalogue.hyperparameters:
            preset = catalogue.hyperparameters[hyperparameters]
            self.draft = replace(self.draft, hyperparameters=preset, edits=Edits())
        if self.draft is before:
            return False
        self.show_draft()
        return True

    def apply(self, edits: Edits) -> None:
        """Lay other edits over the presets."""
        self.draft = replace(self.draft, edits=edits)
        self.show_draft()

    def hold_out(self) -> None:
        """Hold `HELD_OUT` of the train images out to choose the best epoch on; or none, where some are."""
        values = self.draft.values()
        settings = dict(self.draft.edits.settings)
        settings["validation_fraction"] = 0.0 if values.validation_fraction else HELD_OUT
        if settings["validation_fraction"] == self.draft.hyperparameters.get().values.validation_fraction:
            del settings["validation_fraction"]
        self.apply(replace(self.draft.edits, settings=settings))

    def show_draft(self) -> None:
        """Show everything that follows from the choice: at once what is arithmetic, the rest as it becomes known."""
        self._after_check = None
        self._may_estimate, self.estimate = False, None
        if self._estimate_timer is not None:
            self._estimate_timer.stop()
        self.show()
        values = self.proposal.values
        if values is not None and not self._host.shelf.is_found(values):
            self._find_dataset(values)
        self._estimate_timer = self._screen.set_timer(ESTIMATE_DELAY, self._begin_estimate)
        self._screen.refresh_bindings()

    def _begin_estimate(self) -> None:
        self._may_estimate = True
        self.show()

    def hear(self) -> None:
        """Something changed in the store: a runner may have answered."""
        unknown = self.estimate is None or self.estimate.pending
        if self.proposal.pending is not None or (self._may_estimate and unknown):
            self.show()

    # ── showing it ─────────────────────────────────────────────────────────────────────────────────────────

    def show(self) -> None:
        """Show what is known of the draft by now."""
        app = self._host
        if not self._screen.is_attached or not all(self._screen.query(f"#{name}") for name in SHOWN):
            # The app is ending: its widgets go one by one, and a look at the store may come in between.
            return
        self.proposal = propose(self.draft, app.store, app.shelf, app.device)
        self._list_presets()
        self._show_net()
        self._show_plan()
        if self._after_check is not None and self.proposal.pending is None:
            then, self._after_check = self._after_check, None
            then()

    def _list_presets(self) -> None:
        rows: list[PresetRow] = []
        for name, preset in self._catalogue.architectures.items():
            check = check_architecture(preset, self.proposal.facts, self._host.store)
            mark = WARNING if check.error else PENDING if check.pending else ""
            detail = count_words(check.total) if check.rows else ""
            rows.append(PresetRow(name, preset.value.title if preset.value else name, detail, mark))
        self._screen.query_one("#architectures", PresetList).show_rows(rows)
        self._screen.query_one("#hyperparameters", PresetList).show_rows(
            [
                PresetRow(name, preset.value.title if preset.value else name, mark="" if preset.value else WARNING)
                for name, preset in self._catalogue.hyperparameters.items()
            ]
        )

    def _show_net(self) -> None:
        panel, refusal = self._screen.query_one("#net"), self.proposal.refusal
        panel.border_title = Content(self.draft.title)
        panel.set_class(refusal is not None, "-refused")
        note = Content(self.proposal.pending or "")
        if refusal is not None:
            note = Content.assemble((f"{WARNING} can't be trained: ", "bold"), refusal)
        self._fill("#refusal", note)
        self._screen.query_one("#layers", LayerTable).check = None if refusal else self.proposal.check
        self._fill("#about", describe_presets(self.draft))

    def _show_plan(self) -> None:
        proposal, configuration, facts = self.proposal, self.proposal.configuration, self.proposal.facts
        app = self._host
        self._screen.query_one("#plan").set_class(configuration is None, "-empty")
        if configuration is None:
            return
        if facts is not None and self._may_estimate and proposal.refusal is None and proposal.pending is None:
            self.estimate = estimate(app.store, configuration, facts)
        self._screen.query_one("#settings", Flow).pieces = describe_settings(configuration)
        self._fill("#differences", describe_differences(self.draft, configuration))
        self._fill("#time", None if proposal.refusal else describe_time(self.estimate, app.measuring_text))
        counts, source = describe_data(facts) if facts is not None else (None, None)
        self._fill("#data", counts)
        self._fill("#source", source)
        self._fill("#report", describe_report(configuration, self.draft.hyperparameters.get()))

    def _fill(self, selector: str, content: Content | None) -> None:
        widget = self._screen.query_one(selector, Static)
        widget.update(content or "")
        widget.set_class(not content, "-empty")

    # ── starting ───────────────────────────────────────────────────────────────────────────────────────────

    def launch(self, *, open_monitor: bool) -> None:
        """Queue it now, or as soon as the net is known to fit; choosing another cancels it."""
        if self.proposal.pending is not None:
            self._after_check = lambda: self._queue(open_monitor=open_monitor)
            self._screen.notify(f"{self.draft.title}: queued as soon as it has been checked.", markup=False)
        else:
            self._queue(open_monitor=open_monitor)

    def _queue(self, *, open_monitor: bool) -> None:
        screen, app = self._screen, self._host
        configuration, refusal = self.proposal.configuration, self.proposal.refusal
        if refusal is not None or configuration is None:
            screen.notify(refusal or "", title="can't be trained", severity="error", timeout=10, markup=False)
            return
        seconds = self.estimate.seconds if self.estimate is not None else None
        then = partial(self._add_run, configuration, open_monitor=open_monitor)
        app.ask_if_long([seconds], self.draft.title, then)

    def _add_run(self, configuration: RunConfiguration, *, open_monitor: bool) -> None:
        screen, app = self._screen, self._host
        try:
            run = app.store.add_run(freeze_for_queue(configuration, app.shelf, app.home), self.draft.edits.run_name)
        except NotPossible as error:
            screen.notify(str(error), title="can't be queued", severity="error", timeout=10, markup=False)
            return
        app.nudge()
        app.remember()
        self.draft = self.draft.without_run_name()
        self._show_plan()
        if open_monitor:
            app.open_monitor(run.id)
        else:
            queued = [each.id for each in app.runs if each.state is State.QUEUED]
            place = f"number {queued.index(run.id) + 1} in the queue" if run.id in queued else "started"
            screen.notify(f"{run.shown_name}: {place}", title="added", timeout=3, markup=False)
