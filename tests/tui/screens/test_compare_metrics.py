"""Compare over runs that somebody else trains, beside those of lazytrain: any metric, any column."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.screens.pick import PickScreen
from lazytrain.tui.state.arrangement import recall_columns
from tests.helpers import compare_screen
from tests.helpers.compare_screen import chart, column, compare, heads, said
from tests.helpers.launch_app import until

ids = compare_screen.ids


@pytest.fixture
def script_ids(home: Path) -> list[str]:
    """Two programs' runs: one with accuracies in %, both with a loss and a figure of their own."""
    ids: list[str] = []
    with ScriptJournal(home) as journal:
        for name, rate, scale, bleu in (("small", 0.1, 1.0, 20.0), ("large", 0.001, 100.0, 35.0)):
            details = {"config": {"lr": rate, "seed": 1}, "metrics": {"gap": {"goal": "minimize"}}}
            run = journal.add_script(name, project="wmt", details=details)
            steps = range(0, 100, 10)
            series = {
                "train/loss": [Sample(step, float(step), 3 - step / 50) for step in steps],
                "val/loss": [Sample(step, float(step), 3 - step / 60) for step in steps],
                "val/acc": [Sample(step, float(step), scale * step / 200) for step in steps],
                "val/bleu": [Sample(step, float(step), bleu - (step - 50) ** 2 / 1000) for step in steps],
                "gap": [Sample(step, float(step), rate * step) for step in steps],
            }
            journal.write_series(run.id, series, {"step": 90, "seconds": 90.0})
            journal.end(run.id, State.FINISHED)
            ids.append(run.id)
    return ids


async def test_programs_runs_lie_over_those_of_lazytrain(home: Path, ids: list[str], script_ids: list[str]) -> None:
    async with compare(home, [ids[0], *script_ids]) as (screen, pilot):
        accuracy, loss = (chart(screen, name).data for name in ("accuracy", "loss"))
        assert accuracy is not None
        assert loss is not None
        assert len(accuracy.curves) == len(loss.curves) == 3
        assert accuracy.view.by == "step", "nobody knows a program's epochs"
        assert [float(curve.y[-1]) for curve in accuracy.curves[1:]] == pytest.approx([0.45, 0.45])
        assert [text.strip("★ ") for text in column(screen, "best")][1:] == ["45.0 %", "45.0 %"]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(screen.app.screen, PickScreen))
        await pilot.press(*"bleu", "enter")
        await until(pilot, lambda: chart(screen, "metric").data is not None)
        bleu = chart(screen, "metric").data
        assert bleu is not None
        assert [mark.x for mark in bleu.marks if mark.kind == "best"] == [50, 50]
        assert "has no bleu" in said(screen)
        await until(pilot, lambda: "best bleu" in heads(screen))
        assert column(screen, "best bleu") == ["–", "20.00", "★ 35.00"]
        await pilot.press("a")
        await until(pilot, lambda: chart(screen, "accuracy").data is not None and "best test" in heads(screen))


async def test_the_table_takes_any_setting_and_any_metrics_figure(home: Path, script_ids: list[str]) -> None:
    async with compare(home, script_ids) as (screen, pilot):
        assert column(screen, "config.lr") == ["0.1", "0.001"]
        await pilot.press("e")
        await until(pilot, lambda: isinstance(screen.app.screen, PickScreen))
        await pilot.press(*"best gap", "enter", *9 * ["backspace"], *"config.seed", "enter", "escape")
        await until(pilot, lambda: "best gap" in heads(screen))
        assert screen.columns == ["best gap", "config.seed"]
        assert column(screen, "best gap") == ["★ 0.000", "★ 0.000"]
        await pilot.press("s")
        await until(pilot, lambda: "no two of these" in said(screen))
    assert recall_columns(home / "columns.json") == ["best gap", "config.seed"]
