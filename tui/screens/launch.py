"""Launch: choose an architecture and hyperparameters, see what they make, start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Static

from engine.estimate import Estimate, LayerCheck, estimate
from engine.records import Run, State
from presets import Hyperparameters
from tui.draft import Draft, Edits
from tui.proposal import Proposal, check_architecture, freeze_for_queue, propose
from tui.screens.edit import EditScreen
from tui.widgets.flow import Flow
from tui.widgets.layer_table import LayerTable
from tui.widgets.plan import (
    count_words,
    describe_data,
    describe_differences,
    describe_presets,
    describe_report,
    describe_settings,
    describe_time,
)
from tui.widgets.preset_list import PENDING, WARNING, PresetList, PresetRow, list_studies
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from tui.app import LazytrainApp
    from tui.widgets.study_panel import StudyPanel

ESTIMATE_DELAY = 0.4
"""Seconds that a choice must stand before its time is measured: a runner leaves its training for that."""

PAIR_STOPS = ("architectures", "hyperparameters", "net")
STUDY_STOPS = ("studies", "study-runs")
"""What left and right go between."""


class LaunchScreen(Screen[None]):
    """Architecture × hyperparameters, and what they make: layers, settings, expected time."""

    CSS_PATH = "launch.tcss"
    BINDING_GROUP_TITLE = "Launch"
    AUTO_FOCUS = "#architectures"
    app: LazytrainApp  # type: ignore[assignment]  # pyright can't know which app shows this screen

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "train", "train", id="launch.train", tooltip="Queue this run and watch it on Monitor"),
        Binding("a", "add", "add to queue", id="launch.add", tooltip="Queue this run and stay here"),
        Binding("e", "edit", "edit", id="launch.edit", tooltip="Change any hyperparameter, the name or the device"),
        Binding("r", "reset", "reset edits", id="launch.reset", tooltip="Back to the preset's own values"),
        Binding("s", "studies", "studies", id="launch.studies", tooltip="Go to the studies: several runs at once"),
        Binding("slash", "filter", "filter", key_display="/", id="launch.filter", tooltip="Type to narrow a list"),
        # First in line, so that a key typed right after goes to the new list, even if both arrive in one packet.
        Binding(
            *("left,h", "focus_list(-1)", "left"),
            id="launch.left",
            tooltip="Go to the list at the left",
            show=False,
            priority=True,
        ),
        Binding(
            *("right,l", "focus_list(1)", "right"),
            id="launch.right",
            tooltip="Go to the right",
            show=False,
            priority=True,
        ),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.proposal = Proposal(draft=draft, configuration=None, dataset=None, check=LayerCheck(pending=True))
        self.estimate: Estimate | None = None
        self.shows_study = False
        """The right side is about the chosen study, not about a pair of presets."""
        self._study: StudyPanel | None = None
        self._may_estimate = False
        self._estimate_timer: Timer | None = None
        self._after_check: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        draft = self.draft
        yield TopBar()
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield PresetList((), draft.architecture.name, title="Architecture", id="architectures")
                studies = list_studies(self.app.catalogue)
                yield PresetList(studies, studies[0].name if studies else "", title="Studies", id="studies")
            yield PresetList((), draft.hyperparameters.name, title="Hyperparameters", id="hyperparameters")
            with Vertical(id="right"):
                with VerticalScroll(id="net"):
                    yield Static(id="refusal")
                    yield LayerTable(id="layers")
                    yield Static(id="about")
                with VerticalScroll(id="plan"):
                    yield Flow(id="settings")
                    yield Static(id="differences")
                    yield Static(id="time")
                    yield Static(id="data")
                    yield Static(id="source")
                    yield Static(id="report")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#plan").border_title = "edit before you start"
        self.show_draft()
        self.call_after_refresh(self._add_study_panel)

    async def _add_study_panel(self) -> None:
        # Imported after the first frame, which needs nothing of it.
        from tui.widgets.study_panel import StudyPanel

        panel = StudyPanel(id="study")
        await self.query_one("#columns").mount(panel)
        self._study = panel  # only now that its own widgets are there
        self._take_choice()

    # ── what is chosen ─────────────────────────────────────────────────────────────────────────────────────

    def on_preset_list_chosen(self, event: PresetList.Chosen) -> None:
        event.stop()
        self._take_choice()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The right side shows what the list with the focus is about."""
        if event.widget.id in (*PAIR_STOPS, *STUDY_STOPS) and (event.widget.id in STUDY_STOPS) != self.shows_study:
            self.shows_study = event.widget.id in STUDY_STOPS
            self.set_class(self.shows_study, "-study")
            self.refresh_bindings()
            if not self.shows_study:
                self._show()  # the store may hold answers by now
        self._take_choice()

    def _take_choice(self) -> None:
        """Make the draft what the lists have under their cursors.

        Keys come before messages: enter right after an arrow must not start what the cursor has just left.
        """
        if self.shows_study:
            chosen = self.query_one("#studies", PresetList).chosen
            if self._study is not None and self._study.is_mounted and chosen in self.app.catalogue.studies:
                self._study.show_study(self.app.catalogue.studies[chosen])
            return
        architecture = self.query_one("#architectures", PresetList).chosen
        hyperparameters = self.query_one("#hyperparameters", PresetList).chosen
        before, catalogue = self.draft, self.app.catalogue
        if architecture != before.architecture.name:
            self.draft = replace(self.draft.without_run_name(), architecture=catalogue.architectures[architecture])
        if hyperparameters != before.hyperparameters.name:
            preset = catalogue.hyperparameters[hyperparameters]
            self.draft = replace(self.draft, hyperparameters=preset, edits=Edits())
        if self.draft is not before:
            self.show_draft()

    def show_draft(self) -> None:
        """Show everything that follows from the choice: at once what is arithmetic, the rest as it becomes known."""
        self._after_check = None
        self._may_estimate, self.estimate = False, None
        if self._estimate_timer is not None:
            self._estimate_timer.stop()
        self._show()
        values = self.proposal.values
        if values is not None and not self.app.shelf.is_found(values):
            self._find_dataset(values)
        self._estimate_timer = self.set_timer(ESTIMATE_DELAY, self._begin_estimate)
        self.refresh_bindings()

    def _begin_estimate(self) -> None:
        self._may_estimate = True
        self._show()

    def show_runs(self, runs: list[Run]) -> None:
        """Something changed in the store: a runner may have answered."""
        if self.shows_study:
            if self._study is not None:
                self._study.show()
            return
        unknown = self.estimate is None or self.estimate.pending
        if self.proposal.pending is not None or (self._may_estimate and unknown):
            self._show()

    @work(thread=True, group="datasets")
    def _find_dataset(self, values: Hyperparameters) -> None:
        self.app.shelf.find(values)
        self.app.call_from_thread(self._show)

    # ── showing it ─────────────────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        if not self.is_attached:
            return
        self.proposal = self._propose()
        self._list_presets()
        self._show_net()
        self._show_plan()
        if self._after_check is not None and self.proposal.pending is None:
            then, self._after_check = self._after_check, None
            then()

    def _propose(self) -> Proposal:
        return propose(self.draft, self.app.store, self.app.shelf, self.app.device)

    def _list_presets(self) -> None:
        rows: list[PresetRow] = []
        for name, preset in self.app.catalogue.architectures.items():
            check = check_architecture(preset, self.proposal.facts, self.app.store)
            mark = WARNING if check.error else PENDING if check.pending else ""
            detail = count_words(check.total) if check.rows else ""
            rows.append(PresetRow(name, preset.value.title if preset.value else name, detail, mark))
        self.query_one("#architectures", PresetList).show_rows(rows)
        self.query_one("#hyperparameters", PresetList).show_rows(
            [
                PresetRow(name, preset.value.title if preset.value else name, mark="" if preset.value else WARNING)
                for name, preset in self.app.catalogue.hyperparameters.items()
            ]
        )

    def _show_net(self) -> None:
        panel, refusal = self.query_one("#net"), self.proposal.refusal
        panel.border_title = self.draft.title.replace("[", r"\[")
        panel.set_class(refusal is not None, "-refused")
        note = Content(self.proposal.pending or "")
        if refusal is not None:
            note = Content.assemble((f"{WARNING} can't be trained: ", "bold"), refusal)
        self._fill("#refusal", note)
        self.query_one("#layers", LayerTable).check = LayerCheck() if refusal else self.proposal.check
        self._fill("#about", describe_presets(self.draft))

    def _show_plan(self) -> None:
        proposal, configuration, facts = self.proposal, self.proposal.configuration, self.proposal.facts
        self.query_one("#plan").set_class(configuration is None, "-empty")
        if configuration is None:
            return
        if facts is not None and self._may_estimate and proposal.refusal is None and proposal.pending is None:
            self.estimate = estimate(self.app.store, configuration, facts)
        self.query_one("#settings", Flow).pieces = describe_settings(configuration)
        self._fill("#differences", describe_differences(self.draft, configuration))
        self._fill("#time", None if proposal.refusal else describe_time(self.estimate, self.app.measuring_text))
        counts, source = describe_data(facts) if facts is not None else (None, None)
        self._fill("#data", counts)
        self._fill("#source", source)
        self._fill("#report", describe_report(configuration, self.draft.hyperparameters.get()))

    def _fill(self, selector: str, content: Content | None) -> None:
        widget = self.query_one(selector, Static)
        widget.update(content or "")
        widget.set_class(not content, "-empty")

    # ── starting ───────────────────────────────────────────────────────────────────────────────────────────

    def action_train(self) -> None:
        """Queue the run, or the study's, and show it on Monitor."""
        self._launch(open_monitor=True)

    def action_add(self) -> None:
        """Queue the run, or the study's, and stay."""
        self._launch(open_monitor=False)

    def _launch(self, *, open_monitor: bool) -> None:
        self._take_choice()
        if not self.shows_study:
            self._when_checked(lambda: self._queue(open_monitor=open_monitor))
        elif self._study is not None:
            self._study.launch(lambda runs: self.app.open_monitor(runs[0].id) if open_monitor else None)

    def _when_checked(self, then: Callable[[], None]) -> None:
        """Do it now, or as soon as the net is known to fit; choosing another cancels it."""
        if self.proposal.pending is not None:
            self._after_check = then
            self.notify(f"{self.draft.title}: queued as soon as it has been checked.", markup=False)
        else:
            then()

    def _queue(self, *, open_monitor: bool) -> None:
        configuration, refusal = self.proposal.configuration, self.proposal.refusal
        if refusal is not None or configuration is None:
            self.notify(refusal or "", title="can't be trained", severity="error", timeout=10, markup=False)
            return
        run = self.app.store.add_run(
            freeze_for_queue(configuration, self.app.shelf, self.app.home), self.draft.edits.run_name
        )
        self.app.nudge()
        self.app.remember()
        self.draft = self.draft.without_run_name()
        self._show_plan()
        if open_monitor:
            self.app.open_monitor(run.id)
        else:
            queued = [each.id for each in self.app.runs if each.state is State.QUEUED]
            place = f"number {queued.index(run.id) + 1} in the queue" if run.id in queued else "started"
            self.notify(f"{run.name}: {place}", title="added", timeout=3, markup=False)

    # ── editing and going about ────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "focus_list" and isinstance(self.focused, PresetList) and self.focused.filtering:
            return False  # while a list is narrowed, letters belong to it
        match action:
            case "reset":
                return bool(self.draft.edits) and not self.shows_study
            case "edit":
                return not self.shows_study
            case "filter":
                return not any(each.filtering for each in self.query(PresetList))
            case _:
                return True

    def action_filter(self) -> None:
        """Narrow the list that has the focus, or the first."""
        focused = self.focused
        (focused if isinstance(focused, PresetList) else self.query_one("#architectures", PresetList)).start_filter()

    def action_edit(self) -> None:
        """Open the form on the chosen preset's values with the edits so far."""
        self._take_choice()
        if self.proposal.values is None:
            self.notify(self.proposal.refusal or "", title="can't be edited", severity="error", markup=False)
            return
        self.app.push_screen(EditScreen(self.draft, self.app.device), self._apply_edits)

    def _apply_edits(self, edits: Edits | None) -> None:
        if edits is not None:
            self.draft = replace(self.draft, edits=edits)
            self.show_draft()

    def action_reset(self) -> None:
        """Forget the edits."""
        self._apply_edits(Edits())

    def action_focus_list(self, places: int) -> None:
        """Move the focus between the columns, without going round."""
        names = STUDY_STOPS if self.shows_study else PAIR_STOPS
        stops = [self.query_one(f"#{name}") for name in names]
        at = stops.index(self.focused) if self.focused in stops else 0
        self.set_focus(stops[max(0, min(len(stops) - 1, at + places))])

    def action_studies(self) -> None:
        """Go to the studies, or back."""
        self.query_one("#architectures" if self.shows_study else "#studies").focus()

    @property
    def focus_chain(self) -> list[Widget]:
        """The studies come last: tab goes from the architectures to the hyperparameters, which belong to them."""
        chain = super().focus_chain
        last = [widget for widget in chain if widget.id in STUDY_STOPS]
        return [widget for widget in chain if widget not in last] + last
