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
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static

from engine.configuration import RunConfiguration
from engine.datasets import DatasetError, DatasetFacts
from engine.estimate import Estimate, LayerCheck, checked_layers, estimate
from engine.records import Run, State
from presets import Architecture, Hyperparameters, Preset, PresetError
from tui.draft import Draft, Edits
from tui.screens.edit import EditScreen
from tui.widgets.layer_table import LayerTable
from tui.widgets.plan import describe_data, describe_report, describe_settings, describe_time
from tui.widgets.preset_list import PENDING, WARNING, PresetList, PresetRow
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from tui.app import LazytrainApp

ESTIMATE_DELAY = 0.4
"""Seconds that a choice must stand before its time is measured: a runner leaves its training for that."""


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
        Binding("slash", "filter", "filter", key_display="/", id="launch.filter", tooltip="Type to narrow a list"),
        Binding("left,h", "focus_list(-1)", "left", id="launch.left", tooltip="Go to the list at the left", show=False),
        Binding("right,l", "focus_list(1)", "right", id="launch.right", tooltip="Go to the right", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self.check = LayerCheck(pending=True)
        self.estimate: Estimate | None = None
        self._may_estimate = False
        self._estimate_timer: Timer | None = None
        self._after_check: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        draft = self.draft
        yield TopBar()
        with Horizontal(id="columns"):
            yield PresetList((), draft.architecture.name, title="Architecture", id="architectures")
            yield PresetList((), draft.hyperparameters.name, title="Hyperparameters", id="hyperparameters")
            with Vertical(id="right"):
                with VerticalScroll(id="net"):
                    yield Static(id="refusal")
                    yield LayerTable(id="layers")
                    yield Static(id="about")
                with VerticalScroll(id="plan"):
                    yield Static(id="settings")
                    yield Static(id="time")
                    yield Static(id="data")
                    yield Static(id="source")
                    yield Static(id="report")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#plan").border_title = "edit before you start"
        self.show_draft()

    # ── what is chosen ─────────────────────────────────────────────────────────────────────────────────────

    def on_preset_list_chosen(self, event: PresetList.Chosen) -> None:
        catalogue, draft = self.app.catalogue, self.draft.without_run_name()
        if event.preset_list.id == "architectures":
            self.draft = replace(draft, architecture=catalogue.architectures[event.name])
        else:
            self.draft = replace(draft, hyperparameters=catalogue.hyperparameters[event.name], edits=Edits())
        self.show_draft()

    def choose(self, draft: Draft) -> None:
        """Choose both presets and the edits at once."""
        self.query_one("#architectures", PresetList).chosen = draft.architecture.name
        self.query_one("#hyperparameters", PresetList).chosen = draft.hyperparameters.name
        self.draft = draft
        self.show_draft()

    def show_draft(self) -> None:
        """Show everything that follows from the choice: at once what is arithmetic, the rest as it becomes known."""
        self._after_check = None
        self._may_estimate, self.estimate = False, None
        if self._estimate_timer is not None:
            self._estimate_timer.stop()
        values = self._values()
        if values is not None and not self.app.shelf.is_found(values):
            self._find_dataset(values)
        self._show()
        self._estimate_timer = self.set_timer(ESTIMATE_DELAY, self._begin_estimate)
        self.refresh_bindings()

    def _begin_estimate(self) -> None:
        self._may_estimate = True
        self._show()

    def show_runs(self, runs: list[Run]) -> None:
        """Something changed in the store: a runner may have answered."""
        if self.check.pending or (self._may_estimate and (self.estimate is None or self.estimate.pending)):
            self._show()

    @work(thread=True, group="datasets")
    def _find_dataset(self, values: Hyperparameters) -> None:
        self.app.shelf.find(values)
        self.app.call_from_thread(self._show)

    # ── showing it ─────────────────────────────────────────────────────────────────────────────────────────

    def _values(self) -> Hyperparameters | None:
        try:
            return self.draft.values()
        except PresetError:
            return None

    @property
    def _facts(self) -> DatasetFacts | None:
        # Nets are sized for the default's images while the settings are broken.
        known = self.app.shelf.known(self._values() or Hyperparameters())
        return known if isinstance(known, DatasetFacts) else None

    def _check(self, architecture: Preset[Architecture]) -> LayerCheck:
        facts = self._facts
        if architecture.value is None:
            return LayerCheck(error=architecture.error)
        if facts is None:
            return LayerCheck(pending=True)
        return checked_layers(self.app.store, architecture.value, facts, architecture.path)

    @property
    def refusal(self) -> str | None:
        """Why the chosen pair can't be trained, in one sentence."""
        values = self._values()
        known = self.app.shelf.known(values) if values else None
        if self.draft.error:
            return self.draft.error
        if isinstance(known, DatasetError):
            return str(known)
        return self.check.error

    def _show(self) -> None:
        if not self.is_mounted:
            return
        self.check = self._check(self.draft.architecture)
        self._list_architectures()
        self._list_hyperparameters()
        self._show_net()
        self._show_plan()
        if self._after_check is not None and (self.refusal or not self.check.pending):
            then, self._after_check = self._after_check, None
            then()

    def _list_architectures(self) -> None:
        rows: list[PresetRow] = []
        for name, preset in self.app.catalogue.architectures.items():
            check = self.check if name == self.draft.architecture.name else self._check(preset)
            mark = WARNING if check.error else PENDING if check.pending else ""
            detail = count_words(check.total) if check.rows else ""
            rows.append(PresetRow(name, preset.value.title if preset.value else name, detail, mark))
        self.query_one("#architectures", PresetList).show_rows(rows)

    def _list_hyperparameters(self) -> None:
        self.query_one("#hyperparameters", PresetList).show_rows(
            [
                PresetRow(name, preset.value.title if preset.value else name, mark="" if preset.value else WARNING)
                for name, preset in self.app.catalogue.hyperparameters.items()
            ]
        )

    def _show_net(self) -> None:
        panel, refusal = self.query_one("#net"), self.refusal
        panel.border_title = Content(self.draft.title).plain.replace("[", r"\[")
        panel.set_class(refusal is not None, "-refused")
        pending = "looking at the dataset…" if self._facts is None else "not yet checked: torch is loading"
        pending = pending if self.check.pending else ""
        self.query_one("#refusal", Static).update(
            Content.assemble((f"{WARNING} can't be trained: ", "bold"), refusal) if refusal else Content(pending)
        )
        self.query_one("#refusal").display = bool(refusal or pending)
        self.query_one("#layers", LayerTable).check = LayerCheck() if refusal else self.check
        self.query_one("#about", Static).update(Content("\n").join(self._about()))

    def _about(self) -> list[Content]:
        lines: list[Content] = []
        for preset in (self.draft.architecture, self.draft.hyperparameters):
            if preset.value is not None and preset.value.about:
                lines.append(Content(f"{preset.value.title}: {preset.value.about}"))
            if preset.origin == "yours":
                lines.append(Content(f"yours: {preset.path}"))
        return lines

    def _show_plan(self) -> None:
        values, configuration, facts = self._values(), self._configuration(), self._facts
        parts: dict[str, Content | None] = dict.fromkeys(("settings", "time", "data", "source", "report"))
        if values is not None and configuration is not None:
            if facts is not None and self._may_estimate and self.refusal is None and not self.check.pending:
                self.estimate = estimate(self.app.store, configuration, facts)
            parts["settings"] = describe_settings(self.draft, values, configuration.device)
            parts["time"] = None if self.refusal else describe_time(self.estimate, self.app.measuring_text)
            if facts is not None:
                parts["data"], parts["source"] = describe_data(facts)
            parts["report"] = describe_report(configuration, self.draft.hyperparameters.get())
        for name, content in parts.items():
            widget = self.query_one(f"#{name}", Static)
            widget.update(content or "")
            widget.set_class(content is None, "-empty")

    # ── starting ───────────────────────────────────────────────────────────────────────────────────────────

    def _configuration(self) -> RunConfiguration | None:
        try:
            return self.draft.configuration(self.app.device)
        except PresetError:
            return None

    def action_train(self) -> None:
        """Queue the run and show it on Monitor."""
        self._when_checked(lambda: self._queue(open_monitor=True))

    def action_add(self) -> None:
        """Queue the run and stay."""
        self._when_checked(lambda: self._queue(open_monitor=False))

    def _when_checked(self, then: Callable[[], None]) -> None:
        """Do it now, or as soon as the net is known to fit; choosing another cancels it."""
        if self.refusal is None and self.check.pending:
            self._after_check = then
            self.notify("It is queued as soon as it has been checked.", title=f"checking {self.draft.title}…")
        else:
            then()

    def _queue(self, *, open_monitor: bool) -> None:
        configuration = self._configuration()
        if self.refusal is not None or configuration is None:
            self.notify(self.refusal or "", title="can't be trained", severity="error", timeout=10, markup=False)
            return
        run = self.app.store.add_run(configuration, self.draft.edits.run_name)
        self.app.nudge()
        self.app.remember()
        self.draft = self.draft.without_run_name()
        self._show_plan()
        if open_monitor:
            self.app.open_monitor(run.id)
        else:
            queued = [each.id for each in self.app.runs if each.state is State.QUEUED]
            place = f"number {queued.index(run.id) + 1} in the queue" if run.id in queued else "started"
            self.notify(f"{run.name}: {place}", title="added", markup=False)

    # ── editing and going about ────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "reset":
                return bool(self.draft.edits)
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
        if self._values() is None:
            self.notify(self.refusal or "", title="can't be edited", severity="error", markup=False)
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
        stops = [self.query_one(name) for name in ("#architectures", "#hyperparameters", "#net")]
        at = stops.index(self.focused) if self.focused in stops else 0
        stops[max(0, min(len(stops) - 1, at + places))].focus()


def count_words(count: int) -> str:
    """62006 → `62 k`, 11181642 → `11.2 M`."""
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} M"
    return f"{count / 1_000:.0f} k" if count >= 1_000 else str(count)
