"""What launching a command of the user's, or a study of one, would start: its words, where, and with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lazytrain.engine.commands.preparing import CommandError
from lazytrain.engine.commands.queueing import PlannedCommand, find_twins, plan_commands, queue_planned
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import NotPossible
from lazytrain.presets import Preset, PresetError
from lazytrain.presets.command import CommandPreset, CommandStudy, say
from lazytrain.tui.lists.preset_list import WARNING
from lazytrain.tui.words.text import STATE_LOOKS

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host


class CommandPanel(Vertical):
    """One preset or study of commands at a time; does nothing until `show_preset`."""

    app: Host  # type: ignore[assignment]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.preset: Preset[CommandPreset] | Preset[CommandStudy] | None = None
        self.settings: Mapping[str, Any] = {}
        """A preset's parameters in place of its defaults."""
        self.refusal: str | None = None
        self._planned: tuple[PlannedCommand, ...] = ()
        self._twins: list[Run | None] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="command-runs"):
            yield Static(id="command-lines")
        with VerticalScroll(id="command-plan", can_focus=False):
            yield Static(id="command-refusal")
            yield Static(id="command-about")
            yield Static(id="command-facts")

    def on_mount(self) -> None:
        self.query_one("#command-plan").border_title = "to run"

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    def show_preset(self, preset: Preset[CommandPreset] | Preset[CommandStudy]) -> None:
        """Show another one, with its own parameters."""
        if preset is not self.preset:
            self.preset = preset
            self.apply({})

    def apply(self, settings: Mapping[str, Any]) -> None:
        """Lay other parameters over the preset's."""
        self.settings = settings
        self._plan()
        self.show()
        self.screen.refresh_bindings()

    def _plan(self) -> None:
        self._planned, self.refusal = (), None
        if self.preset is None:
            return
        try:
            self._planned = plan_commands(self.preset.get(), self.preset.name, settings=self.settings)
        except (CommandError, PresetError) as error:
            path = self.preset.path
            told = str(error)
            self.refusal = told if path in told else f"{path}: {told}"

    def show(self) -> None:
        """Show what is known by now; something in the store may have changed."""
        if not self.is_attached or self.preset is None:
            return
        preset = self.preset.value
        runs = self.query_one("#command-runs")
        runs.border_title = Content(preset.title if preset is not None else self.preset.name)
        self._twins = find_twins(self.app.store, self._planned)
        self._fill("#command-lines", Content("\n").join(self._lines()))
        refused = Content.assemble((f"{WARNING} can't be run: ", "bold"), self.refusal) if self.refusal else None
        self._fill("#command-refusal", refused)
        self._fill("#command-about", Content(preset.about) if preset is not None and preset.about else None)
        self._fill("#command-facts", Content("\n").join(self._facts()))

    def _lines(self) -> Sequence[Content]:
        lines: list[Content] = []
        for planned, twin in zip(self._planned, self._twins, strict=True):
            glyph = "·" if twin is None else STATE_LOOKS[twin.state].glyph
            label = f"{planned.label}  " if planned.group else ""
            lines.append(
                Content.assemble((f"{glyph} ", "$foreground-muted"), (label, "bold"), planned.configuration.line)
            )
        return lines

    def _facts(self) -> Sequence[Content]:
        if not self._planned:
            return []
        first = self._planned[0].configuration
        rows = [("in", first.folder)]
        rows += [("env", " ".join(f"{name}={value}" for name, value in first.environment.items()))]
        rows += [("needs", {"gpu": "a GPU", "cpu": "no GPU: it sees none", None: ""}[first.needs])]
        rows += [("project", self._planned[0].project)]
        if isinstance(self.preset and self.preset.value, CommandPreset):
            rows += [(name, f"{say(value)}{' ●' * (name in self.settings)}") for name, value in self._values().items()]
        there = sum(not self._is_new(number) for number in range(len(self._planned)))
        if len(self._planned) > 1:
            told = f"{len(self._planned)} runs" + (f", {there} of them there already" if there else "")
            rows.append(("runs", told))
        return [Content.assemble((f"{label:<8} ", "$foreground-muted"), value) for label, value in rows if value]

    def _values(self) -> Mapping[str, Any]:
        return self._planned[0].config if self._planned else {}

    def _is_new(self, number: int) -> bool:
        twin = self._twins[number]
        return twin is None or twin.state.resumable

    def _fill(self, selector: str, content: Content | None) -> None:
        widget = self.query_one(selector, Static)
        widget.update(content or "")
        widget.set_class(not content, "-empty")

    # ── editing and starting ───────────────────────────────────────────────────────────────────────────────

    @property
    def can_be_edited(self) -> bool:
        """Whether it has parameters; a study's are in its file."""
        preset = self.preset.value if self.preset is not None else None
        return isinstance(preset, CommandPreset) and bool(preset.parameters)

    def take(self, given: Mapping[str, Any]) -> None:
        """Take over what was given for the parameters."""
        preset = self.preset.value if self.preset is not None else None
        if isinstance(preset, CommandPreset):
            self.apply({name: value for name, value in given.items() if value != preset.parameters.get(name)})

    def launch(self, then: Callable[[list[Run]], None]) -> None:
        """Queue what isn't there yet; `then` gets the runs."""
        app = self.app
        self._plan()  # its program may be gone, or there, since
        self.show()
        chosen = [number for number in range(len(self._planned)) if self._is_new(number)]
        title = self.preset.value.title if self.preset is not None and self.preset.value is not None else ""
        if self.refusal is not None or not chosen:
            told = self.refusal or "every run of it is there already"
            app.notify(told, title="can't be run" if self.refusal else title, severity="warning", markup=False)
            return
        app.ask_if_long([None] * len(chosen), title, lambda: self._queue(chosen, title, then))

    def _queue(self, chosen: Sequence[int], title: str, then: Callable[[list[Run]], None]) -> None:
        app = self.app
        try:
            found = [queue_planned(app.store, self._planned[number], self._twins[number]) for number in chosen]
        except NotPossible as error:
            app.notify(str(error), title="can't be queued", severity="error", markup=False)
            return
        queued = [run for run in found if run is not None]
        app.nudge()
        app.remember()
        self.show()
        if len(queued) == 1:
            app.notify(f"{queued[0].name}: queued", title=title, timeout=3, markup=False)
        else:
            app.notify(f"{len(queued)} runs queued", title=title, timeout=4, markup=False)
        if queued:
            then(queued)
