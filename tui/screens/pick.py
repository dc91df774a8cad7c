"""Asks which of many: a list that is narrowed by typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

MOST_SHOWN = 200
"""Of thousands, typing finds the others."""


class PickScreen(ModalScreen[list[str] | None]):
    """Dismissed with what was chosen, or None on escape where one is asked for.

    Args:
        options: what is chosen from, each with what is said beside it.
        chosen: what is chosen now.
        many: whether enter takes up and leaves out, until escape ends it; else it chooses one.
    """

    CSS_PATH = "pick.tcss"
    BINDING_GROUP_TITLE = "Choose"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "done", id="pick.done", tooltip="Back, with what is chosen"),
        Binding("down", "move(1)", "down", id="pick.down", tooltip="The next one"),
        Binding("up", "move(-1)", "up", id="pick.up", tooltip="The one before"),
    ]

    def __init__(
        self, title: str, options: Sequence[tuple[str, str]], chosen: Sequence[str] = (), *, many: bool = False
    ) -> None:
        super().__init__()
        self.heading, self.options, self.chosen, self.many = title, options, list(chosen), many

    def compose(self) -> ComposeResult:
        with Vertical(id="picker") as picker:
            picker.border_title = self.heading.replace("[", r"\[")
            keys = "enter adds or removes · esc done" if self.many else "enter chooses · esc cancel"
            picker.border_subtitle = f"type to find · {keys}"
            yield Input(id="typed", compact=True, placeholder="part of a name")
            yield OptionList()

    def on_mount(self) -> None:
        self._list()
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _list(self) -> None:
        """Show what fits what is typed."""
        wanted = self.query_one(Input).value.casefold().split()
        shown = self.query_one(OptionList)
        at = shown.highlighted or 0
        fitting = [each for each in self.options if all(word in each[0].casefold() for word in wanted)][:MOST_SHOWN]
        shown.clear_options()
        shown.add_options(
            Option(Content(f"{'✓' if name in self.chosen else ' '} {name}  {about}"), id=str(place))
            for place, (name, about) in enumerate(fitting)
        )
        self._fitting = [name for name, _ in fitting]
        shown.highlighted = min(at, len(fitting) - 1) if fitting else None

    def action_move(self, lines: int) -> None:
        shown = self.query_one(OptionList)
        if self._fitting:
            shown.highlighted = ((shown.highlighted or 0) + lines) % len(self._fitting)

    def action_leave(self) -> None:
        self.dismiss(self.chosen if self.many else None)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._choose(place)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_index)

    def _choose(self, place: int) -> None:
        name = self._fitting[place]
        if not self.many:
            self.dismiss([name])
            return
        if name in self.chosen:
            self.chosen.remove(name)
        else:
            self.chosen.append(name)
        self._list()
