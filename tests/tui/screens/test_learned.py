"""What a net has learned, on its screen: the matrix, the mistakes, the filters, and how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from lazytrain.engine.analysis.findings import FirstLook, Inspection
from lazytrain.engine.events import Progress
from lazytrain.engine.records import State
from lazytrain.tui.screens.inspections import MOST_KEPT, Inspections
from lazytrain.tui.screens.learned import LearnedScreen, describe_progress
from lazytrain.tui.widgets.confusion_table import ConfusionTable
from lazytrain.tui.widgets.half_blocks import Tile
from lazytrain.tui.widgets.image_grid import ImageGrid
from tests.helpers.learned_app import (
    FakeInspector,
    LearnedApp,
    add_confusion,
    colours,
    filters,
    inspection,
    matrix,
    trained,
)
from tests.helpers.monitor_app import MonitorApp
from tests.helpers.monitor_data import Filler

SIZES = [(120, 40), (80, 24)]


@pytest.fixture
def filler(home: Path) -> Filler:
    return Filler(home)


@asynccontextmanager
async def learned(
    home: Path, run_id: str, answer: Inspection | str | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Pilot[Any]]:
    app = LearnedApp(home, run_id, answer)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot
    app.store.close()


def begun(pilot: Pilot[Any]) -> list[tuple[bool, FakeInspector]]:
    return pilot.app.begun  # type: ignore[attr-defined]


def text(pilot: Pilot[Any]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def shows(pilot: Pilot[Any], wanted: str) -> None:
    """Wait until the screen shows it: a page is laid out after it was asked for."""
    for _ in range(200):
        if wanted in text(pilot):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{wanted!r} is not in {text(pilot)}")


def said(pilot: Pilot[Any]) -> str:
    message = pilot.app.screen.query_one("#message", Static)
    return str(message.content) if message.display else ""


# ── the matrix ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_matrix_of_the_last_epoch(home: Path, filler: Filler, size: tuple[int, int]) -> None:
    async with learned(home, trained(filler), size=size) as pilot:
        await shows(pilot, "epoch 10, the last · ")
        shown = text(pilot)
        assert "of 10,000 test images" in shown
        table = pilot.app.screen.query_one(ConfusionTable)
        assert table.whole, "ten classes fit"
        automobile = next(line for line in shown.splitlines() if "automobile" in line and "%" in line)
        assert "[" in automobile
        assert begun(pilot) == [], "nothing is evaluated for what the store holds"


async def test_shows_the_best_epochs_too(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler)) as pilot:
        await pilot.press("b")
        await shows(pilot, "epoch 4, the best · ")
        await shows(pilot, "of 9,960 test images")
        await pilot.press("b")
        await shows(pilot, "epoch 10, the last")


async def test_follows_the_evaluations(home: Path, filler: Filler) -> None:
    run_id = filler.queue("coolnet-v10")
    filler.start(run_id)
    async with learned(home, run_id) as pilot:
        assert said(pilot) == "No epoch is evaluated yet: the matrix comes at the end of the first one."
        filler.train(run_id, 1)
        add_confusion(filler, run_id, 1)
        pilot.app.screen.read_new()  # type: ignore[attr-defined]
        await pilot.pause()
        await shows(pilot, "epoch 1, the last")
        filler.journal.forget(run_id)
        pilot.app.screen.read_new()  # type: ignore[attr-defined]
        await pilot.pause()
        await shows(pilot, "epoch 1, the last")  # what was read of a run that is gone stays


async def test_evaluates_where_no_matrix_is_kept(home: Path, filler: Filler) -> None:
    run_id = filler.queue("coolnet-v10")
    filler.start(run_id)
    filler.train(run_id, 10)
    filler.end(run_id, State.FINISHED)
    async with learned(home, run_id, inspection()) as pilot:
        assert len(begun(pilot)) == 1
        await shows(pilot, "epoch 10 · ")


async def test_many_classes_are_scrolled_to(home: Path, filler: Filler) -> None:
    run_id = trained(filler)
    record = filler.journal.epochs(run_id)[-1]
    many = matrix([f"sort of thing {number}" for number in range(100)])
    filler.journal.write(run_id, record=record, confusion=many)
    async with learned(home, run_id, size=(80, 24)) as pilot:
        await shows(pilot, "rows 1–17, columns 1–10 of 100")
        await pilot.press("down", "down", "right")
        await shows(pilot, "rows 3–19, columns 2–11 of 100")
        await shows(pilot, "3 sort of thin")  # names that begin alike are numbered
        await pilot.press("pagedown")
        await shows(pilot, "rows 20–36")
        await pilot.press("end")
        await shows(pilot, "rows 84–100, columns 91–100 of 100")
        await pilot.press("home")
        await shows(pilot, "rows 1–17, columns 1–10 of 100")


# ── mistakes and filters ───────────────────────────────────────────────────────────────────────────────────────────


async def test_says_how_far_it_is_and_shows_the_mistakes(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler)) as pilot:
        await pilot.press("m")
        assert said(pilot) == "loading torch…"
        ((best, inspector),) = begun(pilot)
        assert not best
        inspector.progress = Progress(phase="evaluating", done=3000, total=10_000)
        await shows(pilot, "evaluating 3,000 of 10,000")
        inspector.result = inspection()
        await shows(pilot, "epoch 10 · 1–6 of 20, the surest of ")
        shown = text(pilot)
        assert "airplane" in shown
        assert "→ cat" in shown
        assert "99.9 %" in shown
        await pilot.press("down")
        await shows(pilot, "4–9 of 20")
        await pilot.press("end")
        await shows(pilot, "16–20 of 20")
        await pilot.press("z")
        await shows(pilot, "of 20")
        assert pilot.app.screen.query_one("#mistakes", ImageGrid).pixels == 16
        await pilot.press("tab", "shift+tab")
        assert len(begun(pilot)) == 1, "what was found out is kept"


async def test_filters_wait_for_no_evaluation(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler)) as pilot:
        await pilot.press("f")
        ((_, inspector),) = begun(pilot)
        inspector.progress = Progress(phase="evaluating", done=3000, total=10_000)
        await shows(pilot, "evaluating 3,000 of 10,000")
        inspector.first_look = FirstLook(weights="epoch 10", filters=filters())
        await shows(pilot, "conv 6 · 5×5 · epoch 10 · 1–6 of 6")
        await pilot.press("m")
        await shows(pilot, "evaluating 3,000 of 10,000")
        inspector.error = "the net failed"
        await shows(pilot, "the net failed")
        await pilot.press("f")
        await shows(pilot, "conv 6 · 5×5 · epoch 10 · 1–6 of 6")


async def test_looks_again_and_at_the_best(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler), inspection()) as pilot:
        await pilot.press("f", "r", "b")
        assert [best for best, _ in begun(pilot)] == [False, False, True]
        assert begun(pilot)[0][1].stopped


async def test_best_and_newest_are_looked_at_once_where_they_are_the_same(home: Path, filler: Filler) -> None:
    run_id = trained(filler)
    add_confusion(filler, run_id, 10, best=True)
    async with learned(home, run_id, inspection()) as pilot:
        await pilot.press("m", "b", "f")
        assert [best for best, _ in begun(pilot)] == [False]


async def test_says_why_there_is_nothing(home: Path, filler: Filler) -> None:
    run_id = trained(filler)
    async with learned(home, run_id, "its images are gone: put them back") as pilot:
        await pilot.press("m")
        assert said(pilot) == "its images are gone: put them back"
        await pilot.press("c")
        await shows(pilot, "epoch 10, the last")
    async with learned(home, run_id, inspection(num_mistakes=0)) as pilot:
        await pilot.press("m")
        assert said(pilot) == "By epoch 10 it makes no mistake on 10,000 images."
        await pilot.press("f")
        assert said(pilot) == "None here."


async def test_leaving_ends_what_is_under_way(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler)) as pilot:
        await pilot.press("m", "escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, LearnedScreen)
        assert begun(pilot)[0][1].stopped


async def test_keys_that_do_nothing_here_are_not_offered(home: Path, filler: Filler) -> None:
    async with learned(home, trained(filler), inspection()) as pilot:
        assert {"z", "r"}.isdisjoint(pilot.app.screen.active_bindings)
        await pilot.press("z", "r")
        assert begun(pilot) == []
        await pilot.press("m")
        assert {"z", "r"} <= set(pilot.app.screen.active_bindings)


async def test_monitor_opens_it(home: Path, filler: Filler) -> None:
    trained(filler)
    app = MonitorApp(home, filler.clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("w")
        assert isinstance(app.screen, LearnedScreen)
        app.tell()
        await pilot.press("w")
        assert app.screen is app.monitor
    app.store.close()


def test_what_was_found_is_kept_while_the_checkpoint_is_the_same(home: Path, filler: Filler) -> None:
    run_id = trained(filler)
    filler.journal.note_weights(run_id, "one")
    begun: list[FakeInspector] = []

    def begin(_run_id: str, _best: bool) -> FakeInspector:
        begun.append(FakeInspector())
        return begun[-1]

    looks = Inspections(filler.journal, begin)
    left = looks.look(run_id, False)
    found = looks.look(run_id, False)
    assert found is not left, "it was left before it found anything"
    begun[-1].result = inspection()
    assert looks.look(run_id, False) is found
    assert looks.look(run_id, True) is not found
    filler.journal.note_weights(run_id, "two")
    assert looks.look(run_id, False) is not found
    begun[-1].result = inspection()
    for number in range(MOST_KEPT):
        filler.journal.note_weights(run_id, f"later {number}")
        looks.look(run_id, False)
    filler.journal.note_weights(run_id, "two")
    assert looks.look(run_id, False).result is None, "the oldest are forgotten"


def test_progress_in_words() -> None:
    assert describe_progress(None) == "loading torch…"
    assert describe_progress(Progress(phase="preparing data", done=0, total=0)) == "preparing data…"


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
@pytest.mark.parametrize("page", ["c", "m", "f"], ids=["classes", "mistakes", "filters"])
def test_picture_of_what_it_has_learned(
    home: Path, filler: Filler, snap_compare: Any, page: str, size: tuple[int, int]
) -> None:
    app = LearnedApp(home, trained(filler), inspection(filters=filters()))
    assert snap_compare(app, terminal_size=size, press=[page])


async def test_digits_have_a_column_of_names_and_long_names_have_what_room_there_is(home: Path, filler: Filler) -> None:
    app = LearnedApp(home, trained(filler))
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        table = app.learned.query_one(ConfusionTable)

        def text() -> list[str]:
            return [table.render_line(y).text for y in range(14)]

        table.show(matrix([str(digit) for digit in range(10)]))
        assert text()[1].split()[:3] == ["is", "right", "0"]
        assert text()[12].startswith("all ")
        names = [f"a rather long name of class {number}" for number in range(10)]
        table.show(matrix(names))
        shown = [f"{number} {name}" for number, name in enumerate(names, 1)]
        assert [line[: len(each)] for line, each in zip(text()[2:12], shown, strict=True)] == shown
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        table.show(matrix(names))  # by itself it shows again what the store has
        assert all("…" in line for line in text()[2:4])


@pytest.mark.parametrize("names", [("airplane", "automobile", "bird"), ("広い文字名", "automobile", "鳥")])
async def test_names_at_the_head_have_the_room_beside_the_matrix(
    home: Path, filler: Filler, names: tuple[str, ...]
) -> None:
    classes = [*names, *(f"class{number}" for number in range(7))]
    app = LearnedApp(home, trained(filler))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        table = app.learned.query_one(ConfusionTable)
        table.show(matrix(classes))
        head, *rows = (table.render_line(y).text.rstrip() for y in range(1, 13))
        assert head.split()[2:] == classes
        assert {cell_len(line.removesuffix("]")) for line in rows} == {cell_len(head)}


async def test_what_is_said_of_an_image_is_in_sight_on_a_small_screen(home: Path) -> None:
    class GridApp(App[None]):
        CSS = "ImageGrid { height: 1fr; }"

        def compose(self) -> ComposeResult:
            yield ImageGrid(32)

    async with GridApp().run_test(size=(60, 13)) as pilot:
        grid = pilot.app.query_one(ImageGrid)
        grid.show([Tile(colours(32, 32), (("truck", ""), ("→ frog", "99.8 %")))] * 6)

        def text() -> list[str]:
            return [grid.render_line(y).text.rstrip() for y in range(grid.size.height)]

        assert text()[11].split() == ["truck"] * 2
        assert "→ frog" in text()[12]
        await pilot.resize_terminal(60, 30)
        await pilot.pause()
        assert text()[16].split() == ["truck"], "where there is room it is as large as it may be"
        assert text()[15].startswith("▀" * 32)


async def test_it_may_be_told_of_new_figures_before_it_is_there(home: Path, filler: Filler) -> None:
    app = LearnedApp(home, trained(filler))
    app.learned.read_new()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.learned.query_one(ConfusionTable).confusion is not None
    app.store.close()


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_in_sixteen_colours_the_larger_share_is_the_stronger(home: Path, filler: Filler, theme: str) -> None:
    app = LearnedApp(home, trained(filler))
    async with app.run_test(size=(120, 40)) as pilot:
        app.theme = theme
        await pilot.pause()
        table = app.learned.query_one(ConfusionTable)
        weak, middle, strong = (table._shade(share, right=False) for share in (0.05, 0.2, 0.4))
        assert (bool(weak.bold), bool(middle.bold), bool(strong.reverse)) == (False, True, True)
    app.store.close()
