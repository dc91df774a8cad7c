"""Asks for what a person calls a run: its name, its tags, a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from lazytrain.engine.records import Run


class LabelScreen(ModalScreen[str | None]):
    """One line to edit; dismissed with it, or None on escape.

    Args:
        find_error: why the line can't be taken, said in the dialog; None if it can.
    """

    CSS_PATH = "confirm.tcss"
    BINDING_GROUP_TITLE = "Question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="label.cancel", tooltip="Change nothing"),
    ]

    def __init__(
        self,
        question: str,
        text: str,
        *,
        verb: str,
        may_be_empty: bool,
        about: str = "",
        find_error: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.find_error = find_error
        self.question, self.text, self.verb, self.about = question, text, verb, about
        self.may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(self.question)
            dialog.border_subtitle = f"enter {self.verb} · esc cancel"
            yield Input(self.text, id="label", compact=True, select_on_focus=not self.may_be_empty)
            yield Static("", id="wrong")
            if self.about:
                yield Static(Content(self.about), id="known")

    def on_mount(self) -> None:
        self._say_error(None)

    def on_input_changed(self) -> None:
        self._say_error(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if (error := self.find_error(text)) is not None:
            self._say_error(error)
        elif text or self.may_be_empty:
            self.dismiss(text)

    def _say_error(self, error: str | None) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.update(Content(error or ""))
        wrong.display = error is not None


def ask_label(verb: Literal["rename", "tag", "note"], run: Run) -> LabelScreen:
    """The question for a run's name, tags or note."""
    match verb:
        case "rename":
            return LabelScreen(f"rename {run.shown_name}", run.name, verb="rename", may_be_empty=False)
        case "tag":
            about = "words, with blanks between them; `/ tag:night` finds them"
            return LabelScreen(
                f"tags of {run.shown_name}", " ".join(run.tags), verb="keep", may_be_empty=True, about=about
            )
        case "note":
            about = "shown with everything that is set (i)"
            return LabelScreen(f"note on {run.shown_name}", run.note, verb="keep", may_be_empty=True, about=about)


def read_tags(text: str) -> tuple[str, ...]:
    """`night, first` or `#night #first` → the tags."""
    return tuple(tag for word in text.replace(",", " ").split() if (tag := word.removeprefix("#")))
