"""Help: every key that does something here, from the bindings themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

IDEA = (
    "Choose an architecture and hyperparameters, press enter, watch it learn. Pause keeps a run in memory, "
    "stop saves it for later, discard deletes it. Every terminal and command sees and steers the same runs."
)


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One action of a screen: its keys, its name, and what it does."""

    group: str
    keys: tuple[str, ...]
    description: str
    tooltip: str
    action: str
    node: DOMNode


def list_keys(screen: Screen) -> list[KeyLine]:
    """Every action with a tooltip that `screen`, the focused widget or the app binds, in that order.

    Those that don't apply at this moment are listed too: help says what there is.
    """
    lines: dict[tuple[int, str], KeyLine] = {}
    for node in _chain(screen):
        for binding in _bindings(node):
            key = screen.app.get_key_display(binding)
            old = lines.get((id(node), binding.id or binding.action))
            keys = (*old.keys, key) if old else (key,)
            keys = tuple(sorted(dict.fromkeys(keys), key=len))
            lines[id(node), binding.id or binding.action] = KeyLine(
                _group(node), keys, binding.description, binding.tooltip, binding.action, node
            )
    return list(lines.values())


def _group(node: DOMNode) -> str:
    """`Launch`, `Run list`, `Everywhere`: a node's own title, or its class's name."""
    if isinstance(node, App):
        return "Everywhere"
    words = re.findall("[A-Z][a-z]*", type(node).__name__.removesuffix("Screen"))
    return node.BINDING_GROUP_TITLE or " ".join(words).capitalize()


def _chain(screen: Screen) -> Iterable[DOMNode]:
    focused = screen.focused
    yield screen
    if focused is not None:
        yield from (node for node in focused.ancestors_with_self if node not in (screen, screen.app))
    yield screen.app


def _bindings(node: DOMNode) -> Iterable[Binding]:
    return (binding for _, binding in node._bindings if binding.tooltip and binding.description)


class KeyRow(Horizontal):
    """Keys, name, and what it does."""

    def __init__(self, line: KeyLine) -> None:
        super().__init__()
        self.line = line

    def compose(self) -> ComposeResult:
        yield Static(Content(" ".join(self.line.keys)), classes="keys")
        yield Static(Content(self.line.description), classes="name")
        yield Static(Content(self.line.tooltip), classes="tooltip")


class HelpScreen(ModalScreen[None]):
    """The keys of the screen beneath, in groups."""

    CSS_PATH = "help.tcss"
    BINDING_GROUP_TITLE = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss(None)", "close", id="help.close", tooltip="Back to the screen"),
    ]

    def __init__(self, keys: Iterable[KeyLine]) -> None:
        super().__init__()
        self.keys = tuple(keys)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as panel:
            panel.border_title = "help"
            panel.border_subtitle = "esc close"
            yield Static(Content(IDEA), id="idea")
            for group in dict.fromkeys(line.group for line in self.keys):
                yield Static(Content.styled(group, "bold $text-accent"), classes="group")
                yield from (KeyRow(line) for line in self.keys if line.group == group)
