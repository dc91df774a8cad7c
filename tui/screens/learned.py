"""What a run's net has learned: which class it takes for which, its worst mistakes, and its first layer's filters.

The matrix is read from the store, live. Mistakes and filters are found out in a process of their own, once they are
looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, get_args

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from lazytrain.engine.analysis.findings import Filters, FirstLook, Inspection
from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import Progress
from lazytrain.engine.records import Run
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.tui.screens.inspections import Inspecting
from lazytrain.tui.terminal.pixels import Pixels
from lazytrain.tui.widgets.confusion_table import ConfusionTable
from lazytrain.tui.widgets.half_blocks import Tile, mistake_tile
from lazytrain.tui.widgets.image_grid import ImageGrid
from lazytrain.tui.widgets.key_footer import KeyFooter
from lazytrain.tui.widgets.top_bar import TopBar, chosen_tab
from lazytrain.tui.words.text import format_count, format_fraction, shorten

Page = Literal["classes", "mistakes", "filters"]
PAGES: tuple[Page, ...] = get_args(Page)
LARGE, SMALL = 32, 16
"""Pixels, and cells, that an image is wide."""
POLL_SECONDS = 0.2
TABS_WIDTH = 38
"""Cells of the frame's title beside the run's name."""


class LearnedScreen(Screen[None]):
    """Three pages about one run.

    Args:
        inspect: begins an inspection of the newest checkpoint's weights, or of the best epoch's.
        pixels: draws images in the terminal's own pixels where it can; half blocks if None.
    """

    CSS_PATH = "learned.tcss"
    BINDING_GROUP_TITLE = "What it has learned"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "page('classes')", "classes", id="learned.classes", tooltip="Which class is taken for which"),
        Binding("m", "page('mistakes')", "mistakes", id="learned.mistakes", tooltip="What it is wrong and surest of"),
        Binding("f", "page('filters')", "filters", id="learned.filters", tooltip="The first layer's weights as images"),
        Binding("tab", "turn(1)", "next page", id="learned.next", tooltip="The next page", show=False),
        Binding("shift+tab", "turn(-1)", "page before", id="learned.before", tooltip="The page before", show=False),
        Binding("b", "best", "best/last", id="learned.best", tooltip="The best epoch, or the last; and back"),
        Binding("z", "size", "size", id="learned.size", tooltip="Larger or smaller images"),
        Binding("r", "again", "again", id="learned.again", tooltip="Look at the newest checkpoint again"),
        Binding("up,k", "move(0, -1)", "up", id="learned.up", tooltip="Scroll up", show=False),
        Binding("down,j", "move(0, 1)", "down", id="learned.down", tooltip="Scroll down", show=False),
        Binding("left,h", "move(-1, 0)", "left", id="learned.left", tooltip="Scroll left", show=False),
        Binding("right", "move(1, 0)", "right", id="learned.right", tooltip="Scroll right", show=False),
        Binding("pageup", "page_by(-1)", "page up", id="learned.page_up", tooltip="Scroll a page up", show=False),
        Binding("pagedown,space", "page_by(1)", "page down", id="learned.page_down", tooltip="Scroll on", show=False),
        Binding("home", "first", "first", id="learned.first", tooltip="To the first", show=False),
        Binding("end", "last", "last", id="learned.last", tooltip="To the last", show=False),
        Binding("escape,w", "leave", "back", key_display="esc", id="learned.leave", tooltip="Back to the runs"),
    ]

    def __init__(
        self, store: Store, run: Run, inspect: Callable[[bool], Inspecting], pixels: Pixels | None = None
    ) -> None:
        super().__init__()
        self.store, self.run = store, run
        self.page: Page = "classes"
        self.best = False
        """Whether the best epoch is shown, and not the last."""
        self._inspect, self._pixels = inspect, pixels
        self._inspections: dict[bool, Inspecting] = {}
        self._kept: dict[int, Confusion] = {}
        self._read_at: tuple[object, ...] | None = None
        self._shown: dict[Page, object] = {}
        self._said = ""
        self._ready = False

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Vertical(id="page"):
            yield ConfusionTable(id="classes")
            yield ImageGrid(LARGE, real=self._pixels, id="mistakes")
            yield ImageGrid(SMALL, real=self._pixels, id="filters")
            yield Static(id="message")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._timer = self.set_interval(POLL_SECONDS, self._show, pause=True)
        self._ready = True
        self.read_new()

    def on_unmount(self) -> None:
        for inspection in self._inspections.values():
            inspection.stop()

    # ── what is known ──────────────────────────────────────────────────────────────────────────────────────

    def read_new(self) -> None:
        """Read what an evaluation has added since the last look."""
        if not self._ready:
            # It was pushed a moment ago: it reads by itself as soon as it is there.
            return
        try:
            run = self.store.run(self.run.id)
        except RunNotFound:
            # Discarded meanwhile: what was read of it is still true.
            return
        read_at = (run.epoch, run.revision, run.best_epoch, run.state)
        if read_at == self._read_at:
            return
        self.run, self._read_at = run, read_at
        self._kept = self.store.confusions(run.id)
        self._show()

    @property
    def _epoch(self) -> int | None:
        """Which epoch's matrix is asked for."""
        return self.run.best_epoch if self.best else self.run.epoch or None

    @property
    def _wants_best(self) -> bool:
        """Whether the best epoch's weights are others than the newest."""
        return self.best and (self.run.best_epoch != self.run.epoch or not self.run.state.over)

    def _inspection(self) -> Inspecting:
        """The inspection of the weights asked for: begun now, if it wasn't before."""
        best = self._wants_best
        if best not in self._inspections:
            self._inspections[best] = self._inspect(best)
        return self._inspections[best]

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────

    def _show(self) -> None:
        self._show_tabs()
        kept = self._kept.get(self._epoch or 0) if self.page == "classes" else None
        if kept is not None:
            self._timer.pause()
            self._show_matrix(kept, f"epoch {self._epoch}, the {'best' if self.best else 'last'}")
            return
        if self.page == "classes" and not self._epoch and not self.run.state.over:
            self._timer.pause()
            self._say("No epoch is evaluated yet: the matrix comes at the end of the first one.")
            return
        inspection = self._inspection()
        if inspection.done:
            self._timer.pause()
        else:
            self._timer.resume()
        look = inspection.first_look or inspection.result
        if self.page == "filters" and look is not None:
            # They are there before the test images are evaluated.
            self._show_filters(look)
        elif inspection.result is not None:
            self._show_result(inspection.result)
        elif inspection.error is not None:
            self._say(inspection.error)
        else:
            self._say(describe_progress(inspection.progress))

    def _show_tabs(self) -> None:
        tabs = (
            Content.styled(f" {page} ", chosen_tab(self.app) if page == self.page else "not bold $foreground 75%")
            for page in PAGES
        )
        room = max(8, self.size.width - TABS_WIDTH)
        self._frame.border_title = Content.assemble(shorten(self.run.shown_name, room), "  ", *tabs)

    def _show_result(self, result: Inspection) -> None:
        classes = result.confusion.classes
        if self.page == "classes":
            self._show_matrix(result.confusion, result.weights)
        elif self.page == "mistakes" and not result.mistakes:
            self._say(f"By {result.weights} it makes no mistake on {format_count(result.confusion.num_images)} images.")
        elif self.page == "mistakes":
            tiles = [mistake_tile(mistake, classes) for mistake in result.mistakes]
            wrong = result.confusion.num_images - result.confusion.num_correct
            total = f"{len(tiles)}, the surest of {format_count(wrong)}" if wrong > len(tiles) else f"{len(tiles)}"
            self._show_images(result, tiles, f"{result.weights} · ", total)

    def _show_filters(self, look: FirstLook) -> None:
        filters = look.filters
        if filters is None:
            self._say(f"{look.no_filters[:1].upper()}{look.no_filters[1:]}.")
            return
        tiles = filter_tiles(filters)
        more = f", of {format_count(filters.num_filters)} in all" if filters.num_filters > len(tiles) else ""
        self._show_images(look, tiles, f"{filters.layer} · {look.weights} · ", f"{len(tiles)}{more}")

    def _show_matrix(self, confusion: Confusion, which: str) -> None:
        self._reveal("classes")
        confusion = confusion.shown()
        table = self.query_one(ConfusionTable)
        if table.confusion != confusion:
            table.show(confusion)
        said = f"{which} · {format_fraction(confusion.accuracy)}"
        if table.whole:
            said += f" of {format_count(confusion.num_images)} test images"
        else:
            columns, rows = table.view
            said += f" · rows {rows.start + 1}–{rows.stop}, columns {columns.start + 1}–{columns.stop}"
            said += f" of {len(confusion.classes)}"
        self._subtitle(said)

    def _show_images(self, look: FirstLook, tiles: list[Tile], said: str, total: str) -> None:
        if self._pixels is not None:
            self._pixels.begin()
        self._reveal(self.page)
        grid = self.query_one(f"#{self.page}", ImageGrid)
        if self._shown.get(self.page) is not look:
            self._shown[self.page] = look
            grid.show(tiles)
        first, last = grid.view
        self._subtitle(f"{said}{first}–{last} of {total}")

    def _say(self, text: str) -> None:
        self._reveal("message")
        self._subtitle("")
        if text != self._said:
            self._said = text
            self.query_one("#message", Static).update(Content(text))

    def _subtitle(self, text: str) -> None:
        self._frame.border_subtitle = Content(text)

    def _reveal(self, shown: str) -> None:
        for name in (*PAGES, "message"):
            self.query_one(f"#{name}").display = name == shown

    @on(ConfusionTable.Moved)
    @on(ImageGrid.Moved)
    def _moved(self) -> None:
        self._show()

    # ── keys ───────────────────────────────────────────────────────────────────────────────────────────────

    def action_page(self, page: Page) -> None:
        self.page = page
        self._show()
        self.refresh_bindings()

    def action_turn(self, pages: int) -> None:
        self.action_page(PAGES[(PAGES.index(self.page) + pages) % len(PAGES)])

    def action_best(self) -> None:
        self.best = not self.best
        self._show()

    def action_size(self) -> None:
        grid = self._part
        if isinstance(grid, ImageGrid):
            grid.enlarge(LARGE if grid.pixels == SMALL else SMALL)

    def action_again(self) -> None:
        old = self._inspections.pop(self._wants_best, None)
        if old is not None:
            old.stop()
        self._show()

    def action_move(self, columns: int, rows: int) -> None:
        self._part.move(columns, rows)

    def action_page_by(self, pages: int) -> None:
        self._part.move_pages(pages)

    def action_first(self) -> None:
        self._part.move_to_end(last=False)

    def action_last(self) -> None:
        self._part.move_to_end(last=True)

    def action_leave(self) -> None:
        self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "size":
                return self.page != "classes"
            case "again":
                return self.page != "classes" or bool(self._inspections)
            case _:
                return True

    @property
    def _frame(self) -> Vertical:
        return self.query_one("#page", Vertical)

    @property
    def _part(self) -> ConfusionTable | ImageGrid:
        if self.page == "classes":
            return self.query_one(ConfusionTable)
        return self.query_one(f"#{self.page}", ImageGrid)


def describe_progress(progress: Progress | None) -> str:
    """`evaluating 3,000 of 10,000`."""
    if progress is None:
        return "loading torch…"
    if not progress.total:
        return f"{progress.phase}…"
    return f"{progress.phase} {format_count(progress.done)} of {format_count(progress.total)}"


def filter_tiles(filters: Filters) -> list[Tile]:
    """One a filter, with its name."""
    return [Tile(image, ((name, ""),)) for image, name in zip(filters.images, filters.names, strict=True)]
