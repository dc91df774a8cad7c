"""What screens and widgets may ask of the app: they know this class, and never the app itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.replaced.cell_diff_app import CellDiffApp
from lazytrain.tui.state.dataset_lookup import DatasetShelf
from lazytrain.tui.state.marks import Marks

if TYPE_CHECKING:
    from lazytrain.engine.queue.runner import Runner
    from lazytrain.presets import Catalogue
    from lazytrain.tui.state.run_view import RunView
    from lazytrain.tui.terminal.pixels import Pixels

Verb = Literal["pause", "resume", "stop", "discard", "up", "down", "rename", "tag", "note", "archive"]
"""What can be asked of a run."""


class Host(CellDiffApp[int]):
    """An app with a run store.

    Attributes:
        runs: as they were last read.
        runner: trains in this process; None where another process does, or nobody.
        marks: the runs marked for comparison.
        shelf: what is known of datasets.
        smoothing: how much charts are smoothed; None: as the curves' noise asks for.
        device: what runs are queued for unless they say otherwise.
    """

    no_runs = "no runs yet: press 1, choose, enter"
    """What an empty list says."""

    home: Path
    data: Path
    device: str
    clock: Callable[[], float]
    store: Store
    runs: list[Run]
    runner: Runner | None
    marks: Marks
    smoothing: float | None
    shelf: DatasetShelf

    @property
    def catalogue(self) -> Catalogue:
        """The presets, read when they are first asked for, by whichever thread."""
        raise NotImplementedError

    def read_presets_again(self) -> bool:
        """Read them anew if a file of the user's was added, changed or taken away since; whether one was."""
        raise NotImplementedError

    @property
    def run_view(self) -> RunView:
        """The filter and the order of the runs, on every screen that lists them."""
        raise NotImplementedError

    @property
    def pixels(self) -> Pixels:
        """Real pixels for images, where the terminal draws them."""
        raise NotImplementedError

    @property
    def measuring_text(self) -> str:
        """What to say in place of an expected time that isn't there yet."""
        raise NotImplementedError

    def command(self, verb: Verb, run: Run) -> None:
        """Ask something of a run: written to the store, and the runner nudged; a refusal becomes a toast."""
        raise NotImplementedError

    def nudge(self) -> None:
        """Something was written: the runner looks at once, and so does the screen."""
        raise NotImplementedError

    def remember(self) -> None:
        """Keep the choice on Launch, the theme and what is marked for the next start."""
        raise NotImplementedError

    async def action_mode(self, mode: str) -> None:
        """Go to Launch, Monitor or Compare."""
        raise NotImplementedError

    def open_monitor(self, run_id: str | None) -> None:
        """Show Monitor, with that run selected."""
        raise NotImplementedError

    def ask_if_long(self, times: Sequence[float | None], title: str, then: Callable[[], None]) -> None:
        """Call `then`, after a question where it queues much: many runs, or `seconds` in all (None: not known)."""
        raise NotImplementedError

    def compare_study(self, name: str) -> None:
        """Show Compare, with just a study's runs marked."""
        raise NotImplementedError

    def export(self, runs: Sequence[Run]) -> None:
        """Ask what is to be written of these runs, and where."""
        raise NotImplementedError

    def report_study(self, name: str) -> None:
        """Ask where the report of a study is to be written."""
        raise NotImplementedError
