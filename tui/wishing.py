"""What a person asks of a run on the screen: written to the store, a question first where there is no way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import NotPossible, RunNotFound, StoreError

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host, Verb


class Asking:
    """Carries out what the app is asked; a refusal becomes a toast."""

    def __init__(self, app: Host) -> None:
        self._app = app

    def command(self, verb: Verb, run: Run) -> None:
        """Ask something of a run. Discarding and labelling ask first."""
        store = self._app.store
        match verb:
            case "pause":
                self._ask(lambda: store.pause(run.id))
            case "resume":
                self._ask(lambda: store.resume(run.id))
            case "stop":
                self._ask(lambda: store.stop(run.id))
            case "up" | "down":
                self._ask(lambda: store.move(run.id, -1 if verb == "up" else 1))
            case "rename" | "tag" | "note":
                self._label(verb, run)
            case "archive":
                self._ask(lambda: store.put_away(run.id, away=not run.archived))
            case "discard":
                self._confirm_discard(run)

    def _ask(self, ask: Callable[[], object]) -> None:
        try:
            ask()
        except (NotPossible, RunNotFound, StoreError, ValueError) as error:
            self._app.notify(str(error), severity="warning", markup=False)
        self._app.nudge()

    def _label(self, verb: Literal["rename", "tag", "note"], run: Run) -> None:
        from lazytrain.tui.screens.label import ask_label, read_tags

        store = self._app.store

        def answered(text: str | None) -> None:
            if text is None:
                return
            match verb:
                case "rename":
                    self._ask(lambda: store.rename(run.id, text))
                case "tag":
                    self._ask(lambda: store.tag(run.id, read_tags(text)))
                case "note":
                    self._ask(lambda: store.annotate(run.id, text))

        self._app.push_screen(ask_label(verb, run), answered)

    def _confirm_discard(self, run: Run) -> None:
        from lazytrain.tui.screens.confirm import Answer, ConfirmScreen

        store = self._app.store
        kept = "Its curves and checkpoints are deleted and can't be brought back."
        self._app.push_screen(
            ConfirmScreen(
                f"discard {run.shown_name}?",
                kept,
                (Answer("keep", "keep it"), Answer("discard", "discard it for good")),
            ),
            lambda answer: self._ask(lambda: store.discard(run.id)) if answer == "discard" else None,
        )
