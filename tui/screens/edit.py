"""The form before the start: every hyperparameter, the run's name and its device, checked as you type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from lazytrain.engine.data.datasets import NAMES
from lazytrain.presets import Hyperparameters, PresetError, override
from lazytrain.tui.screens.label import LabelScreen
from lazytrain.tui.state.configure import anchor
from lazytrain.tui.state.draft import Draft, Edits
from lazytrain.tui.state.host import Host
from lazytrain.tui.state.kept_preset import Kept, describe_hold_out, hold_out, keep_preset, name_error
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.words.fields import Field, find_errors, flat, form_groups, to_text

RUN_NAME = Field("name", "text", "The run's own; left empty, it follows from what is trained.", optional=True)
DEVICE = Field("device", "text", "auto, cpu, cuda, cuda:1, mps …")
FRACTION = "validation_fraction"
"""What is kept of it depends on whether a person wrote it."""
DEVICE_FORM = re.compile(r"[a-z]+(:\d+)?")


class FieldSelect(Select[Any], inherit_bindings=False):
    """A select that opens on enter and space alone, so that the arrows move through the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "choose", id="choice.open", tooltip="Show what there is", show=False)
    ]


class SteadyInput(Input):
    """An input whose cursor doesn't blink: an idle screen sends nothing."""

    def on_mount(self) -> None:
        self.cursor_blink = False


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows; scrolls with the focus, so that the arrows are the form's."""


class FieldRow(Horizontal):
    """A field's name, its control, and beside it what is wrong, what the preset has, or what it means."""

    def __init__(self, field: Field, value: Any, preset_value: Any) -> None:
        super().__init__(classes="row")
        self.field, self.start, self.preset_value = field, value, preset_value

    def compose(self) -> ComposeResult:
        yield Static(self.field.name.rpartition(".")[2], classes="label")
        yield self._control()
        yield Static("", classes="note")

    def _control(self) -> Widget:
        match self.field.kind:
            case "choice":
                choices = [(option, option) for option in self.field.options]
                return FieldSelect(choices, value=self.start, allow_blank=False, compact=True, classes="control")
            case "switch":
                return FieldSelect(
                    [("no", False), ("yes", True)], value=self.start, allow_blank=False, compact=True, classes="control"
                )
            case _:
                # → takes what is suggested. Arriving selects all that stands there, so that what is typed replaces it.
                suggester = SuggestFromList(NAMES, case_sensitive=False) if self.field.name == "dataset" else None
                return SteadyInput(to_text(self.start), compact=True, classes="control", suggester=suggester)

    @property
    def value(self) -> Any:
        """What stands in the control, as the field's type where it is one."""
        match self.query_one(".control"):
            case Input(value=text):
                return self.field.parse(text)
            case Select(value=chosen):
                return chosen
            case _:
                return self.start

    def show_note(self, error: str | None) -> None:
        """Say what is wrong, else what the preset has where this differs, else what the field means."""
        differs = error is None and self.value != self.preset_value
        self.set_class(error is not None, "-wrong")
        self.set_class(differs, "-edited")
        note = self.field.about
        if error is not None:
            note = error
        elif differs:
            note = f"preset: {to_text(self.preset_value) or 'none'}"
        self.query_one(".note", Static).update(Content(note))


class EditScreen(ModalScreen[Edits | Kept | None]):
    """Dismissed with the edits, the preset that they were written as, or None if they were given up."""

    app: Host  # type: ignore[assignment]  # pyright can't know which app shows this screen

    CSS_PATH = "edit.tcss"
    BINDING_GROUP_TITLE = "Edit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "apply", "apply", id="edit.apply", tooltip="Take these values for the next run"),
        Binding(
            *("ctrl+n", "keep", "save as preset"),
            id="edit.keep",
            tooltip="Write these values as a new preset of your own, and choose it",
        ),
        Binding("escape", "dismiss(None)", "cancel", id="edit.cancel", tooltip="Leave everything as it was"),
        Binding("ctrl+r", "reset", "preset's values", id="edit.reset", tooltip="Put the preset's values back"),
        Binding("down", "app.focus_next", "down", id="edit.down", tooltip="The next field", show=False),
        Binding("up", "app.focus_previous", "up", id="edit.up", tooltip="The field before", show=False),
    ]

    def __init__(self, draft: Draft, device: str) -> None:
        super().__init__()
        self.draft, self.device = draft, device
        self.preset = draft.hyperparameters.get()
        self._sets_fraction = FRACTION in draft.edits.settings
        """Whether a person, and not the preset, said how much is held out."""

    def compose(self) -> ComposeResult:
        values, preset_values = flat(self.draft.values()), flat(self.preset.values)
        with Vertical(id="form"):
            with Fields(id="fields"):
                for title, fields in form_groups().items():
                    yield Static(title, classes="group")
                    if title == "run":
                        yield FieldRow(RUN_NAME, self.draft.edits.run_name, None)
                        yield FieldRow(DEVICE, self.draft.edits.device or self.device, self.device)
                    for field in fields:
                        yield FieldRow(field, values[field.name], preset_values[field.name])
            yield Static("", id="about")
        yield KeyFooter()

    def on_mount(self) -> None:
        form = self.query_one("#form")
        form.border_title = Content(f"edit · {self.draft.title}")
        self.set_focus(self._row("epochs").query_one(".control"))
        self.show_notes()

    # ── what stands in the form ────────────────────────────────────────────────────────────────────────────

    def _rows(self) -> Iterator[FieldRow]:
        return iter(self.query(FieldRow))

    def _row(self, name: str) -> FieldRow:
        return next(row for row in self._rows() if row.field.name == name)

    def values(self) -> dict[str, Any]:
        """Dotted hyperparameter → what stands in the form."""
        return {row.field.name: row.value for row in self._rows() if row.field not in (RUN_NAME, DEVICE)}

    def find_errors(self) -> dict[str, str]:
        """What doesn't fit, by field."""
        errors = find_errors(self.values())
        device = self._row("device").value
        if not DEVICE_FORM.fullmatch(device):
            errors["device"] = f"device = {device!r}: must be auto, cpu, cuda, cuda:<number>, mps or another of torch's"
        return errors

    @on(Input.Changed)
    @on(Select.Changed)
    def show_notes(self) -> None:
        """Check everything and say what is wrong beside each field."""
        errors = self.find_errors()
        for row in self._rows():
            row.show_note(errors.get(row.field.name))
        self.show_about()

    @on(Input.Changed)
    def _notice_fraction(self, event: Input.Changed) -> None:
        row = self._row(FRACTION)
        # What is put back stands as the preset has it; a 0 that is written over a 0 does so only at last.
        self._sets_fraction |= event.control is row.query_one(".control") and event.value != to_text(row.preset_value)

    def on_descendant_focus(self) -> None:
        self.show_about()

    def show_about(self) -> None:
        """Beneath the form: all that is to say of the field with the focus."""
        row = next((row for row in self._rows() if row.has_focus_within), None)
        about = f"{row.field.name}: {row.field.about}" if row is not None and row.field.about else ""
        self.query_one("#about", Static).update(Content(about))

    # ── leaving ────────────────────────────────────────────────────────────────────────────────────────────

    def on_input_submitted(self) -> None:
        self.action_apply()

    def action_apply(self) -> None:
        """Hand the edits back; where something is wrong, go there instead."""
        if (checked := self._check("not applied")) is not None:
            self.dismiss(checked[0])

    def action_keep(self) -> None:
        """Ask for a name, and write what stands in the form as a preset; where something is wrong, go there instead."""
        checked = self._check("not saved")
        if checked is None:
            return
        edits, values = checked
        taken, chosen = self.app.catalogue.hyperparameters, self._sets_fraction

        def keep(name: str | None) -> None:
            if name is None:
                return
            try:
                path = keep_preset(self.app.home, self.app.catalogue, name, hold_out(values, chosen=chosen))
            except PresetError as error:
                self.notify(str(error), title="not saved", severity="error", timeout=10, markup=False)
                return
            self.notify(str(path), title="saved", markup=False)
            self.dismiss(Kept(name, Edits(run_name=edits.run_name, device=edits.device)))

        about = f"The file holds what differs from default. {describe_hold_out(values, chosen=chosen)}"
        dialog = LabelScreen(
            *("save as preset, called", ""),
            verb="save",
            may_be_empty=False,
            about=about,
            find_error=lambda name: name_error(name, taken),
        )
        self.app.push_screen(dialog, keep)

    def _check(self, refused: str) -> tuple[Edits, Hyperparameters] | None:
        """What stands in the form, as edits and as values; None where something is wrong, which is shown."""
        errors = self.find_errors()
        if errors:
            wrong = next((row for row in self._rows() if row.field.name in errors), None)
            if wrong is not None:
                wrong.query_one(".control").focus()
            self.notify(next(iter(errors.values())), title=refused, severity="error", markup=False)
            return None
        preset_values = flat(self.preset.values)
        changed = {name: value for name, value in self.values().items() if value != preset_values[name]}
        try:
            settings = anchor(changed)
            values = override(self.preset, settings, "edit")
        except PresetError as error:
            self.notify(str(error), title=refused, severity="error", markup=False)
            return None
        device = self._row("device").value
        return Edits(settings, self._row("name").value, device if device != self.device else None), values

    def action_reset(self) -> None:
        """Put the preset's values into the form."""
        self._sets_fraction = False
        for row in self._rows():
            match row.query_one(".control"):
                case Input() as control:
                    control.value = to_text(row.preset_value)
                case Select() as control:
                    control.value = row.preset_value
