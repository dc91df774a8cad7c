"""The app: its two screens, what it reads from the run store, and leaving without losing a step.

Importing this module imports neither torch nor numpy: the first frame appears before they are needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.records import Run, State
from engine.store import NotPossible, RunNotFound, Store
from presets import load_catalogue
from tui.screens.launch import LaunchScreen

if TYPE_CHECKING:
    from engine.runner import Runner
    from tui.screens.monitor import MonitorScreen

Verb = Literal["pause", "resume", "stop", "discard", "up", "down", "rename"]
POLL_SECONDS = 0.1
"""How often the store is asked whether anything changed, which costs microseconds."""
SHOW_SECONDS = 0.25
"""How often, at most, the screens are given the runs anew."""


class LazytrainApp(App[int]):
    """Launch and Monitor over one run store.

    `runner` trains in this process; it is started after the first frame, and the app works without one.
    """

    TITLE = "lazytrain"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "mode('launch')", "Launch", id="app.launch", tooltip="Choose what to train", show=False),
        Binding("2", "mode('monitor')", "Monitor", id="app.monitor", tooltip="Watch and steer the runs", show=False),
        Binding("q", "quit", "quit", id="app.quit", tooltip="Leave; asks first while a run is training"),
    ]

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        device: str = "auto",
        runner: Runner | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.home, self.data, self.device, self.runner, self.clock = home, data, device, runner, clock
        self.store = Store(home, clock=clock)
        self.catalogue = load_catalogue(home / "presets")
        self.runs: list[Run] = []
        self.launch_screen = LaunchScreen()
        self.monitor_screen: MonitorScreen | None = None
        self._shown_at = 0.0
        self._stale = True
        self.add_mode("launch", lambda: self.launch_screen)
        self.add_mode("monitor", self._make_monitor)

    def _make_monitor(self) -> Screen:
        # Imported when it is first shown: its charts are no business of the first frame.
        from tui.screens.monitor import MonitorScreen

        self.monitor_screen = MonitorScreen()
        return self.monitor_screen

    async def on_mount(self) -> None:
        await self.switch_mode("launch")
        self.set_interval(POLL_SECONDS, self._poll)
        self.call_after_refresh(self._first_frame_shown)

    def _first_frame_shown(self) -> None:
        if self.runner is not None:
            self.runner.start()

    # ── runs ───────────────────────────────────────────────────────────────────────────────────────────────

    def _poll(self) -> None:
        self._stale = self.store.changed() or self._stale
        if self._stale and time.monotonic() - self._shown_at >= SHOW_SECONDS:
            self.refresh_runs()

    def refresh_runs(self) -> None:
        """Read the runs and give them to the screen of the current mode."""
        self._stale, self._shown_at = False, time.monotonic()
        self.runs = self.store.runs()
        screen = self.screen_stack[0]
        if screen.is_mounted and isinstance(screen, self._screens_with_runs()):
            screen.show_runs(self.runs)  # type: ignore[attr-defined]

    def _screens_with_runs(self) -> tuple[type[Screen], ...]:
        return tuple(type(screen) for screen in (self.launch_screen, self.monitor_screen) if screen is not None)

    def command(self, verb: Verb, run: Run) -> None:
        """Ask something of a run: written to the store, and the runner nudged; a refusal becomes a toast."""
        try:
            match verb:
                case "pause":
                    self.store.pause(run.id)
                case "resume":
                    self.store.resume(run.id)
                case "stop":
                    self.store.stop(run.id)
                case "discard":
                    self.store.discard(run.id)
                case "up" | "down":
                    self.store.move(run.id, -1 if verb == "up" else 1)
                case "rename":
                    pass
        except (NotPossible, RunNotFound) as error:
            self.notify(str(error), severity="warning", markup=False)
        self.nudge()

    def nudge(self) -> None:
        """Something was written: the runner looks at once, and so does the screen."""
        if self.runner is not None:
            self.runner.nudge()
        self.refresh_runs()

    # ── going about ────────────────────────────────────────────────────────────────────────────────────────

    async def action_mode(self, mode: str) -> None:
        await self.switch_mode(mode)
        self.refresh_runs()

    def open_monitor(self, run_id: str | None) -> None:
        """Show Monitor, with that run selected."""
        self.call_later(self._open_monitor, run_id)

    async def _open_monitor(self, run_id: str | None) -> None:
        await self.action_mode("monitor")
        if run_id is not None and self.monitor_screen is not None:
            self.monitor_screen.select_run(run_id)

    @property
    def hosts_active_run(self) -> bool:
        """Whether this process's runner holds a run."""
        return self.runner is not None and any(run.state.active for run in self.runs)

    async def action_quit(self) -> None:
        self.exit(0)


__all__ = ["LazytrainApp", "State"]
