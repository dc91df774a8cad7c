"""The app: its three screens, what it reads from the run store, and leaving without losing a step.

Importing this module imports neither torch nor numpy: the first frame appears before they are needed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.driver import Driver
from textual.reactive import reactive
from textual.screen import Screen

from lazytrain.engine.places import presets_folder, screens_lock
from lazytrain.engine.records import Run
from lazytrain.engine.store.locks import FileLock, LockHeld
from lazytrain.engine.store.store import Store
from lazytrain.tui.arrival import Arrival, import_charts_beside
from lazytrain.tui.attendance import Attendance
from lazytrain.tui.departure import Departure
from lazytrain.tui.errands import Errands
from lazytrain.tui.replaced.parts import missing, replaces
from lazytrain.tui.screens.launch import LaunchScreen
from lazytrain.tui.state.dataset_lookup import DatasetShelf
from lazytrain.tui.state.headline import Expectation, describe_queue, describe_runner
from lazytrain.tui.state.host import Host, Verb
from lazytrain.tui.state.last_session import Remembered, recall, remember
from lazytrain.tui.state.marks import Marks
from lazytrain.tui.state.preset_shelf import PresetShelf
from lazytrain.tui.theme import THEMES
from lazytrain.tui.watch import POLL_SECONDS, Watch
from lazytrain.tui.wishing import Asking

if TYPE_CHECKING:
    from lazytrain.engine.queue.duty import RunnerStatus
    from lazytrain.engine.queue.runner import Runner
    from lazytrain.presets import Catalogue
    from lazytrain.tui.screens.compare import CompareScreen
    from lazytrain.tui.screens.monitor import MonitorScreen
    from lazytrain.tui.state.run_view import RunView
    from lazytrain.tui.terminal.pixels import Pixels

MINIMUM_WIDTH, MINIMUM_HEIGHT = 60, 16


def _commands() -> type[Provider]:
    from lazytrain.tui.palette import LazytrainCommands

    return LazytrainCommands


class LazytrainApp(Host):
    """Launch, Monitor and Compare over one run store.

    `runner` trains in this process; it is started after the first frame, and the app works without one. `make_runner`
    makes it just then, which is sooner: the first frame needn't wait for its modules.
    """

    TITLE = "lazytrain"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {_commands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "mode('launch')", "Launch", id="app.launch", tooltip="Choose what to train", show=False),
        Binding("2", "mode('monitor')", "Monitor", id="app.monitor", tooltip="Watch and steer the runs", show=False),
        Binding(
            "3", "mode('compare')", "Compare", id="app.compare", tooltip="Lay marked runs over each other", show=False
        ),
        Binding("question_mark", "help", "help", key_display="?", id="app.help", tooltip="Every key of this screen"),
        Binding("ctrl+p", "command_palette", "commands", id="app.palette", tooltip="Everything by name", show=False),
        Binding("q", "quit", "quit", id="app.quit", tooltip="Leave; asks first while a run is training"),
        Binding(
            "ctrl+q,ctrl+c",
            "quit",
            "quit",
            id="app.quit_anywhere",
            tooltip="Leave, from anywhere; asks first while a run is training",
            priority=True,
            show=False,
        ),
        Binding(
            "ctrl+z",
            "suspend_process",
            "suspend",
            id="app.suspend",
            tooltip="Back to the shell; training stops until `fg`",
            priority=True,
            show=False,
        ),
    ]

    FIRST_MODE: ClassVar[str] = "launch"
    """The screen that it opens with."""

    headline: reactive[str] = reactive("")
    """What the top bar says at the right."""

    def __init__(
        self,
        home: Path,
        data: Path,
        *,
        device: str = "auto",
        runner: Runner | None = None,
        make_runner: Callable[[], Runner] | None = None,
        clock: Callable[[], float] = time.time,
        redraws_per_second: float = 1.0,
        cell_diff: bool | None = None,
    ) -> None:
        """Raises StoreError if the run store can't be opened."""
        super().__init__(driver_class=find_driver(), cell_diff=cell_diff)
        if replaces("stylesheet"):
            from lazytrain.tui.replaced.stylesheet import KeptStylesheet

            self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.home, self.data, self.device, self.runner, self.clock = home, data, device, runner, clock
        self._make_runner = make_runner
        self.store = Store(home, clock=clock, by="the screen")
        self.shelf = DatasetShelf(data, home / "cache" / "datasets")
        self.arrival = Arrival(self, make_runner, self._show_background, self._be_prepared)
        self.departure = Departure(self)
        self.attendance = Attendance(self)
        self.wishes = Asking(self)
        self._errands = Errands(self)
        self.runner_started = False
        self.runs: list[Run] = []
        self.monitor_screen: MonitorScreen | None = None
        self.compare_screen: CompareScreen | None = None
        self._remembered = recall(home / "screen.json")
        self.marks = Marks(self._remembered.marked)
        self.smoothing = self._remembered.smoothing
        self._presets = PresetShelf(presets_folder(home))
        self._pixels: Pixels | None = None
        self._run_view: RunView | None = None
        self.launch_screen = LaunchScreen(self._remembered, lambda: self.catalogue)
        self._expectation = Expectation(self.store, self.shelf)
        self._status: RunnerStatus | None = None
        self.store_watch = Watch(self, redraws_per_second, self._show_runs, self._say_trouble)
        self._open_screen = FileLock(screens_lock(home), shared=True)
        self.add_mode("launch", lambda: self.launch_screen)
        self.add_mode("monitor", self._make_monitor)
        self.add_mode("compare", self._make_compare)
        for theme in THEMES:
            self.register_theme(theme)
        known = self._remembered.theme in self.available_themes
        self.theme = self._remembered.theme if known and self._remembered.theme else THEMES[0].name

    @property
    def catalogue(self) -> Catalogue:
        return self._presets.catalogue

    def read_presets_again(self) -> bool:
        return self._presets.read_again()

    def on_app_focus(self) -> None:
        """Back from another window, an editor maybe."""
        if self.screen is self.launch_screen:
            self.launch_screen.look_for_presets()

    @property
    def run_view(self) -> RunView:
        """The filter and the order of the runs, on every screen that lists them."""
        if self._run_view is None:
            from lazytrain.tui.state.run_view import RunView  # with the first list: no business of the first frame

            self._run_view = RunView()
        return self._run_view

    @property
    def pixels(self) -> Pixels:
        """Real pixels for images, where the terminal draws them."""
        if self._pixels is None:
            from lazytrain.engine.settings.live import LiveSettings
            from lazytrain.tui.terminal.pixels import Pixels  # with the first image

            settings = LiveSettings(self.home)
            self._pixels = Pixels(self, lambda: settings().images)
        return self._pixels

    def action_redraw(self) -> None:
        """Send every cell anew, and every image."""
        if self._pixels is not None:
            self._pixels.renew()
        super().action_redraw()

    def _make_monitor(self) -> Screen:
        # Imported when it is first shown: its charts are no business of the first frame.
        from lazytrain.tui.screens.monitor import MonitorScreen

        self.monitor_screen = MonitorScreen()
        self._fit(self.monitor_screen)
        return self.monitor_screen

    def _make_compare(self) -> Screen:
        from lazytrain.tui.screens.compare import CompareScreen  # as Monitor

        self.compare_screen = CompareScreen()
        self._fit(self.compare_screen)
        return self.compare_screen

    async def on_mount(self) -> None:
        self._fit(self.launch_screen)
        await self.switch_mode(self.FIRST_MODE)
        self._follow_runner()
        self.refresh_runs()
        with contextlib.suppress(LockHeld, OSError):
            # Held for a moment by a trainer that asks whether there is a screen; without it a pause ends sooner.
            self._open_screen.acquire()
        self.set_interval(POLL_SECONDS, self._poll)
        self.call_after_refresh(self.arrival.begin)

    async def _be_prepared(self, runner: Runner | None) -> None:
        if not self.is_running:
            return  # it was left meanwhile: a screen that isn't there any more would be waited for without end
        await self.launch_screen.open_desk()
        self.attendance.begin()
        self.runner, self._make_runner = runner, None
        self._start_runner()
        import_charts_beside()

    async def _show_background(self, run_id: str) -> None:
        # Unless they have begun something else meanwhile, or left: see `_be_prepared`.
        if self.is_running and self.screen is self.launch_screen:
            await self._open_monitor(run_id)

    def _fit(self, screen: Screen[None]) -> None:
        """Give a screen the classes of its size beforehand: otherwise every style is made once more for them."""
        width, height = self.size
        for size, points in ((width, self.HORIZONTAL_BREAKPOINTS), (height, self.VERTICAL_BREAKPOINTS)):
            screen.add_class(*screen._get_breakpoint_classes(size, points or []), update=False)

    def _start_runner(self) -> None:
        if self.runner is not None:
            self.runner_started = True
            self.runner.start()

    def on_unmount(self) -> None:
        self.remember()
        self.attendance.be_seen()
        self._open_screen.release()
        self.store.close()

    # ── runs ───────────────────────────────────────────────────────────────────────────────────────────────

    def _poll(self) -> None:
        self._follow_runner()
        self.store_watch.poll()

    def _say_trouble(self, trouble: str | None) -> None:
        """Show, or take back, why the store can't be read."""
        if trouble is not None:
            self.headline = f"⚠ {trouble}"
        else:
            self._show_headline()

    def refresh_runs(self) -> None:
        """Read the runs and give them to the screen of the current mode."""
        self.store_watch.refresh()

    def _show_runs(self, runs: list[Run]) -> None:
        self.runs = runs
        self.marks.keep({run.id for run in runs})
        self.attendance.look(runs)
        self._show_headline()
        screen = self.screen_stack[0]
        for each in (self.launch_screen, self.monitor_screen, self.compare_screen):
            if each is not None and each is screen and each.is_mounted:
                each.show_runs(runs)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        self.store_watch.painted()

    def _follow_runner(self) -> None:
        status = self.runner.status if self.runner is not None else None
        if status is self._status:
            return
        if status is not None and status.error and (self._status is None or status.error != self._status.error):
            self.notify(status.error, title="the runner", severity="error", timeout=10, markup=False)
        self._status = status
        self._show_headline()

    def _show_headline(self) -> None:
        parts = (
            describe_queue(self.runs, self._expectation.seconds, self.clock()),
            "" if self._make_runner is not None else describe_runner(self._status, self.store.runners(), self.runs),
        )
        self.headline = " · ".join(part for part in parts if part)

    @property
    def measuring_text(self) -> str:
        """What to say in place of an expected time that isn't there yet."""
        if self._status is not None and self._status.phase == "loading":
            return f"expected time: {self._status.text}"
        if self.runner is None and not self.store.runners():
            return "expected time: not measured yet"
        return "expected time: measuring…"

    def command(self, verb: Verb, run: Run) -> None:
        """Ask something of a run: written to the store, and the runner nudged; a refusal becomes a toast."""
        self.wishes.command(verb, run)

    def nudge(self) -> None:
        """Something was written: the runner looks at once, and so does the screen."""
        if self.runner is None:
            self.refresh_runs()
            return
        self.runner.nudge()
        self.store_watch.follow_wish()

    # ── going about ────────────────────────────────────────────────────────────────────────────────────────

    async def action_mode(self, mode: str) -> None:
        """Go to Launch, Monitor or Compare."""
        await self.switch_mode(mode)
        if mode == "launch":
            self.launch_screen.look_for_presets()
        self.refresh_runs()

    def ask_if_long(self, times: Sequence[float | None], title: str, then: Callable[[], None]) -> None:
        self._errands.ask_if_long(times, title, then)

    def compare_study(self, name: str) -> None:
        self._errands.compare_study(name)

    def export(self, runs: Sequence[Run]) -> None:
        self._errands.export(runs)

    def report_study(self, name: str) -> None:
        self._errands.report_study(name)

    def open_monitor(self, run_id: str | None) -> None:
        """Show Monitor, with that run selected."""
        self.call_later(self._open_monitor, run_id)

    async def _open_monitor(self, run_id: str | None) -> None:
        await self.action_mode("monitor")
        if run_id is not None and self.monitor_screen is not None:
            self.monitor_screen.select_run(run_id)

    def action_help(self) -> None:
        """Show every key of the current screen."""
        from lazytrain.tui.screens.help import HelpScreen, list_keys

        self.push_screen(HelpScreen(list_keys(self.screen)))

    def on_resize(self, event: events.Resize) -> None:
        too_small = event.size.width < MINIMUM_WIDTH or event.size.height < MINIMUM_HEIGHT
        covered = self.screen.has_class("-too-small")
        if too_small and not covered:
            from lazytrain.tui.screens.confirm import TooSmallScreen

            self.push_screen(TooSmallScreen(MINIMUM_WIDTH, MINIMUM_HEIGHT))
        elif covered and not too_small:
            self.pop_screen()

    def remember(self) -> None:
        """Keep the choice on Launch, the theme, what is marked and the smoothing for the next start."""
        architecture, hyperparameters = self.launch_screen.chosen
        choice = replace(
            self._remembered,
            architecture=architecture,
            hyperparameters=hyperparameters,
            theme=self.theme,
            marked=self.marks.places,
            smoothing=self.smoothing,
        )
        self._keep_choice(choice)

    def _keep_choice(self, choice: Remembered) -> None:
        if choice != self._remembered:
            remember(self.home / "screen.json", choice)
            self._remembered = choice

    # ── leaving ────────────────────────────────────────────────────────────────────────────────────────────

    async def action_quit(self) -> None:
        """Leave; with runs to be trained here, ask what becomes of them."""
        self.departure.ask()

    def action_suspend_process(self) -> None:
        """Give the shell its prompt back; training stops with the screen, and goes on with it (`fg`)."""
        self.departure.suspend(getattr(self._driver, "suspend", None))


def find_driver() -> type[Driver] | None:
    """Our own where terminals are lost and jobs suspended; None for Textual's choice."""
    if os.name == "nt" or "TEXTUAL_DRIVER" in os.environ or missing("driver"):
        return None
    from lazytrain.tui.replaced.driver import ScreenDriver

    return ScreenDriver
