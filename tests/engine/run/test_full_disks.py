"""Disks without room and disks that fail: a run waits, goes on with the same bits, or can be stopped."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lazytrain.engine.records import Run, State
from lazytrain.engine.run import patience, saving
from lazytrain.engine.store import checkpoint, journal
from lazytrain.engine.store.database import Connection, StoreTrouble
from lazytrain.engine.store.figures import append_points
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.trouble import RESERVE_BYTES
from tests.helpers.bench import TINY, Bench, Result, result, wait_for


def _fill_up(connection: Any) -> None:
    """SQLite's own "database or disk is full", in the midst of a transaction: this connection may use no more pages."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        connection.execute("INSERT INTO meta (key, value) VALUES ('filler', hex(zeroblob(1000000)))")
    finally:
        connection.execute(f"PRAGMA max_page_count = {2**30}")


@pytest.mark.usefixtures("often")
def test_a_full_store_pauses_the_run_and_no_point_is_missing_or_double(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, held = bench.queue(TINY, epochs=4), bench.queue(TINY, epochs=4)
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    full, met = threading.Event(), []

    def append_and_fail(connection: Connection, run_id: str, packed: bytes) -> int:
        count = append_points(connection, run_id, packed)
        if full.is_set():
            try:
                _fill_up(connection)
            except StoreTrouble as trouble:
                met.append(trouble.kind)
                raise
        return count

    monkeypatch.setattr(journal, "append_points", append_and_fail)
    runner = bench.runner()
    wait_for(lambda: bench.step(held) > 100, "the second run")
    full.set()
    bench.reaches(held, State.PAUSED)
    run = bench.store.run(held.id)
    assert "no room is left on the disk" in (run.error or "")
    assert run.pending is None
    assert "no room is left" in (runner.status.error or "")
    step = run.step
    # Time enough for many tries.
    wait_for(lambda: len(met) > 5, "more tries")
    assert bench.step(held) == step
    full.clear()
    bench.reaches(held, State.FINISHED)
    assert runner.status.error is None
    assert result(bench.store, held.id) == result(bench.store, undisturbed.id)
    assert set(met) == {"full"}
    assert "goes on: it can be stored again" in bench.texts(held)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What three epochs come to where nothing fails."""
    with Bench(tmp_path_factory.mktemp("undisturbed")) as bench:
        run = bench.queue(TINY, epochs=3)
        bench.train()
        return bench.result(run)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("number", [28, 30, 122, 13, 5])
def test_a_checkpoint_that_cannot_be_written_is_written_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, undisturbed: Result
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.02)
    held = bench.queue(TINY, epochs=3)
    good = threading.Event()
    fsync = checkpoint.os.fsync

    def fail(descriptor: int) -> None:
        if not good.is_set():
            raise OSError(number, "it is so")
        fsync(descriptor)

    class Os:
        def __getattr__(self, name: str) -> Any:
            return fail if name == "fsync" else getattr(checkpoint_os, name)

    checkpoint_os = checkpoint.os
    monkeypatch.setattr(checkpoint, "os", Os())
    bench.runner()
    bench.reaches(held, State.PAUSED)
    assert "it is so" in (bench.store.run(held.id).error or "")
    good.set()
    bench.reaches(held, State.FINISHED)
    assert bench.result(held) == undisturbed


def test_a_run_on_a_full_disk_can_be_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "save_checkpoint", full)
    run = bench.queue(TINY, epochs=1000)
    runner = bench.runner()
    wait_for(lambda: bench.step(run) > 0, "the first step")
    bench.store.pause(run.id)
    runner.nudge()
    wait_for(lambda: bench.store.run(run.id).error is not None, "the reason")
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)
    assert "is lost: no room is left on the disk" in (bench.store.run(run.id).outcome or "")
    monkeypatch.undo()
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)


def test_a_queue_that_cannot_be_claimed_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazytrain.engine.queue.duty.RETRY_SECONDS", 0.02)
    full = threading.Event()
    full.set()
    original = Journal.claim

    def claim(journal: Journal, run_id: str, by: str) -> Run | None:
        if full.is_set():
            raise StoreTrouble("no room is left on the disk", "full")
        return original(journal, run_id, by)

    monkeypatch.setattr(Journal, "claim", claim)
    run = bench.queue(epochs=1)
    runner = bench.runner()
    wait_for(lambda: runner.status.error is not None, "the reason in the status")
    assert bench.state(run) is State.QUEUED
    full.clear()
    bench.reaches(run, State.FINISHED)


def test_room_is_held_beside_the_store(bench: Bench) -> None:
    runner = bench.runner()
    wait_for(lambda: runner.status.phase == "idle", "the runner")
    assert (bench.home / "reserve").stat().st_size == RESERVE_BYTES
