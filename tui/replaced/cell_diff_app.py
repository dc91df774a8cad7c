"""An app below which things are otherwise: only the cells that changed are sent, and keys wait for each other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.console import Console, RenderableType
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen

from lazytrain.tui.replaced.harmless_update import harmless_update
from lazytrain.tui.replaced.key_turns import KeyTurns
from lazytrain.tui.replaced.parts import replaces

if TYPE_CHECKING:
    from lazytrain.tui.replaced.cell_diff import Cells
    from lazytrain.tui.terminal.diversion import Diversion

SMALL = 1024
"""Updates of up to so many characters go out in one piece: they need no brackets that hold the painting back."""

_Result = TypeVar("_Result")


class CellDiffApp(App[_Result]):
    """An app that sends only the cells that changed.

    `cell_diff` turns this on or off; None leaves it to the environment.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+l",
            "redraw",
            "redraw",
            id="app.redraw",
            tooltip="Draw the screen anew, after another program wrote over it",
            priority=True,
            show=False,
        ),
    ]

    def __init__(self, *args: Any, cell_diff: bool | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.diversion: Diversion | None = None
        """Set where what is printed doesn't reach the terminal."""
        self._keys = KeyTurns(self)
        self._cells: Cells | None = None
        if replaces("cell_diff") if cell_diff is None else cell_diff:
            # What it is built on is Textual's own, and may not be there.
            from lazytrain.tui.replaced.cell_diff import Cells

            self._cells = Cells()

    def action_redraw(self) -> None:
        """Send every cell anew, such as after another program wrote over the screen."""
        if self._cells is not None:
            self._cells.forget()
        if self._screen_stack:
            self.screen.refresh()

    def divert(self, diversion: Diversion) -> None:
        """What is printed goes there, before the app runs; the screen is drawn on the terminal that it has."""
        self.diversion = diversion
        # Textual's own would drop what Python prints, and are no whole streams: they have no `buffer` or `encoding`.
        self._capture_stdout: Any = sys.__stdout__
        self._capture_stderr: Any = sys.__stderr__

    def _print_error_renderables(self) -> None:
        # What ended the screen is said where the screen was; else in the log.
        if self.diversion is not None and self.diversion.leads_back:
            self.error_console = Console(file=self.diversion.terminal, markup=False, highlight=False)
        super()._print_error_renderables()
        if self.diversion is not None:
            self.diversion.terminal.flush()

    async def on_event(self, event: events.Event) -> None:
        if self._keys.takes(event):
            return
        # A resized or resumed terminal shows who knows what.
        if isinstance(event, events.Resize | Driver.SignalResume):
            self.action_redraw()
        await super().on_event(event)

    @property
    def _shows(self) -> bool:
        return self._running and not self._closed and not self._batch_count and not self.is_headless

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        cells, driver = self._cells, self._driver
        if cells is None or renderable is None or driver is None or not self._shows:
            super()._display(screen, harmless_update(renderable))
            return
        changes = cells.reduce(None if driver.is_inline else renderable, self.console)
        if changes is None:
            super()._display(screen, harmless_update(renderable))
            return
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        if not changes.text and cursor == self._previous_cursor_position:
            super()._display(screen, None)
            return
        bracketed = self._sync_available
        self._sync_available = bracketed and len(changes.text) > SMALL
        try:
            super()._display(screen, changes)
        finally:
            self._sync_available = bracketed
