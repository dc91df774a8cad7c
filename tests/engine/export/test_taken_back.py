"""Exported runs, taken into another store."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.analysis.gathered import gather
from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.export.files import ExportError, write_files
from lazytrain.engine.export.formats import Format, plan_export
from lazytrain.engine.export.taken_back import is_runs_file, take_back
from lazytrain.engine.records import Kind, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import SAMPLE_FORMAT, Sample
from lazytrain.engine.store.store import Store
from tests.helpers.bench import Bench


def export(store: Store, output: Path, **options: Any) -> Path:
    planned = plan_export(
        *(store, store.runs(), Format.JSON, output), describe=lambda *_: DatasetError("no data here"), **options
    )
    (path,) = write_files(planned, force=True)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return tmp_path / "other"


@pytest.mark.parametrize("points", [True, False])
def test_own_runs_come_back_as_they_were(bench: Bench, tmp_path: Path, other: Path, points: bool) -> None:
    done, bad = bench.queue(epochs=2), bench.queue(epochs=2, learning_rate=1000)
    bench.train()
    bench.store.rename(done.id, "漢字 a<b>")
    path = export(bench.store, tmp_path / "runs.json", points=points)
    assert is_runs_file(path)
    with Journal(other) as journal:
        taken = take_back(journal, path)
        assert set(taken.added) == {done.id, bad.id}
        there = [gather(bench.store, run_id) for run_id in taken.added]
        assert taken.num_values >= sum(each.num_points * points + len(each.epochs) for each in there)
        again = take_back(journal, path)
        assert (again.added, again.num_known, again.num_values) == ((), 2, 0)
        for run_id in (done.id, bad.id):
            before, after = gather(bench.store, run_id), gather(journal, run_id)
            assert after.configuration == before.configuration
            assert repr(after.epochs) == repr(before.epochs), "NaN too"
            assert after.num_points == (before.num_points if points else 0)
            assert [each.text for each in after.messages] == [*(each.text for each in before.messages), LAST]
            for name in ("name", "state", "error", "outcome", "seconds", "best_epoch", "weights_sha256", "step"):
                assert getattr(after.run, name) == getattr(before.run, name), name
    # A store that is lost is rebuilt with them.
    (other / "store.sqlite3").unlink()
    with Store(other) as store:
        assert [each.epoch for each in store.epochs(done.id)] == [1, 2]


LAST = "taken in from runs.json"


def test_what_programs_logged_comes_back(home: Path, tmp_path: Path, other: Path) -> None:
    details = {"config": {"lr": 0.1}, "summary": {"best": 2.0}}
    with ScriptJournal(home) as journal:
        run = journal.add_script("mine", project="p", tags=["a"], details=details)
        samples = [Sample(0, 0.0, 1.0), Sample(1, 0.5, math.inf), Sample(2, 1.0, math.nan)]
        journal.write_series(run.id, {"val/loss": samples}, {})
        path = export(journal, tmp_path / "mine.json")
    with Journal(other) as journal:
        taken = take_back(journal, path)
        (run_id,) = taken.added
        assert taken.num_values == len(samples)
        after = journal.run(run_id)
        assert (after.kind, after.project, after.tags, after.state) == (Kind.SCRIPT, "p", ("a",), State.INTERRUPTED)
        assert journal.details(run_id) == details
        packed = journal.packed_series(run_id, ["val/loss"])["val/loss"]
        assert repr([Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed)]) == repr(samples)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "../../etc"}, "run 1: id = '../../etc'"),
        ({"state": "happy"}, "run 1: state = 'happy'"),
        ({"epochs": [{"epoch": 1}]}, "run 1: .*step is missing"),
        ({"configuration": None}, "run 1: "),
        ({"step": -1}, "run 1: step = -1"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_added(
    bench: Bench, tmp_path: Path, other: Path, change: dict[str, Any], said: str
) -> None:
    bench.queue()
    path = export(bench.store, tmp_path / "runs.json")
    content = json.loads(path.read_text())
    content["runs"][0] |= change
    path.write_text(json.dumps(content))
    with Journal(other) as journal:
        with pytest.raises(ExportError, match=said):
            take_back(journal, path)
        assert journal.runs() == []


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "lazytrain runs 1", "runs": 3}', '{"format": "lazytrain runs 9"}']
)
def test_other_files_are_refused(tmp_path: Path, other: Path, text: str) -> None:
    path = tmp_path / "any.json"
    path.write_text(text)
    with Journal(other) as journal, pytest.raises(ExportError, match=r"any\.json: is no "):
        take_back(journal, path)


def test_what_no_store_takes_leaves_nothing_behind(bench: Bench, tmp_path: Path, other: Path) -> None:
    run = bench.queue()
    path = export(bench.store, tmp_path / "runs.json")
    content = json.loads(path.read_text())
    content["runs"][0]["seed"] = 2**70  # more than SQLite's integers hold
    path.write_text(json.dumps(content))
    with Journal(other) as journal:
        with pytest.raises(ExportError, match="holds what no store takes"):
            take_back(journal, path)
        assert not journal.run_folder(run.id).exists()
