"""The store's file: locked by another, on a network, of an older version, damaged and rebuilt."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import POINT_FORMAT, Point
from lazytrain.engine.records import State
from lazytrain.engine.store import archive, database
from lazytrain.engine.store.archive import (
    CONFUSIONS,
    HISTORY,
    History,
    read_confusions,
    read_history,
    read_run,
    write_run,
)
from lazytrain.engine.store.database import SCHEMA_VERSION, StoreTrouble, transaction
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from tests.helpers.bench import DEADLINE, TINY, Bench, configuration, epoch_record, result, wait_for


def test_a_store_that_another_keeps_locked_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(database, "BUSY_TRIES", 5)
    with Store(home) as store, Store(home) as other:
        with transaction(other.connection), pytest.raises(StoreTrouble) as refused:
            store.add_run(configuration())
        assert str(refused.value) == f"{store.path}: another program keeps it locked"
        waits = iter((True, True, False))
        insist = store.connection.execute

        other.connection.execute("BEGIN IMMEDIATE")

        class Waiting:
            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

            def execute(self, *arguments: Any) -> Any:
                if arguments[0] == "BEGIN IMMEDIATE" and not next(waits, False) and other.connection.in_transaction:
                    other.connection.execute("COMMIT")
                return insist(*arguments)

        connection = store.connection
        store.connection = Waiting()  # type: ignore[assignment]  # stands in for it
        assert store.add_run(configuration()).state is State.QUEUED
        store.connection = connection


def test_a_filesystem_without_wal_gets_another_journal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = bench.queue(TINY)
    bench.train()
    expected = result(bench.store, undisturbed.id)
    monkeypatch.setattr(database, "on_network", lambda _: True)
    other = Bench(bench.home.parent / "far")
    bench.runners, other.runners = other.runners, bench.runners
    mode = other.store.connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert mode == "truncate"
    run = other.queue(TINY)
    assert other.store.changed()
    other.train()
    assert other.store.changed(), "it is noticed without WAL too"
    assert not other.store.changed()
    assert result(other.store, run.id) == expected
    other.store.close()


def test_a_store_of_version_1_is_migrated(home: Path) -> None:
    home.mkdir()
    old = sqlite3.connect(home / "store.sqlite3")
    old.executescript((Path(__file__).parent / "store_version_1.sql").read_text(encoding="utf-8"))
    old.execute(
        "INSERT INTO runs (id, name, configuration, architecture, hyperparameters, dataset, seed, state, wanted,"
        " position, created, num_epochs, step) VALUES ('ab', 'old', ?, 'coolnet-v10', 'default', 'digits', 0,"
        " 'stopped', 'run', 1.0, 1.0, 3, 7)",
        (configuration().model_dump_json(),),
    )
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Store(home) as store, Store(home / "new") as new:
        run = store.run("ab")
        assert (run.name, run.step, run.attempts, run.micro_batches) == ("old", 7, 0, 1)
        assert store.resume("ab").state is State.QUEUED
        assert store.connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        for table in (
            "runs",
            "epochs",
            "chunks",
            "messages",
            "runners",
            "questions",
            "meta",
            "confusions",
            "metrics",
            "samples",
        ):
            columns = [tuple(row) for row in store.connection.execute(f"PRAGMA table_info({table})")]
            assert columns == [tuple(row) for row in new.connection.execute(f"PRAGMA table_info({table})")]
    assert files("lazytrain.engine.store").joinpath("schema.sql").is_file()


def _scribble(path: Path) -> None:
    """Damage the store's file, with all that was written in it and nothing left in the WAL."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.write(b"this is no database any more".ljust(8192, b"!"))


@pytest.mark.parametrize(
    "damage",
    ["header", pytest.param("middle", marks=pytest.mark.slow), pytest.param("emptied", marks=pytest.mark.slow), "gone"],
)
def test_a_damaged_store_is_rebuilt_from_the_runs_folders(bench: Bench, damage: str) -> None:
    finished, stopped = bench.queue(TINY, epochs=2), bench.queue(TINY, epochs=4)
    queued = bench.queue("lazynet")
    bench.store.stop(queued.id)
    runner = bench.runner()
    bench.stop_after_epoch(stopped, 2)
    bench.store.rename(stopped.id, "mine")
    runner.stop()
    assert runner.join(DEADLINE)
    bench.store.resume(queued.id)
    before, expected = bench.store.run(stopped.id), result(bench.store, finished.id)
    curve = result(bench.store, stopped.id)
    confusions = {run.id: bench.store.confusions(run.id) for run in (finished, stopped)}
    assert all(confusions.values())
    bench.store.close()
    path = bench.home / "store.sqlite3"
    match damage:
        case "header":
            _scribble(path)
        case "middle":
            content = bytearray(path.read_bytes())
            content[4096 : len(content) - 4096] = b"?" * (len(content) - 8192)
            path.write_bytes(bytes(content))
        case "gone":
            path.unlink()
        case _:
            path.write_bytes(b"")
    if damage == "middle":
        # SQLite's own look at the whole file finds it, as a runner does at its start.
        assert bench.runner(only="none").join(DEADLINE)
    bench.store = Store(bench.home)
    assert "runs were rebuilt from their folders" in (bench.store.notice or "")
    assert len(list(bench.home.glob("store.damaged-*.sqlite3"))) == (damage != "gone")
    after = bench.store.run(stopped.id)
    assert (after.name, after.state, after.step, after.epoch) == ("mine", State.STOPPED, before.step, before.epoch)
    assert result(bench.store, stopped.id) == curve
    assert result(bench.store, finished.id) == expected
    assert {run.id: bench.store.confusions(run.id) for run in (finished, stopped)} == confusions
    assert "rebuilt from its folder" in bench.texts(stopped)
    assert bench.state(queued) is State.QUEUED
    again = bench.queue(TINY, epochs=4)
    bench.store.resume(stopped.id)
    bench.train()
    assert result(bench.store, stopped.id) == result(bench.store, again.id)


@pytest.mark.usefixtures("often")
def test_a_store_damaged_under_a_training_costs_nothing(bench: Bench) -> None:
    undisturbed, run = bench.queue(TINY, epochs=5), bench.queue(TINY, epochs=5)
    runner = bench.runner()
    wait_for(lambda: bench.store.run(run.id).epoch >= 2, "the second run's second epoch")
    bench.store.close()
    _scribble(bench.home / "store.sqlite3")
    bench.store = Store(bench.home)
    assert bench.store.notice
    bench.reaches(run, State.FINISHED)
    assert runner.status.phase in ("training", "idle")
    assert result(bench.store, run.id) == result(bench.store, undisturbed.id)


def test_the_folder_keeps_what_two_change_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(home) as store, Store(home) as other:
        run = store.add_run(configuration())

        def write_late(folder: Path, row: dict[str, Any]) -> None:
            monkeypatch.setattr("lazytrain.engine.store.store.write_run", write_run)
            other.rename(run.id, "mine")
            write_run(folder, row)

        monkeypatch.setattr("lazytrain.engine.store.store.write_run", write_late)
        store.stop(run.id)
        kept = read_run(store.run_folder(run.id))
        assert kept is not None
        assert (kept["name"], kept["state"]) == ("mine", State.STOPPED)


def test_two_threads_of_a_process_write_a_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=DEADLINE)
    monkeypatch.setattr(archive.os, "fsync", lambda _: both.wait())
    with ThreadPoolExecutor(2) as threads:
        contents = [b"the screen's", b"the runner's line"]
        list(threads.map(lambda content: archive.replace_file(tmp_path / "run.json", content), contents))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_bytes() in contents


def test_a_client_follows_to_the_rebuilt_store(bench: Bench) -> None:
    run = bench.queue()
    client = Store(bench.home)
    client.changed()
    bench.store.close()
    (bench.home / "store.sqlite3").unlink()
    bench.store = Store(bench.home)
    bench.store.rename(run.id, "new")
    assert client.changed()
    assert client.run(run.id).name == "new"
    client.close()


def test_a_client_that_meets_damage_has_it_rebuilt(bench: Bench) -> None:
    run = bench.queue()
    bench.train()
    expected, generation = result(bench.store, run.id), bench.store.generation
    _scribble(bench.home / "store.sqlite3")
    assert result(bench.store, run.id) == expected
    assert bench.store.notice
    assert bench.store.generation == generation + 1
    _scribble(bench.home / "store.sqlite3")
    assert bench.store.rename(run.id, "mine").name == "mine"
    assert bench.store.generation == generation + 2
    assert result(bench.store, run.id) == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [("created", "x"), ("step", "abc"), ("tags", ["a"]), ("seed", 2**70), ("name", None), ("name", "\ud800")],
)
def test_one_damaged_folder_keeps_no_other_run_from_a_rebuilt_store(home: Path, column: str, value: object) -> None:
    with Store(home) as store:
        spoilt, sound = store.add_run(configuration(), "spoilt"), store.add_run(configuration(), "sound")
        path = store.path
    file = home / "runs" / spoilt.id / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), column: value}))
    path.write_bytes(b"no database")
    with Store(home) as store:
        assert [run.id for run in store.runs()] == [sound.id]
        assert "1 runs were rebuilt from their folders; 1 folders held too little, or are damaged" in (
            store.notice or ""
        )
        assert file.exists()
        assert store.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_an_error_of_the_store_is_not_its_own_cause(home: Path) -> None:
    """It would never be let go of, and keep its statement open: a closed store's journal stays beside the file then."""
    with Store(home) as store, pytest.raises(sqlite3.IntegrityError) as refused:
        store.connection.execute("INSERT INTO meta (key, value) VALUES (NULL, NULL)")
    assert refused.value.__cause__ is None


def test_a_history_is_read_up_to_where_it_is_damaged(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        folder = journal.run_folder(run_id)
        history = History(folder)
        sizes = []
        for epoch in range(1, 4):
            steps = range(10 * epoch - 9, 10 * epoch + 1)
            journal.write(run_id, points=[Point(step, 0.5, 0.5, 0.1, 1.0, 1.0) for step in steps])
            journal.write(run_id, record=epoch_record(epoch, train_loss=float("nan")))
            history.save(journal, run_id)
            sizes.append((folder / HISTORY).stat().st_size)
        points, epochs = read_history(folder)
        assert points == journal.packed_points(run_id)
        assert [each.epoch for each in epochs] == [1, 2, 3]
        with (folder / HISTORY).open("r+b") as file:
            file.seek(sizes[1] - 5)
            file.write(b"!")
        points, epochs = read_history(folder)
        assert (len(points) // POINT_FORMAT.size, [each.epoch for each in epochs]) == (10, [1])


def test_confusions_are_kept_in_the_folder_whole_or_not_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        folder = journal.run_folder(run_id)
        history = History(folder)
        assert read_confusions(folder) == {}
        for epoch in (1, 2, 3):
            confusion = Confusion.of(("Katze 猫", "dog"), (epoch, 1, 0, 2))
            journal.write(run_id, record=epoch_record(epoch), best=epoch == 1, confusion=confusion)
            if epoch == 2:
                # A full disk, met between the curve and them: the next save writes them.
                with monkeypatch.context() as patch:
                    patch.setattr(archive, "write_confusions", _refuse)
                    with pytest.raises(OSError, match="full"):
                        history.save(journal, run_id)
                assert list(read_confusions(folder)) == [1]
            history.save(journal, run_id)
            assert read_confusions(folder) == journal.confusions(run_id)
        assert list(read_confusions(folder)) == [1, 3]
        path = folder / CONFUSIONS
        whole = path.read_bytes()
        for damaged in (whole[:-9], whole.replace(b"[3, 1]", b"[3, 7]"), b"[]", b"null", b""):
            path.write_bytes(damaged)
            assert read_confusions(folder) == {}


def _refuse(*_: object) -> None:
    raise OSError("the disk is full")
