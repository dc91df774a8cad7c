"""A home, a run's folder or the store's file that is moved, deleted or replaced while a run is trained."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.run import patience
from lazytrain.engine.store.store import Store
from lazytrain.engine.store.trouble import StoreTrouble
from tests.helpers.bench import TINY, Bench, Result, configuration, wait_for

NUM_EPOCHS = 6


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with Bench(tmp_path_factory.mktemp("undisturbed")) as bench:
        run = bench.queue(TINY, epochs=NUM_EPOCHS)
        bench.train()
        return bench.result(run)


@pytest.mark.usefixtures("often")
def test_a_home_that_is_moved_away_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, undisturbed: Result
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    run = bench.queue(TINY, epochs=NUM_EPOCHS)
    away = bench.home.with_name("away")
    runner = bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 2, "the second epoch")
    bench.home.rename(away)
    bench.reaches(run, State.PAUSED)
    assert "it is gone" in (bench.store.run(run.id).error or "")
    assert "it is gone" in (runner.status.error or "")
    with pytest.raises(StoreTrouble, match="it is gone"):
        Store(bench.home, make=False)
    assert not bench.home.exists(), "nothing puts an empty one in its place"
    away.rename(bench.home)
    bench.reaches(run, State.FINISHED)
    assert bench.result(run) == undisturbed
    assert "goes on: it can be stored again" in bench.texts(run)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("what", ["folders", "runs", "everything"])
def test_what_is_deleted_under_a_run_is_made_anew(bench: Bench, undisturbed: Result, what: str) -> None:
    run = bench.queue(TINY, epochs=NUM_EPOCHS)
    bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 2, "the second epoch")
    folder = bench.store.run_folder(run.id)
    gone = {"folders": [folder], "runs": [folder.parent], "everything": list(bench.home.iterdir())}[what]
    # Out of the home at once: while `rmtree` is at work, things are made anew already.
    trash = bench.home.with_name("trash")
    trash.mkdir()
    for path in gone:
        path.rename(trash / path.name)
    shutil.rmtree(trash)
    wait_for(lambda: bench.store.changed() and bench.store.run(run.id).state is State.FINISHED, "the end")
    # Whoever has it open puts it back, some time after it was missed: the run may be quicker.
    wait_for(lambda: _there(bench), "the store's file")
    assert bench.result(run) == undisturbed
    kept = {path.name for path in folder.iterdir()}
    assert {"run.json", "history", "confusions.json", "checkpoints"} <= kept
    bench.store.close()
    # All of it is in the folder again: a store that is lost is rebuilt from it.
    (bench.home / "store.sqlite3").unlink()
    bench.store = Store(bench.home)
    assert bench.result(run) == undisturbed


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("what", ["older copy", "another home's"])
def test_a_run_is_carried_on_in_the_store_that_replaces_its_own(
    bench: Bench, undisturbed: Result, tmp_path: Path, what: str
) -> None:
    run = bench.queue(TINY, epochs=NUM_EPOCHS)
    backup, waiting = tmp_path / "backup.sqlite3", run
    if what == "older copy":
        _copy(bench.home / "store.sqlite3", backup)
    else:
        with Store(tmp_path / "other") as other:
            waiting = other.add_run(configuration(epochs=1))
            _copy(other.path, backup)
    runner = bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 2, "the second epoch")
    os.replace(backup, bench.home / "store.sqlite3")  # noqa: PTH105  as the issue has it
    wait_for(lambda: _finished(bench, run.id), "the end in the new store")
    assert bench.result(run) == undisturbed
    assert runner.status.error is None
    if what != "older copy":
        assert "taken up from its folder" in bench.texts(run)
    bench.reaches(waiting, State.FINISHED)
    assert bench.store.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_copy_of_the_store_that_comes_back_under_a_run_is_no_death_of_its_process(
    bench: Bench, tmp_path: Path
) -> None:
    # Long enough to be trained still, however long the copy takes; not of a batch for which its steps are compiled.
    run = bench.queue("coolnet-v10", epochs=10_000, batch_size=20)
    runner = bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 1, "the first epoch")
    _copy(bench.store.path, tmp_path / "backup.sqlite3")
    os.replace(tmp_path / "backup.sqlite3", bench.store.path)  # noqa: PTH105

    def goes_on() -> bool:
        bench.store.changed()
        return "the run store was replaced by a copy: it goes on in that" in bench.texts(run)

    wait_for(goes_on, "the copy to have it")
    wait_for(lambda: bench.store.changed() and bench.state(run) is State.RUNNING, "it to be trained there")
    assert runner.status.error is None
    assert "its process ended" not in bench.texts(run)
    assert bench.store.run(run.id).attempts == 0


def test_a_client_survives_a_store_that_it_cannot_open(bench: Bench) -> None:
    run = bench.queue()
    newer = bench.home / "newer.sqlite3"
    _copy(bench.store.path, newer)
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    bench.store.changed()
    good = bench.home / "good.sqlite3"
    _copy(bench.store.path, good)
    os.replace(newer, bench.store.path)  # noqa: PTH105
    for _ in range(2):
        with pytest.raises(RuntimeError, match="made by a newer lazytrain"):
            bench.store.changed()
        assert bench.state(run) is State.QUEUED, "what was open is still read"
    os.replace(good, bench.store.path)  # noqa: PTH105
    assert bench.store.changed()
    assert bench.state(run) is State.QUEUED


def _there(bench: Bench) -> bool:
    bench.store.changed()
    return bench.store.path.exists()


def _finished(bench: Bench, run_id: str) -> bool:
    bench.store.changed()
    return any(run.id == run_id and run.state is State.FINISHED for run in bench.store.runs())


def _copy(source: Path, target: Path) -> None:
    there, copy = sqlite3.connect(source), sqlite3.connect(target)
    there.backup(copy)
    copy.execute("PRAGMA journal_mode = DELETE")
    there.close()
    copy.close()
