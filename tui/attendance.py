"""What the app does for somebody who wasn't looking: a summary after an absence, a bell when a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lazytrain.engine.records import Run, State
from lazytrain.engine.settings.live import LiveSettings

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

OVER = frozenset(state for state in State if state.over)
ABSENCE_SECONDS = 4 * 3600.0
"""No screen was open for so long: the next one tells what ended meanwhile."""
PRESENCE_SECONDS = 60.0
"""How often an open screen is noted."""


class Attendance:
    """Belongs to one app."""

    def __init__(self, app: Host) -> None:
        self._app = app
        self._mounted = False
        self._settings = LiveSettings(app.home, self._complain)
        self._endings = Endings()

    def begin(self) -> None:
        """The app's first screen is there, and was painted."""
        # After the first frame, which does without.
        from lazytrain.engine.analysis.digest import last_presence, make_report

        app, self._mounted = self._app, True
        # Read in a thread, which complains of what is wrong: to check whom to notify takes apprise, half a second.
        app.run_worker(self._settings, thread=True, group="settings")
        now, last = app.clock(), last_presence(app.home)
        if last is not None and now - last >= ABSENCE_SECONDS:
            report = make_report(app.store, last, now)
            if report.ended:
                from lazytrain.tui.screens.summary import SummaryScreen

                app.push_screen(SummaryScreen(report))
        self.be_seen()
        app.set_interval(PRESENCE_SECONDS, self.be_seen)

    def be_seen(self) -> None:
        """Note that a screen is open."""
        if not self._mounted:
            return  # nobody has been told yet what ended before
        from lazytrain.engine.analysis.digest import note_presence

        note_presence(self._app.home, self._app.clock())

    def look(self, runs: Sequence[Run]) -> None:
        """Ring for the runs that ended since the last look."""
        ended = self._endings.news(runs)
        settings = self._settings() if ended else None
        if settings is None or not settings.notify_bell:
            return
        told = [run for run in ended if run.state.value in settings.notify_on]
        if told:
            from lazytrain.engine.settings.notices import sentence

            self._app.bell()
            self._write(notification("; ".join(sentence(run) for run in told)))

    def _write(self, sequence: str) -> None:
        driver: Any = self._app._driver  # Textual's own bell goes this way
        if driver is not None:
            driver.write(sequence)

    def _complain(self, problem: str) -> None:
        if self._mounted:
            self._app.notify(
                f"{problem}\nUntil that is put right, the settings before it count.",
                title="settings.toml",
                severity="error",
                timeout=20,
                markup=False,
            )


class Endings:
    """Finds the runs that have ended since it last looked; those that had ended before the first look are no news."""

    def __init__(self) -> None:
        self._over: frozenset[str] | None = None

    def news(self, runs: Sequence[Run]) -> list[Run]:
        """The runs that are over now and weren't, or weren't there, at the last look."""
        before, self._over = self._over, frozenset(run.id for run in runs if run.state in OVER)
        new = self._over - before if before is not None else ()
        return [run for run in runs if run.id in new] if new else []


def notification(text: str) -> str:
    """The control sequence (OSC 9) that has a terminal show `text` as a notification of the desktop."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"\x1b]9;{printable}\x07"
