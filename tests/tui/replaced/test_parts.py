"""Parts of Textual and plotext that are replaced: each can be left out, and is where Textual has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from textual._compositor import Compositor
from textual.css.stylesheet import Stylesheet

from lazytrain.tui import app as app_module
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.charts.drawing import Picture
from lazytrain.tui.replaced import parts
from lazytrain.tui.replaced.parts import NEEDS, PARTS, complaints, left_out, missing, replaces
from lazytrain.tui.replaced.sparse_compositor import SparseCompositor
from lazytrain.tui.replaced.stylesheet import KeptStylesheet
from lazytrain.tui.screens.charts import ChartScreen
from lazytrain.tui.start import REFUSED, find_switch_problem
from tests.helpers.monitor_data import fill
from tests.helpers.terminals import PtyTerminal, see, wait_for_exit

ROOT = Path(__file__).parents[3]


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, tuple[str, ...]]]:
    """A Textual that has changed: of each part something is gone."""
    needs = {
        **NEEDS,
        "cell_diff": (*NEEDS["cell_diff"], "textual._compositor:PatchUpdate.chops", "textual._layout_engine:Layout"),
        "compositor": ("textual._layout_engine:Compositor", *NEEDS["compositor"]),
        "stylesheet": ("textual.css.stylesheet:Stylesheet._sheets",),
        "driver": ("textual.drivers.linux_driver:LinuxDriver._pipe",),
    }
    monkeypatch.setattr(parts, "NEEDS", needs)
    missing.cache_clear()
    yield needs
    missing.cache_clear()


@pytest.mark.parametrize(
    ("environment", "parts_left_out"),
    [
        ({}, set()),
        ({"LAZYTRAIN_PLAIN": ""}, set()),
        ({"LAZYTRAIN_PLAIN": "tail"}, {"tail"}),
        ({"LAZYTRAIN_PLAIN": "cell_diff, compositor,"}, {"cell_diff", "compositor"}),
        ({"LAZYTRAIN_PLAIN": "all"}, set(PARTS)),
        ({"LAZYTRAIN_CELL_DIFF": "0"}, {"cell_diff"}),
        ({"LAZYTRAIN_CELL_DIFF": "0", "LAZYTRAIN_PLAIN": "tail"}, {"cell_diff", "tail"}),
        ({"LAZYTRAIN_CELL_DIFF": "1"}, set()),
    ],
)
def test_the_environment_leaves_parts_out(environment: dict[str, str], parts_left_out: set[str]) -> None:
    assert left_out(environment) == parts_left_out
    assert find_switch_problem(environment) is None


def test_a_part_that_there_is_not_is_refused() -> None:
    said = (
        "LAZYTRAIN_PLAIN: 'celldiff' is no part that can be left out: cell_diff, compositor, stylesheet, tail, or all"
    )
    assert find_switch_problem({"LAZYTRAIN_PLAIN": "celldiff"}) == said


def test_this_version_of_textual_has_what_is_needed() -> None:
    assert list(complaints()) == []
    assert all(replaces(part) for part in PARTS)


def kinds(home: Path) -> list[object]:
    app = LazytrainApp(home, home / "data")
    app.store.close()
    kinds = [app._cells is not None, type(app.stylesheet), type(ChartScreen()._compositor), Picture()._goes_on]
    return [*kinds, app_module.find_driver() is not None]


def test_each_is_left_out_alone_and_all_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    ours, others = [True, KeptStylesheet, SparseCompositor, True], [False, Stylesheet, Compositor, False]
    assert kinds(home) == [*ours, True]
    for index, part in enumerate(("cell_diff", "stylesheet", "compositor", "tail")):
        monkeypatch.setenv("LAZYTRAIN_PLAIN", part)
        assert kinds(home) == [*(others[i] if i == index else ours[i] for i in range(4)), True]
    monkeypatch.setenv("LAZYTRAIN_PLAIN", "all")
    assert kinds(home) == [*others, True]


def test_where_textual_has_changed_its_own_is_taken(home: Path, changed: object) -> None:
    assert kinds(home) == [False, Stylesheet, Compositor, True, False]


async def test_the_log_says_so(home: Path, changed: object) -> None:
    app = LazytrainApp(home, home / "data")
    async with app.run_test(size=(120, 40)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("2")
        assert app.monitor_screen is app.screen
    log = (home / "lazytrain.log").read_text(encoding="utf-8")
    version = "is used: this version of Textual has no"
    gone = "textual._compositor:PatchUpdate.chops, textual._layout_engine:Layout"
    assert f"Textual's own cell_diff {version} {gone}" in log
    assert f"Textual's own compositor {version} textual._layout_engine:Compositor" in log
    assert f"Textual's own stylesheet {version} textual.css.stylesheet:Stylesheet._sheets" in log
    assert f"Textual's own driver {version} textual.drivers.linux_driver:LinuxDriver._pipe" in log
    assert "tail" not in log


def environment(home: Path, plain: str) -> dict[str, str]:
    return {**os.environ, "LAZYTRAIN_HOME": str(home), "LAZYTRAIN_PLAIN": plain, "PYTHONPATH": str(ROOT)}


def test_the_command_refuses_a_part_that_there_is_not(home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lazytrain"]
    with PtyTerminal(command, tmp_path, environment(home, "nonsense")) as terminal:
        see(terminal, "lazytrain: LAZYTRAIN_PLAIN: 'nonsense' is no part that can be left out")
        assert wait_for_exit(terminal) == REFUSED


def test_the_screen_is_there_without_any(home: Path, tmp_path: Path) -> None:
    fill(home).journal.close()
    command = [sys.executable, "-m", "tests.helpers.images_app", str(home)]
    with PtyTerminal(command, tmp_path, environment(home, "all")) as terminal:
        see(terminal, "CoolNet v10")
        terminal.press("2")
        see(terminal, "epoch 31/50", "loss", "accuracy")
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
        assert terminal.restored
