"""Launch: choose an architecture and hyperparameters, see what they make, start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus, Resize, ScreenResume
from textual.screen import Screen
from textual.widget import Widget

from lazytrain.engine.places import presets_folder
from lazytrain.presets import list_titles
from lazytrain.presets.listing import Kind
from lazytrain.tui.lists.preset_list import PresetList, PresetRow
from lazytrain.tui.state.last_session import FIRST_ARCHITECTURE, FIRST_HYPERPARAMETERS, Remembered
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from lazytrain.engine.records import Run
    from lazytrain.presets import Catalogue, Hyperparameters, Preset
    from lazytrain.presets.command import CommandPreset, CommandStudy
    from lazytrain.tui.screens.launch_desk import Desk
    from lazytrain.tui.state.draft import Draft, Edits
    from lazytrain.tui.state.host import Host
    from lazytrain.tui.state.kept_preset import Kept
    from lazytrain.tui.state.proposal import Proposal
    from lazytrain.tui.widgets.command_panel import CommandPanel
    from lazytrain.tui.widgets.study_panel import StudyPanel

SLIM = 72
"""Columns below which there is only room for the lists."""
PAIR_STOPS = ("architectures", "hyperparameters", "net")
STUDY_STOPS = ("studies", "study-runs")
COMMAND_STOPS = ("commands", "command-runs")
"""What left and right go between."""


class LaunchScreen(Screen[None]):
    """Architecture × hyperparameters, and what they make: layers, settings, expected time."""

    CSS_PATH = "launch.tcss"
    BINDING_GROUP_TITLE = "Launch"
    AUTO_FOCUS = "#architectures"
    app: Host  # type: ignore[assignment]  # pyright can't know which app shows this screen

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "train", "train", id="launch.train", tooltip="Queue this run and watch it on Monitor"),
        Binding("a", "add", "queue", id="launch.add", tooltip="Queue this run and stay here"),
        Binding("e", "edit", "edit", id="launch.edit", tooltip="Change any hyperparameter, the name or the device"),
        Binding("r", "reset", "reset edits", id="launch.reset", tooltip="Back to the preset's own values"),
        Binding(
            *("v", "hold_out", "validate"),
            id="launch.hold_out",
            tooltip="Hold out a tenth of the train images to choose the best epoch on, not the test images; or not",
        ),
        Binding("s", "studies", "studies", id="launch.studies", tooltip="Go to the studies, or to your commands"),
        Binding(
            *("C", "compare_study", "compare"),
            id="launch.compare_study",
            tooltip="Mark the study's runs, and lay their curves over each other",
        ),
        Binding(
            *("E", "report_study", "report"),
            id="launch.report_study",
            tooltip="Write the study's report: tables, curves and configuration in Markdown",
        ),
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

    def __init__(self, remembered: Remembered, catalogue: Callable[[], Catalogue]) -> None:
        super().__init__()
        self.remembered = remembered
        self.shows_study = False
        """The right side is about the chosen study, not about a pair of presets."""
        self.shows_commands = False
        """It is about a command of the user's; with `shows_study` about a study of one."""
        self._catalogue = catalogue
        self._desk: Desk | None = None
        self._study: StudyPanel | None = None
        self._commands: CommandPanel | None = None

    def compose(self) -> ComposeResult:
        remembered = self.remembered
        yield TopBar()
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield self._preset_list("architectures", "Architecture", remembered.architecture, FIRST_ARCHITECTURE)
                yield self._preset_list("studies", "Studies")
                commands = self._preset_list("commands", "Commands")
                commands.display = bool(commands.rows)  # only of a person's own there are any
                yield commands
            names = (remembered.hyperparameters, FIRST_HYPERPARAMETERS)
            yield self._preset_list("hyperparameters", "Hyperparameters", *names)
            with Vertical(id="right"):
                yield VerticalScroll(id="net")
                yield VerticalScroll(id="plan")
        yield KeyFooter()

    def _preset_list(self, kind: Kind, title: str, *wanted: str) -> PresetList:
        """A list by its titles alone, the first of `wanted` chosen: all else comes after the first frame."""
        titles = list_titles(kind, presets_folder(self.app.home))
        chosen = next((name for name in (*wanted, *titles) if name in titles), "")
        return PresetList([PresetRow(name, text) for name, text in titles.items()], chosen, title=title, id=kind)

    def on_mount(self) -> None:
        self.query_one("#plan").border_title = "edit before you start"

    def on_screen_resume(self, event: ScreenResume) -> None:
        if self._desk is None:
            # Before the first frame every style is new: Textual would make them all once more.
            event.refresh_styles = False
        else:
            self.look_for_presets()

    def look_for_presets(self) -> None:
        """List the user's presets as they are now; costs a look at their folders."""
        if self._desk is not None and self.app.read_presets_again():
            self._desk.adopt(self._catalogue())
            self._take_choice()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < SLIM, "slim")

    # ── what is chosen ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def desk(self) -> Desk:
        """What is made of the choice; with the presets themselves, which the first use of it reads."""
        if self._desk is None:
            from lazytrain.tui.screens.launch_desk import Desk
            from lazytrain.tui.state.draft import first_draft

            catalogue = self._catalogue()
            self._desk = Desk(self, catalogue, first_draft(self.remembered, catalogue), self.find_dataset)
            if self.is_mounted:
                self._desk.begin()
        return self._desk

    @property
    def draft(self) -> Draft:
        """What would be trained."""
        return self.desk.draft

    @property
    def proposal(self) -> Proposal:
        """What is known of it."""
        return self.desk.proposal

    @property
    def chosen(self) -> tuple[str, str]:
        """Names of the architecture and the hyperparameters, for the next start; known before they are read."""
        if self._desk is None:
            return self.remembered.architecture, self.remembered.hyperparameters
        draft = self._desk.draft
        return draft.architecture.name, draft.hyperparameters.name

    async def open_desk(self) -> None:
        """The first frame is there: now the right side, too."""
        from lazytrain.tui.widgets.command_panel import CommandPanel
        from lazytrain.tui.widgets.study_panel import StudyPanel

        self._take_choice()
        panel, commands = StudyPanel(id="study"), CommandPanel(id="command")
        await self.query_one("#columns").mount(panel, commands)
        self._study, self._commands = panel, commands  # only now that their own widgets are there
        self._take_choice()

    def on_preset_list_chosen(self, event: PresetList.Chosen) -> None:
        event.stop()
        if self._desk is not None:
            self._take_choice()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The right side shows what the list with the focus is about."""
        name = event.widget.id
        if name in (*PAIR_STOPS, *STUDY_STOPS, *COMMAND_STOPS):
            # The runs of a study of a command are a command's.
            studies = name in STUDY_STOPS or (name == "command-runs" and self.shows_study)
            self._turn_to(studies=studies, commands=name in COMMAND_STOPS)
        if self._desk is not None:
            self._take_choice()

    def _turn_to(self, *, studies: bool, commands: bool) -> None:
        """Have the right side be about a pair of presets, a study, a command, or a study of one."""
        commands = self._is_of_command() if studies else commands
        if (studies, commands) == (self.shows_study, self.shows_commands):
            return
        self.shows_study, self.shows_commands = studies, commands
        self.set_class(studies or commands, "-study")
        self.set_class(commands, "-command")
        self.refresh_bindings()
        if not (studies or commands) and self._desk is not None:
            self._desk.show()  # the store may hold answers by now

    def _is_of_command(self) -> bool:
        """Whether the chosen study is one of a command."""
        return (
            self._desk is not None
            and self.query_one("#studies", PresetList).chosen in self.app.catalogue.command_studies
        )

    def _take_choice(self) -> None:
        """Make the draft what the lists have under their cursors.

        Keys come before messages: enter right after an arrow must not start what the cursor has just left.
        """
        desk, catalogue = self.desk, self.app.catalogue
        if self.shows_study:
            self._turn_to(studies=True, commands=False)
            chosen = self.query_one("#studies", PresetList).chosen
            if self.shows_commands:
                self._show_commands(catalogue.command_studies.get(chosen))
            elif self._study is not None and self._study.is_mounted and chosen in catalogue.studies:
                self._study.show_study(catalogue.studies[chosen])
        elif self.shows_commands:
            self._show_commands(catalogue.commands.get(self.query_one("#commands", PresetList).chosen))
        else:
            desk.take_choice()

    def _show_commands(self, preset: Preset[CommandPreset] | Preset[CommandStudy] | None) -> None:
        if self._commands is not None and self._commands.is_mounted and preset is not None:
            self._commands.show_preset(preset)

    def show_runs(self, runs: list[Run]) -> None:
        """Something changed in the store: a runner may have answered."""
        if self.shows_commands:
            if self._commands is not None:
                self._commands.show()
        elif self.shows_study:
            if self._study is not None:
                self._study.show()
        elif self._desk is not None:
            self._desk.hear()

    @work(thread=True, group="datasets")
    def find_dataset(self, values: Hyperparameters) -> None:
        """Look a dataset up, off the screen's thread; what is shown follows."""
        self.app.shelf.find(values)
        self.app.call_from_thread(self.desk.show)

    # ── starting ───────────────────────────────────────────────────────────────────────────────────────────

    def action_train(self) -> None:
        """Queue the run, or the study's, and show it on Monitor."""
        self._launch(open_monitor=True)

    def action_add(self) -> None:
        """Queue the run, or the study's, and stay."""
        self._launch(open_monitor=False)

    def _launch(self, *, open_monitor: bool) -> None:
        self._take_choice()

        def then(runs: list[Run]) -> None:
            if open_monitor:
                self.app.open_monitor(runs[0].id)

        if self.shows_commands:
            if self._commands is not None:
                self._commands.launch(then)
        elif not self.shows_study:
            self.desk.launch(open_monitor=open_monitor)
        elif self._study is not None:
            self._study.launch(then)

    # ── what came of a study ───────────────────────────────────────────────────────────────────────────────

    def action_compare_study(self) -> None:
        """Mark the chosen study's runs, and go to Compare."""
        if (name := self._sound_study()) is not None:
            self.app.compare_study(name)

    def action_report_study(self) -> None:
        """Ask where the chosen study's report is to be written."""
        if (name := self._sound_study()) is not None:
            self.app.report_study(name)

    def _sound_study(self) -> str | None:
        """Name of the chosen study; None if there is none, or it is broken, which a toast says."""
        name = self.query_one("#studies", PresetList).chosen
        catalogue = self.app.catalogue
        preset = catalogue.studies.get(name) or catalogue.command_studies.get(name)
        if preset is not None and preset.error is not None:
            self.notify(preset.error, title="no such study", severity="error", markup=False)
        return name if preset is not None and preset.error is None else None

    # ── editing and going about ────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "focus_list" and isinstance(self.focused, PresetList) and self.focused.filtering:
            return False  # while a list is narrowed, letters belong to it
        match action:
            case "reset" if self.shows_commands:
                return self._commands is not None and bool(self._commands.settings)
            case "reset":
                return self._desk is not None and bool(self._desk.draft.edits) and not self.shows_study
            case "edit" if self.shows_commands:
                return self._commands is not None and self._commands.can_be_edited
            case "edit":
                return not self.shows_study
            case "hold_out":
                return not self.shows_study and not self.shows_commands
            case "compare_study" | "report_study":
                return self.shows_study
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
        if self.shows_commands:
            self._edit_parameters()
            return
        if self.proposal.values is None:
            self.notify(self.proposal.refusal or "", title="can't be edited", severity="error", markup=False)
            return
        from lazytrain.tui.screens.edit import EditScreen

        self.app.push_screen(EditScreen(self.draft, self.app.device), self._take_edits)

    def _edit_parameters(self) -> None:
        """Ask for a command's parameters."""
        from lazytrain.presets.command import CommandPreset
        from lazytrain.tui.screens.parameters import ask_parameters, read_parameters

        panel = self._commands
        if panel is None or panel.preset is None or not isinstance(panel.preset.value, CommandPreset):
            return
        values = {**panel.preset.value.parameters, **panel.settings}

        def take(text: str | None) -> None:
            if text is not None:
                panel.take(read_parameters(text))

        self.app.push_screen(ask_parameters(panel.preset.name, panel.preset.value, values), take)

    def _take_edits(self, result: Edits | Kept | None) -> None:
        from lazytrain.tui.state.kept_preset import Kept

        if isinstance(result, Kept):
            self.app.read_presets_again()
            self.desk.choose_kept(self._catalogue(), result)
        elif result is not None:
            self.desk.apply(result)

    def action_hold_out(self) -> None:
        """Choose the best epoch on a tenth of the train images, or on the test images again."""
        self._take_choice()
        if self.proposal.values is not None:
            self.desk.hold_out()

    def action_reset(self) -> None:
        """Forget the edits."""
        if self.shows_commands:
            if self._commands is not None:
                self._commands.apply({})
            return
        from lazytrain.tui.state.draft import Edits

        self.desk.apply(Edits())

    def action_focus_list(self, places: int) -> None:
        """Move the focus between the columns, without going round."""
        names = STUDY_STOPS if self.shows_study else PAIR_STOPS
        if self.shows_commands:
            names = ("studies" if self.shows_study else "commands", "command-runs")
        stops = [self.query_one(f"#{name}") for name in names]
        at = stops.index(self.focused) if self.focused in stops else 0
        self.set_focus(stops[max(0, min(len(stops) - 1, at + places))])

    def action_studies(self) -> None:
        """Go to the studies, from there to the commands if there are any, and back."""
        commands = self.query_one("#commands")
        if not self.shows_study and not self.shows_commands:
            self.query_one("#studies").focus()
        elif self.shows_study and commands.display:
            commands.focus()
        else:
            self.query_one("#architectures").focus()

    @property
    def focus_chain(self) -> list[Widget]:
        """The studies come last: tab goes from the architectures to the hyperparameters, which belong to them."""
        chain = super().focus_chain
        last = [widget for widget in chain if widget.id in (*STUDY_STOPS, *COMMAND_STOPS)]
        return [widget for widget in chain if widget not in last] + last
