"""The dialog that writes runs to files: which format, and where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lazytrain.engine.export.files import AlreadyThere, ExportError
from lazytrain.engine.places import PlaceError, expand
from lazytrain.engine.store.store import RunNotFound, StoreError
from lazytrain.engine.store.stored_configuration import RunUnreadable
from lazytrain.presets import PresetError
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.state.taking_away import Kind, Taken, default_path, kinds, take_away

TAKING_ERRORS = (ExportError, PlaceError, RunNotFound, RunUnreadable, StoreError, PresetError)
"""What a person can put right."""
PATIENCE_SECONDS = 1.0
"""What takes longer says how far it is."""
LABEL_WIDTH = 14


class ExportScreen(ModalScreen[None]):
    """Asks for format and place, writes the files in a thread, and says in a toast where they are.

    Nothing is overwritten unless it is confirmed by a second enter.
    """

    CSS_PATH = "export.tcss"
    BINDING_GROUP_TITLE = "Export"
    AUTO_FOCUS = "#formats"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel", id="export.cancel", tooltip="Write nothing"),
        Binding("j", "move('down')", "down", id="export.down", tooltip="The next format", show=False),
        Binding("k", "move('up')", "up", id="export.up", tooltip="The format before", show=False),
    ]

    def __init__(self, home: Path, data: Path, taken: Taken) -> None:
        super().__init__()
        self.home, self.data, self.taken = home, data, taken
        self.kinds: Sequence[Kind] = kinds(taken)
        self._confirmed: tuple[str, str] | None = None
        """(format, place) that were found to be taken: the same again overwrites."""
        self._offered = str(default_path(taken, self.kinds[0].key))
        """The place as it was proposed: one that a person changed stays as it is when another format is chosen."""
        self._busy = self._left = False

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = Content(f"export {harmless(self.taken.name)}")
            dialog.border_subtitle = "enter write · tab place · esc cancel"
            yield OptionList(
                *(
                    Option(Content.assemble((f"{kind.label:<{LABEL_WIDTH}}", "bold"), (kind.about, "dim")), id=kind.key)
                    for kind in self.kinds
                ),
                id="formats",
            )
            yield Static("to", id="label")
            yield Input(self._offered, id="place", compact=True)
            yield Static("", id="said")

    @property
    def chosen(self) -> Kind:
        """The highlighted format."""
        return self.kinds[self.query_one(OptionList).highlighted or 0]

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        place = self.query_one("#place", Input)
        if place.value == self._offered:
            self._offered = place.value = str(default_path(self.taken, self.chosen.key))

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _write(self) -> None:
        place = self.query_one("#place", Input).value.strip()
        if self._busy or not place:
            return
        self._busy = True
        request = (self.chosen.key, place)
        self._say("")
        self.set_timer(PATIENCE_SECONDS, self._say_busy)
        # Exports of a screen that is left go on: their toast is the app's.
        self.app.run_worker(
            partial(self._work, *request, force=request == self._confirmed), thread=True, group="export"
        )

    def _say_busy(self) -> None:
        if self._busy and not self._left and not str(self.query_one("#said", Static).render()):
            self._say("writing…")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        said = self.query_one("#said", Static)
        said.set_class(wrong, "wrong")
        said.update(Content(text))

    # ── in the worker's thread ─────────────────────────────────────────────────────────────────────────────

    def _work(self, key: str, place: str, *, force: bool) -> None:
        app = self.app

        def tell(done: int, total: int, what: str) -> None:
            if total > 1 and done < total:
                app.call_from_thread(self._show_progress, f"{done + 1} of {total}: {what}")

        try:
            paths = take_away(*(self.home, self.data, self.taken, key, expand(place)), force=force, tell=tell)
        except AlreadyThere as found:
            app.call_from_thread(self._refused, (key, place), f"{found.path} is there: enter overwrites it")
        except TAKING_ERRORS as error:
            app.call_from_thread(self._refused, None, str(error))
        else:
            app.call_from_thread(self._done, paths)

    def _show_progress(self, text: str) -> None:
        if not self._left:
            self._say(text)

    def _refused(self, confirmed: tuple[str, str] | None, text: str) -> None:
        self._busy, self._confirmed = False, confirmed
        if self._left:
            self.app.notify(text, title="export", severity="error", markup=False)
        else:
            self._say(text, wrong=True)

    def _done(self, paths: Sequence[Path]) -> None:
        shown = [str(path) for path in paths[:3]]
        if len(paths) > 3:
            shown.append(f"and {len(paths) - 3} more")
        self.app.notify("\n".join(shown), title="written", timeout=8, markup=False)
        if not self._left:
            self.dismiss()

    # ── keys ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_unmount(self) -> None:
        self._left = True

    def action_move(self, where: str) -> None:
        formats = self.query_one(OptionList)
        if where == "down":
            formats.action_cursor_down()
        else:
            formats.action_cursor_up()
