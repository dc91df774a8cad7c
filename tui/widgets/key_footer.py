"""The keys at the bottom of a screen."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

HELP = "help"
"""The action that tells of all keys: its key stands at the bottom where others have no room."""
Keys = list[tuple[Binding, bool, str]]


class KeyFooter(Footer):
    """Textual's footer, made anew only when it is to show other keys: each time costs as much as ten frames.

    Keys that have no room are left out from the end, none is cut.
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)
        self._shown: Keys | None = None

    def compose(self) -> ComposeResult:
        self._shown = self._keys() if self._bindings_ready else None
        actions = {binding.action for binding, _, _ in self._shown or ()}
        for key in super().compose():
            if isinstance(key, FooterKey) and key.action not in actions:
                continue
            # As each would be given it when it is mounted, with its style found a second time.
            key.add_class("-compact", update=False)
            yield key

    def bindings_changed(self, screen: Screen[object]) -> None:
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._follow)

    def on_resize(self) -> None:
        if self._bindings_ready:
            self.call_after_refresh(self._follow)

    async def _follow(self) -> None:
        if self.is_attached and self._keys() != self._shown:
            await self.recompose()

    def _keys(self) -> Keys:
        """Those that are shown and have room, each action's first."""
        keys: dict[str, tuple[Binding, bool, str]] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show:
                keys.setdefault(binding.action, (binding, enabled, tooltip))
        widths = {action: self._width(binding) for action, (binding, _, _) in keys.items()}
        for action in reversed([action for action in keys if not action.endswith(HELP)]):
            if sum(widths.values()) - 1 <= self.app.size.width:
                break
            del keys[action], widths[action]
        return list(keys.values())

    def _width(self, binding: Binding) -> int:
        """In cells, with the blank after it."""
        return cell_len(f"{self.app.get_key_display(binding)} {binding.description} ")
