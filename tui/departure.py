"""Leaving the screen: what becomes of the runs that this process trains, asked of whoever leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from lazytrain.engine.records import Kind, Run, State
from lazytrain.tui.leave import work_here
from lazytrain.tui.terminal.job_control import has_shell

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

LOOK_SECONDS = 0.1
HALT_SECONDS = 1.0
"""How long a suspension waits for training to come between two steps."""


class Departure:
    """How the app is left.

    Attributes:
        chosen: `keep` training without a screen, `stop` and keep, `quit` with nothing to be trained here; None until
            a person chose.
    """

    def __init__(self, app: Host) -> None:
        self.chosen: Literal["keep", "stop", "quit"] | None = None
        self._app = app

    def ask(self) -> None:
        """Leave; with runs to be trained here, ask what becomes of them."""
        from lazytrain.tui.screens.confirm import Answer, ConfirmScreen, SavingScreen

        app = self._app
        if isinstance(app.screen, SavingScreen):
            return
        runs = work_here(app.runner, app.store.runs())
        if not runs:
            self._quit()
            return
        if isinstance(app.screen, ConfirmScreen):
            app.pop_screen()
        app.push_screen(
            ConfirmScreen(
                "leave lazytrain?",
                describe_work(runs),
                (
                    Answer("keep", "keep training", "in the background; `lazytrain` shows it again"),
                    Answer("stop", "stop and keep, then quit", _what_stops(runs)),
                    Answer("cancel", "cancel", "stay here"),
                ),
            ),
            self._answered,
        )

    def suspend(self, act: Callable[[], object] | None) -> None:
        """Give the shell its prompt back by `act`, the driver's; training stops until the screen is back."""
        app = self._app
        if act is None or not has_shell():
            app.notify("there is no shell to go back to from here", severity="warning")
            return
        runner = app.runner
        if runner is not None:
            # Frozen between two steps, not while it holds the store locked.
            runner.halt(HALT_SECONDS)
        try:
            act()
        finally:
            if runner is not None:
                runner.go_on()

    def _answered(self, answer: str | None) -> None:
        if answer == "keep":
            self.chosen = "keep"
            self._app.exit(0)
        elif answer == "stop":
            self._stop()

    def _quit(self) -> None:
        self.chosen = "quit"
        # The runner's thread holds no run: it ends by itself, after this screen.
        if self._app.runner is not None:
            self._app.runner.stop()
        self._app.exit(0)

    def _stop(self) -> None:
        runner = self._app.runner
        if runner is None:
            return
        from lazytrain.tui.screens.confirm import SavingScreen

        self.chosen = "stop"
        active = [run for run in work_here(runner, self._app.store.runs()) if run.state.active]
        names = ", ".join(run.shown_name for run in active)
        ends = any(run.kind is Kind.COMMAND for run in active)
        what = "told to end" if ends else "writing a checkpoint"
        self._app.push_screen(SavingScreen(f"{names or 'the queue'}: {what}, then lazytrain ends."))
        runner.stop()

        def wait() -> None:
            # Notices of what was stopped go out after the screen.
            while not runner.join(LOOK_SECONDS) and runner.status.phase != "notifying":
                pass
            self._app.call_from_thread(self._app.exit, 0)

        self._app.run_worker(wait, thread=True, group="leaving")


def describe_work(runs: Sequence[Run]) -> str:
    """`lazynet quick: running in this process. 2 more wait in the queue.`"""
    active = [run for run in runs if run.state.active]
    waiting = len(runs) - len(active)
    words = [f"{', '.join(run.shown_name for run in active)}: {active[0].state} in this process."] if active else []
    if waiting:
        more = " more" if active else f" run{'s' if waiting > 1 else ''}"
        words.append(f"{waiting}{more} {'wait' if waiting > 1 else 'waits'} in the queue.")
    if active and all(run.state is State.PAUSED and run.kind is not Kind.COMMAND for run in active):
        words.append("Paused without a screen, it is saved and let go after 10 minutes.")
    return " ".join(words)


def _what_stops(runs: Sequence[Run]) -> str:
    if not any(run.state.active for run in runs):
        return "the queue waits for the next start"
    if any(run.state.active and run.kind is Kind.COMMAND for run in runs):
        return "a command is ended; r on Monitor starts it again from its beginning"
    return "saved, and resumed by r on Monitor"
