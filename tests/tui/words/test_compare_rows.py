"""The table of Compare, as far as no screen is needed."""

from __future__ import annotations

from pathlib import Path

from lazytrain.engine.analysis.comparison import Compared, alone
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.words.compare_rows import make_table
from tests.helpers.bench import Bench, configuration


def test_of_programs_runs_nobody_says_that_their_best_is_of_test_images(home: Path) -> None:
    with ScriptJournal(home) as journal:
        run = journal.add_script("mine", details={})
        journal.write_series(run.id, {"val/acc": [Sample(1, 0.0, 0.5), Sample(2, 0.0, 0.75)]}, {})
        compared = Compared(run=run, configuration=None, metrics=journal.metrics(run.id))
    table = make_table(alone([compared]), "")
    assert "best accuracy" in [column.title for column in table.columns]
    assert table.chosen == ""
    (row,) = table.rows
    assert "75.0 %" in row.cells[table.columns[1].key].text


def test_of_own_runs_it_is_said(bench: Bench) -> None:
    table = make_table(alone([Compared(run=bench.queue(), configuration=configuration())]), "")
    assert "best test" in [column.title for column in table.columns]
    assert "test" in table.chosen
