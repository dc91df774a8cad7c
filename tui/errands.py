"""What screens ask of the app that opens another screen: a study compared, runs and reports taken away, long work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lazytrain.engine.records import Run

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host
    from lazytrain.tui.state.taking_away import Taken


class Errands:
    """Runs them for one app; the modules behind them are imported with the first, the first frame does without."""

    def __init__(self, app: Host) -> None:
        self._app = app

    def ask_if_long(self, times: Sequence[float | None], title: str, then: Callable[[], None]) -> None:
        from lazytrain.tui.screens.long_work import ask_if_long

        ask_if_long(self._app, times, title, then)

    def compare_study(self, name: str) -> None:
        from lazytrain.tui.state.study_marks import find_study_runs

        app = self._app
        found = find_study_runs(app, name)
        if not found:
            text = f"no run has the settings of {name}: launch it (1, s), or mark runs that have others (2, c)"
            if name in app.catalogue.command_studies:
                text = f"{name} has no runs yet: launch it (1, s)"
            app.notify(text, severity="warning", markup=False)
            return
        if not any(run.num_points or run.step for run in app.runs if run.id in found):
            app.notify(f"nothing of {name} is trained yet: its curves come as it trains", markup=False)
        app.marks.remove(list(app.marks))
        app.marks.add(found)
        app.call_later(app.action_mode, "compare")

    def export(self, runs: Sequence[Run]) -> None:
        from lazytrain.tui.state.taking_away import Taken

        self._take_away(Taken(runs=tuple(runs)))

    def report_study(self, name: str) -> None:
        from lazytrain.tui.state.taking_away import Taken

        self._take_away(Taken(study=name))

    def _take_away(self, taken: Taken) -> None:
        from lazytrain.tui.screens.export import ExportScreen

        self._app.push_screen(ExportScreen(self._app.home, self._app.data, taken))
