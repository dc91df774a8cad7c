"""The Monitor screen in an app of its own, which carries out commands as the real one does but shows nothing else."""

from __future__ import annotations

from pathlib import Path

from textual.app import App
from textual.reactive import reactive
from textual.screen import Screen

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import NotPossible, Store
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.state.host import Host
from lazytrain.tui.state.marks import Marks
from lazytrain.tui.state.run_view import RunView
from tests.helpers.monitor_data import Clock


class MonitorApp(App[int]):
    """Monitor alone; `asked` records the commands."""

    headline: reactive[str] = reactive("")
    no_runs = Host.no_runs

    def __init__(self, home: Path, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.store = Store(home, clock=clock)
        self.home, self.data, self.runner = home, home / "data", None
        self.marks = Marks()
        self.smoothing: float | None = None
        self.pixels = None
        self.run_view = RunView()
        self.asked: list[tuple[str, str]] = []
        self.monitor = MonitorScreen()
        self.add_mode("launch", Screen)
        self.add_mode("monitor", lambda: self.monitor)
        self.add_mode("compare", Screen)

    async def on_mount(self) -> None:
        await self.switch_mode("monitor")

    async def action_mode(self, mode: str) -> None:
        await self.switch_mode(mode)

    def command(self, verb: str, run: Run) -> None:
        self.asked.append((verb, run.id))
        try:
            match verb:
                case "up" | "down":
                    self.store.move(run.id, -1 if verb == "up" else 1)
                case "rename":
                    pass
                case _:
                    getattr(self.store, verb)(run.id)
        except NotPossible as error:
            self.notify(str(error))
        self.tell()

    def tell(self) -> None:
        """What the real app does when the store changed."""
        self.monitor.show_runs(self.store.runs())
