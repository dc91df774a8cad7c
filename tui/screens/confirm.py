"""Questions that stand in the way until they are answered, and the word while what was answered is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: what it is called in code, and what a person reads."""

    value: str
    label: str
    about: str = ""


class ConfirmScreen(ModalScreen[str | None]):
    """Asks, and is dismissed with the chosen answer's value, or None on escape. The first choice is the default."""

    CSS_PATH = "confirm.tcss"
    BINDING_GROUP_TITLE = "Question"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel", id="confirm.cancel", tooltip="Change nothing"),
        Binding("j", "move('down')", "down", id="confirm.down", tooltip="The next answer", show=False),
        Binding("k", "move('up')", "up", id="confirm.up", tooltip="The answer before", show=False),
    ]

    def __init__(self, title: str, text: str, choices: Sequence[Answer]) -> None:
        super().__init__()
        self.question, self.text, self.choices = title, text, tuple(choices)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(self.question)
            dialog.border_subtitle = "enter choose · esc cancel"
            yield Static(Content(self.text), id="text")
            yield OptionList(
                *(
                    Option(
                        Content.assemble((choice.label, "bold"), (f"  {choice.about}" if choice.about else "", "dim")),
                        id=choice.value,
                    )
                    for choice in self.choices
                ),
                id="choices",
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_move(self, where: str) -> None:
        choices = self.query_one(OptionList)
        if where == "down":
            choices.action_cursor_down()
        else:
            choices.action_cursor_up()


class SavingScreen(ModalScreen[None]):
    """Stands while a runner leaves its run: nothing can be chosen any more."""

    CSS_PATH = "confirm.tcss"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "saving…"
            yield Static(Content(self.text), id="text")


class TooSmallScreen(ModalScreen[None]):
    """Covers everything while the terminal is too small to show it."""

    CSS_PATH = "confirm.tcss"

    def __init__(self, width: int, height: int) -> None:
        super().__init__(classes="-too-small")
        self.needed = f"lazytrain needs a terminal of at least {width}×{height} characters."

    def compose(self) -> ComposeResult:
        yield Static(self.needed, id="needed")
