"""What comes right after the first frame: a run trained elsewhere is shown, and the rest is imported."""

from __future__ import annotations

import gc
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING

from lazytrain.tui.replaced.parts import complaints
from lazytrain.tui.state.headline import find_background
from lazytrain.tui.words.text import format_done

if TYPE_CHECKING:
    from lazytrain.engine.queue.runner import Runner
    from lazytrain.tui.state.host import Host

AFTER_FIRST_FRAME = (
    "lazytrain.tui.screens.launch_desk",
    "lazytrain.tui.widgets.study_panel",
    "lazytrain.engine.analysis.digest",
)
"""What is wanted right after the first frame, and takes its time to import."""
FOR_CHARTS = ("lazytrain.tui.screens.monitor", "lazytrain.engine.analysis.series", "plotext")
"""What Monitor wants when it is first shown."""
COMING_BACK_SECONDS = 8.0
"""How long it is said that training goes on: until Monitor is there, on a busy machine too."""


class Arrival:
    """Brings it beside the screen, once for one app.

    Args:
        make_runner: called after the imports; None where the app has its runner, or has none.
        show_background: shows the run with that id, which is trained elsewhere.
        be_prepared: called with the runner, in the app's thread, when all is there.
    """

    def __init__(
        self,
        app: Host,
        make_runner: Callable[[], Runner] | None,
        show_background: Callable[[str], Awaitable[None]],
        be_prepared: Callable[[Runner | None], Awaitable[None]],
    ) -> None:
        self._app, self._make_runner = app, make_runner
        self._show_background, self._be_prepared = show_background, be_prepared

    def begin(self) -> None:
        """Who comes back while a run goes on in another process is told at once, and sees it before all else comes."""
        app = self._app
        found = find_background(app.store.runners(), app.runs)
        if found is not None:
            _, run = found
            said = f"training in the background: {format_done(run)}"
            app.notify(said, title=run.shown_name, timeout=COMING_BACK_SECONDS, markup=False)
        background = None if found is None else found[1].id
        app.run_worker(lambda: self._prepare(background), group="datasets", thread=True)

    def _prepare(self, background: str | None) -> None:
        """Bring, beside the first frame, what it did without; the runner, with torch, comes after that."""
        app = self._app
        # What is there by now stays: the garbage collector needn't look through it again and again.
        gc.freeze()
        gc.enable()
        if background is not None:
            _import_charts()
            app.call_from_thread(self._show_background, background)
        self._say_what_is_missing()
        for module in AFTER_FIRST_FRAME:
            import_module(module)
        runner = self._make_runner() if self._make_runner is not None else app.runner
        _ = app.catalogue
        app.call_from_thread(self._be_prepared, runner)

    def _say_what_is_missing(self) -> None:
        from lazytrain.tui.leave import write_log  # after the first frame

        for complaint in complaints():
            write_log(self._app.home, complaint)


def import_charts_beside() -> None:
    """In nobody's way: whoever goes to Monitor before it is done imports what is left."""
    threading.Thread(target=_import_charts, name="lazytrain-charts", daemon=True).start()


def _import_charts() -> None:
    for module in FOR_CHARTS:
        import_module(module)
