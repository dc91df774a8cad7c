"""The app's eye on the run store: when it looks, how often figures are redrawn, and following a wish until it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.timer import Timer

from lazytrain.engine.records import Run
from lazytrain.engine.store.known_runs import live_states
from lazytrain.engine.store.store import StoreError
from lazytrain.tui.replaced.pace import Pace

if TYPE_CHECKING:
    from lazytrain.tui.state.host import Host

POLL_SECONDS = 0.25
"""How often the store is asked whether anything changed: that costs little, but so does being woken up for it."""
CONFIRM_SECONDS = 0.02
"""How long after a wish the screen looks whether training here has confirmed it, and how often until it has."""
CONFIRM_LOOKS = 50
"""So often at most; then with the other looks."""
REPLACED = "the run store's file was deleted or replaced: these are the runs of the one that is there now"
LOOK_SECONDS = 1.0
"""How often it is looked at even so: a trainer that is frozen or killed writes nothing."""


class Watch:
    """Belongs to one app.

    Args:
        show: shows the runs as they were read just now.
        complain: shows why the store can't be read; takes it back with None.
    """

    def __init__(
        self,
        app: Host,
        redraws_per_second: float,
        show: Callable[[list[Run]], None],
        complain: Callable[[str | None], None],
    ) -> None:
        self._app, self._show, self._complain = app, show, complain
        self._pace = Pace(redraws_per_second)
        self._live: list[tuple[object, ...]] = []
        self._generation = self._num_polls = self._num_changes = 0
        self._wish_timer: Timer | None = None
        self._trouble: str | None = None
        self._stale = True

    def poll(self) -> None:
        """Look whether anything changed; to be called every `POLL_SECONDS`."""
        self._try(self._look)

    def refresh(self) -> None:
        """Read the runs and show them."""
        self._pace.begin()
        self._stale, runs = False, self._app.store.runs()
        self._live = live_states(runs)
        self._show(runs)

    def painted(self) -> None:
        """What is painted first after new figures were read is their frame."""
        self._pace.end()

    def follow_wish(self) -> None:
        """Something was asked of a runner of this process: show it as soon as that has done it."""
        # Python's lock is training's now; the screen is painted when that may have done what was asked.
        self._follow(self.refresh, CONFIRM_LOOKS)

    def _try(self, look: Callable[[], None]) -> None:
        if not self._app.is_running:
            # It is ending: the screens' widgets go one by one, and a look at the store may come in between.
            return
        try:
            look()
        except StoreError as trouble:
            # Looked at again with the next poll; nothing is lost by it. So is one that stands in the place of another
            # and can't be opened.
            self._say(str(trouble))
        else:
            self._say(None)

    def _look(self) -> None:
        store = self._app.store
        self._pace.forget()
        self._stale = store.changed() or self._stale
        if store.generation != self._generation:
            first, self._generation = not self._generation, store.generation
            notice = store.notice or (None if first else REPLACED)
            if notice is not None:
                self._app.notify(notice, title="run store", severity="warning", timeout=30, markup=False)
        self._num_polls += 1
        # Figures keep the pace; a state that was reached is shown at once.
        if self._stale and self._pace.due:
            self.refresh()
            return
        changes = store.num_changes() if self._stale else self._num_changes
        if changes != self._num_changes or self._num_polls % round(LOOK_SECONDS / POLL_SECONDS) == 0:
            self._num_changes = changes
            self._show_states()

    def _show_states(self) -> None:
        """Show another state, wish, name or place of a run that isn't over, if there is one."""
        if live_states(self._app.store.runs()) != self._live:
            self.refresh()

    def _say(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._complain(trouble)

    def _follow(self, show: Callable[[], None], looks: int) -> None:
        def look() -> None:
            self._try(show)
            if looks > 1 and any(run.pending for run in self._app.runs):
                self._follow(self._show_states, looks - 1)

        if self._wish_timer is not None:
            self._wish_timer.stop()
        self._wish_timer = self._app.set_timer(CONFIRM_SECONDS, look)
