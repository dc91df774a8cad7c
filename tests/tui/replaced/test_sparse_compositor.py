"""What the sparse compositor renders is what Textual's does, and it is less."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor
from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from lazytrain.tui.replaced.sparse_compositor import SparseCompositor

WIDTH, HEIGHT = 40, 16
Cell = tuple[str, Style | None]


class Letters(Widget):
    """Every cell's letter tells whose it is and where; the lines that were asked for are kept."""

    def __init__(self, first: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = first
        self.asked: set[int] = set()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment("".join(chr(ord(self._first) + (x + 3 * y) % 7) for x in range(width)), self.rich_style)])

    def render_lines(self, crop: Region) -> list[Strip]:
        self.asked |= set(crop.line_range)
        return super().render_lines(crop)


class LettersScreen(Screen[None]):
    """Widgets side by side, in a frame, scrolled out of sight in part, and one before others."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SparseCompositor()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Letters("a", id="left")
            yield Letters("h", id="framed")
        with VerticalScroll():
            yield Letters("A", id="scrolled")
        yield Letters("0", id="above")


class LettersApp(App[None]):
    CSS = """
    LettersScreen { layers: default above; layout: vertical; }
    Horizontal { height: 9; }
    Letters { width: 1fr; height: 1fr; }
    #framed { border: round red; padding: 0 1; width: 11; }
    #scrolled { height: 12; }
    VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    #above { layer: above; offset: 6 4; width: 13; height: 6; }
    """

    def get_default_screen(self) -> Screen[None]:
        return LettersScreen()


def sent_cells(update: ChopsUpdate) -> dict[tuple[int, int], Cell]:
    """Line and column → what is sent there."""
    cells: dict[tuple[int, int], Cell] = {}
    for y, start, stop in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
            if x < stop and end > start:
                assert strip is not None, f"nothing was rendered for line {y} from column {x} on"
                assert strip.cell_length == end - x
                line = [(character, segment.style) for segment in strip for character in segment.text]
                cells |= {(y, x + index): cell for index, cell in enumerate(line) if start <= x + index < stop}
    return cells


regions = st.builds(
    Region, st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
)


@settings(deadline=None)
@given(st.lists(st.sets(regions, min_size=1, max_size=4), min_size=1, max_size=5), st.integers(0, 5))
def test_it_renders_what_textual_would(dirty: list[set[Region]], scrolled: int) -> None:
    async def compare() -> None:
        app = LettersApp()
        async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
            app.screen.query_one(VerticalScroll).scroll_to(y=scrolled, animate=False, immediate=True)
            await pilot.pause()
            compositor = app.screen._compositor
            assert isinstance(compositor, SparseCompositor)
            for regions in dirty:
                compositor._dirty_regions = set(regions)
                sparse = compositor.render_partial_update()
                assert compositor._dirty_regions == set()
                compositor._dirty_regions = {region.intersection(compositor.size.region) for region in regions}
                whole = Compositor.render_partial_update(compositor)
                assert sparse is not None
                assert whole is not None
                assert sparse.spans == whole.spans
                assert sent_cells(sparse) == sent_cells(whole)

    asyncio.run(compare())


async def test_it_asks_only_for_lines_in_sight_that_changed() -> None:
    app = LettersApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        widgets = {widget.id: widget for widget in app.screen.query(Letters)}
        for widget in widgets.values():
            widget.asked.clear()
        app.screen._compositor._dirty_regions = {Region(2, 1, 3, 1), Region(7, 5, 4, 1)}
        assert app.screen._compositor.render_partial_update() is not None
        # The second region lies under the widget in front, at its line 1.
        assert {name: widget.asked for name, widget in widgets.items()} == {
            "left": {1},
            "framed": set(),
            "scrolled": set(),
            "above": {1},
        }


async def test_nothing_changed_is_no_update() -> None:
    app = LettersApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        app.screen._compositor._dirty_regions = set()
        assert app.screen._compositor.render_partial_update() is None
        app.screen._compositor._dirty_regions = {Region(WIDTH + 1, 0, 3, 3)}
        assert app.screen._compositor.render_partial_update() is None, "outside the screen"
