"""TensorBoard's event files, Lightning's and Keras' tables and trackio's files become runs, and grow."""

from __future__ import annotations

import json
import os
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter

from lazytrain.engine.analysis.metrics import RunMetrics
from lazytrain.engine.logs import batch as batches
from lazytrain.engine.logs import following
from lazytrain.engine.logs.finding import Finder
from lazytrain.engine.logs.following import FollowedElsewhere, Follower
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.log_journal import LogJournal
from lazytrain.engine.store.series import SAMPLE_FORMAT, Sample
from lazytrain.engine.store.store import NotPossible

HOUR = 3600.0


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(home: Path) -> Iterator[LogJournal]:
    with LogJournal(home) as journal:
        yield journal


@pytest.fixture
def follow(journal: LogJournal, logs: Path) -> Iterator[Callable[[], Follower]]:
    """A follower that was let go is closed before the next one."""
    open_now: list[Follower] = []

    def begin() -> Follower:
        while open_now:
            open_now.pop().close()
        open_now.append(Follower(journal, [logs]))
        return open_now[0]

    yield begin
    for each in open_now:
        each.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has ended is looked at as often as what runs."""
    monkeypatch.setattr(following, "IDLE_SECONDS", 0.0)


def read_all(follower: Follower) -> None:
    follower._next_look = 0.0
    follower.look()
    for _ in range(10_000):
        if not follower.step():
            return
    raise AssertionError("it never comes to the end")


def series(journal: LogJournal, run: Run, name: str) -> list[Sample]:
    return [Sample(*each) for each in SAMPLE_FORMAT.iter_unpack(journal.packed_series(run.id, [name])[name])]


def points(journal: LogJournal, run: Run, name: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in series(journal, run, name)]


def named(journal: LogJournal, name: str) -> Run:
    return next(run for run in journal.runs() if run.name == name)


def write_events(path: Path, *events: Event) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def scalar(tag: str, step: int, value: float, time: float = 1e9) -> Event:
    event = Event(wall_time=time, step=step)
    event.summary.value.add(tag=tag, simple_value=value)
    return event


# ── TensorBoard ────────────────────────────────────────────────────────────────────────────────────────────


def test_event_files_are_read_as_they_grow(follow: Callable[[], Follower], journal: LogJournal, logs: Path) -> None:
    with SummaryWriter(logs / "first") as writer:
        follower = follow()
        for step in range(3):
            writer.add_scalar("train/loss", 1 / (step + 1), step)
        writer.add_scalar("new style", 0.5, 7, new_style=True)
        writer.add_histogram("weights", np.ones(2), 0)
        writer.add_text("about", "no figure", 0)
        writer.flush()
        read_all(follower)
        run = named(journal, "first")
        assert (run.kind, run.state, run.project, run.step) == (Kind.LOGS, State.RUNNING, "logs", 7)
        assert points(journal, run, "train/loss") == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
        assert points(journal, run, "new style") == [(7, 0.5)]
        assert {metric.name for metric in journal.metrics(run.id)} == {"train/loss", "new style"}
        writer.add_scalar("train/loss", 0.25, 3)
        writer.flush()
        read_all(follower)
    assert [step for step, _ in points(journal, run, "train/loss")] == [0, 1, 2, 3]
    follow().close()
    assert journal.run(run.id).state is State.FINISHED


def test_hyperparameters_are_the_runs_config(follow: Callable[[], Follower], journal: LogJournal, logs: Path) -> None:
    with SummaryWriter(logs / "a") as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_hparams({"lr": 0.1, "net": "mlp", "deep": True}, {"hparam/accuracy": 0.9})
    (logs / "b").mkdir()
    (logs / "b" / "hparams.yaml").write_text("lr: 0.2\nnet: !!python/object:os.system {}\nnested: {depth: 3}\n")
    write_events(logs / "b" / "events.out.tfevents.1.x", scalar("loss", 0, 1.0))
    read_all(follow())
    assert sorted(run.name for run in journal.runs()) == ["a", "b"]
    assert journal.details(named(journal, "a").id)["config"] == {"lr": 0.1, "net": "mlp", "deep": True}
    assert points(journal, named(journal, "a"), "hparam/accuracy") == [(0, pytest.approx(0.9))]
    config = journal.details(named(journal, "b").id)["config"]
    assert (config["lr"], config["nested"]) == (0.2, {"depth": 3})


def test_a_program_that_goes_on_takes_back_what_it_did_after_its_checkpoint(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path
) -> None:
    follower = follow()
    write_events(logs / "events.out.tfevents.1.x", *(scalar("loss", step, step) for step in range(6)))
    write_events(
        logs / "events.out.tfevents.2.x",
        Event(wall_time=1e9, step=3, session_log=SessionLog(status=SessionLog.START)),
        *(scalar("loss", step, step + 0.5) for step in range(3, 5)),
    )
    read_all(follower)
    (run,) = journal.runs()
    assert points(journal, run, "loss") == [(0, 0), (1, 1), (2, 2), (3, 3.5), (4, 4.5)]
    assert run.revision == 1


def test_half_a_record_is_waited_for_and_damage_is_told(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path
) -> None:
    path = logs / "events.out.tfevents.1.x"
    write_events(path, scalar("loss", 0, 1.0), scalar("loss", 1, 2.0))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    follower = follow()
    read_all(follower)
    (run,) = journal.runs()
    assert points(journal, run, "loss") == [(0, 1.0)]
    path.write_bytes(whole)
    read_all(follower)
    assert points(journal, run, "loss") == [(0, 1.0), (1, 2.0)]
    path.write_bytes(whole + b"\0" * 100)
    read_all(follower)
    read_all(follower)
    told = [message.text for message in journal.messages(run.id) if message.level == "warning"]
    assert told == [f"events.out.tfevents.1.x: damaged at byte {len(whole)}: what comes after is left out"]
    assert points(journal, run, "loss") == [(0, 1.0), (1, 2.0)]


def test_large_logs_are_read_in_parts(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images and histograms are passed; what is held at once doesn't grow with the file."""
    image = Event(wall_time=1e9, step=0)
    image.summary.value.add(tag="image").image.encoded_image_string = bytes(1 << 20)
    write_events(logs / "events.out.tfevents.1.x", scalar("loss", 0, 1.0))
    data = (logs / "events.out.tfevents.1.x").read_bytes()
    write_events(logs / "events.out.tfevents.2.x", image)
    picture = (logs / "events.out.tfevents.2.x").read_bytes()
    with (logs / "events.out.tfevents.2.x").open("ab") as file:
        for _ in range(100):
            file.write(picture + data)
    follower = follow()
    tracemalloc.start()
    read_all(follower)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (run,) = journal.runs()
    assert len(points(journal, run, "loss")) == 101
    assert peak < 16 << 20
    monkeypatch.setattr(batches, "MOST_SAMPLES", 10)
    assert not follow().step()


def test_how_a_run_ended_is_taken_from_its_hparams(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path
) -> None:
    end = Event(wall_time=1e9)
    value = end.summary.value.add(tag="_hparams_/session_end_info")
    value.metadata.plugin_data.plugin_name = "hparams"
    failed = HParamsPluginData(session_end_info={"status": "STATUS_FAILURE"})
    value.metadata.plugin_data.content = failed.SerializeToString()
    path = logs / "events.out.tfevents.1.x"
    write_events(path, scalar("loss", 0, 1.0), end)
    follower = follow()
    read_all(follower)
    (run,) = journal.runs()
    assert run.state is State.RUNNING  # PyTorch says so at the beginning
    os.utime(path, (1e9, 1e9))
    read_all(follow())
    (run,) = journal.runs()
    assert (run.state, run.error) == (State.FAILED, "as its logs say")


def test_charts_are_drawn_anew_when_logs_are(follow: Callable[[], Follower], journal: LogJournal, logs: Path) -> None:
    path = logs / "metrics.csv"
    path.write_text("step,loss\n1,0.5\n2,0.25\n")
    follower = follow()
    read_all(follower)
    (run,) = journal.runs()
    metrics = RunMetrics(journal, run.id)
    metrics.update()
    assert list(metrics.series(["loss"])["loss"].values) == [0.5, 0.25]
    path.write_text("step,loss\n1,0.75\n2,0.50\n3,0.25\n")
    read_all(follower)
    assert metrics.update()
    assert list(metrics.series(["loss"])["loss"].values) == [0.75, 0.5, 0.25]


# ── rewritten, gone ────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_rewritten_is_read_anew(follow: Callable[[], Follower], journal: LogJournal, logs: Path) -> None:
    path = logs / "metrics.csv"
    path.write_text("epoch,step,train_loss\n0,1,0.5\n0,2,0.25\n")
    follower = follow()
    read_all(follower)
    (run,) = journal.runs()
    # As Lightning does when a metric is new: the same lines under another header.
    path.write_text("epoch,step,train_loss,val_loss\n0,1,0.5,\n0,2,0.25,\n0,2,,0.75\n")
    read_all(follower)
    assert points(journal, run, "train_loss") == [(1, 0.5), (2, 0.25)]
    assert points(journal, run, "val_loss") == [(2, 0.75)]
    path.write_text("epoch,step,train_loss,val_loss\n0,1,0.1,\n")
    read_all(follower)
    assert points(journal, run, "train_loss") == [(1, 0.1)]
    assert points(journal, run, "epoch") == [(1, 0)]
    assert [each.id for each in journal.runs()] == [run.id]
    assert "its logs were rewritten" in [message.text for message in journal.messages(run.id)]
    path.unlink()
    read_all(follower)
    assert points(journal, run, "train_loss") == [(1, 0.1)]


def test_a_mirror_forgets_what_is_gone(journal: LogJournal, logs: Path) -> None:
    for name in ("a", "b"):
        write_events(logs / name / "events.out.tfevents.1.x", scalar("loss", 0, 1.0))
    follower = Follower(journal, [logs], mirror=True)
    read_all(follower)
    follower.close()
    (logs / "a" / "events.out.tfevents.1.x").unlink()
    Follower(journal, [logs], mirror=True).close()
    assert [run.name for run in journal.runs()] == ["b"]


# ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_of_a_training_are_told_from_others(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path
) -> None:
    (logs / "training.log").write_text('epoch,accuracy,loss,val_loss\n0,0.5,1.5,NA\n1,0.75,nan,"[1, 2]"\nhalf')
    (logs / "semicolon.csv").write_text("epoch;loss\r\n0;2.5\r\n")
    (logs / "data.csv").write_text("name,step\na,1\n")
    (logs / "notes.log").write_text("epoch 1 went well\n")
    (logs / "empty.csv").write_text("")
    (logs / "binary.csv").write_bytes(bytes(range(256)) * 10)
    follower = follow()
    read_all(follower)
    assert sorted(run.name for run in journal.runs()) == ["semicolon", "training"]
    run = named(journal, "training")
    assert points(journal, run, "accuracy") == [(0, 0.5), (1, 0.75)]
    assert [metric.name for metric in journal.metrics(run.id)] == ["accuracy", "loss"]
    assert points(journal, named(journal, "semicolon"), "loss") == [(0, 2.5)]
    (logs / "empty.csv").write_text("step,loss\n5,1.0\n")
    read_all(follower)
    assert points(journal, named(journal, "empty"), "loss") == [(5, 1.0)]


# ── trackio ────────────────────────────────────────────────────────────────────────────────────────────────


def trackio_file(path: Path, *, with_ids: bool = True) -> sqlite3.Connection:
    """As trackio 0.43 makes it; before, runs had names alone."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    run_id = "run_id TEXT NOT NULL, " if with_ids else ""
    connection.execute(
        f"CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, {run_id}timestamp TEXT NOT NULL,"
        " run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
    )
    connection.execute(
        f"CREATE TABLE configs (id INTEGER PRIMARY KEY, {run_id}run_name TEXT NOT NULL,"
        " config TEXT NOT NULL, created_at TEXT NOT NULL)"
    )
    return connection


def log_trackio(connection: sqlite3.Connection, run: str, step: int, **metrics: object) -> None:
    connection.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)",
        (f"id-{run}", f"2026-01-01T00:00:{step:02}+00:00", run, step, json.dumps(metrics).encode()),
    )
    connection.commit()


def test_trackios_files_hold_a_run_each_name(follow: Callable[[], Follower], journal: LogJournal, logs: Path) -> None:
    connection = trackio_file(logs / "mnist.db")
    log_trackio(connection, "a", 0, loss=1.5, worst="NaN", table={"_type": "trackio.table"}, done=True)
    log_trackio(connection, "b", 0, loss=2.5)
    connection.execute(
        "INSERT INTO configs (run_id, run_name, config, created_at) VALUES ('id-a', 'a', ?, '')",
        (json.dumps({"lr": 0.1, "_Username": "me"}),),
    )
    connection.commit()
    sqlite3.connect(logs / "other.db").execute("CREATE TABLE metrics (x)").connection.close()
    follower = follow()
    read_all(follower)
    assert sorted(run.name for run in journal.runs()) == ["a", "b"]
    run = named(journal, "a")
    assert (run.project, journal.details(run.id)["config"]) == ("mnist", {"lr": 0.1})
    assert {metric.name for metric in journal.metrics(run.id)} == {"loss", "worst", "done"}
    log_trackio(connection, "a", 30, loss=1.0)
    log_trackio(connection, "c", 31, loss=3.0)
    read_all(follower)
    assert series(journal, run, "loss") == [Sample(0, 0.0, 1.5), Sample(30, 30.0, 1.0)]
    assert points(journal, named(journal, "c"), "loss") == [(31, 3.0)]
    connection.close()


# ── into a store ───────────────────────────────────────────────────────────────────────────────────────────


def test_again_only_what_is_new_is_taken(
    follow: Callable[[], Follower], journal: LogJournal, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = logs / "a" / "events.out.tfevents.1.x"
    write_events(path, *(scalar("loss", step, step) for step in range(100)))
    monkeypatch.setattr(batches.Batch, "full", property(lambda self: self.num_samples >= 7))
    first = follow()
    read_all(first)
    assert (first.num_read, len(first.added)) == (100, 1)
    (run,) = journal.runs()
    write_events(path, *(scalar("loss", step, step) for step in range(100, 110)))
    second = follow()
    read_all(second)
    assert (second.num_read, second.added) == (10, [])
    assert points(journal, run, "loss") == [(step, step) for step in range(110)]


def test_a_lost_store_is_rebuilt_with_what_was_imported(journal: LogJournal, logs: Path, home: Path) -> None:
    write_events(logs / "a" / "events.out.tfevents.1.x", *(scalar("loss", step, step) for step in range(5)))
    follower = Follower(journal, [logs])
    read_all(follower)
    follower.close()
    run = named(journal, "a")
    journal.close()
    for path in home.glob("store.sqlite3*"):
        path.unlink()
    with LogJournal(home) as rebuilt:
        assert points(rebuilt, rebuilt.run(run.id), "loss") == [(step, step) for step in range(5)]
        again = Follower(rebuilt, [logs])
        read_all(again)
        again.close()
        assert (again.num_read, again.added) == (0, [])


def test_what_runs_and_what_has_ended(journal: LogJournal, logs: Path, home: Path) -> None:
    live, old = logs / "live" / "events.out.tfevents.1.x", logs / "old" / "events.out.tfevents.1.x"
    for path in (live, old):
        write_events(path, scalar("loss", 0, 1.0))
    now = live.stat().st_mtime
    os.utime(old, (now - HOUR, now - HOUR))
    follower = Follower(journal, [logs])
    read_all(follower)
    run = named(journal, "live")
    assert (run.state, named(journal, "old").state) == (State.RUNNING, State.FINISHED)
    assert named(journal, "old").ended == pytest.approx(now - HOUR)
    for ask in (journal.pause, journal.stop, journal.resume):
        with pytest.raises(NotPossible, match="the logs of another program"):
            ask(run.id)
    with pytest.raises(FollowedElsewhere):
        Follower(journal, [logs])
    assert journal.recover() == []  # its lock is held
    journal.discard(run.id)
    read_all(follower)
    assert [each.name for each in journal.runs()] == ["old"]
    assert not (home / "runs" / run.id).exists()
    follower.close()


def test_what_cant_be_read_is_told(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (logs / "offline-run-1").mkdir()
    (logs / "offline-run-1" / "run-1.wandb").write_bytes(b"")
    write_events(logs / ".hidden" / "events.out.tfevents.1.x", scalar("loss", 0, 1.0))
    write_events(logs / "seen" / "events.out.tfevents.1.x", scalar("loss", 0, 1.0))
    finder = Finder([logs])
    assert [source.name for source in finder.look()] == ["seen"]
    assert len(finder.left_out) == 1
    assert "W&B" in finder.left_out[0]
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto.event_pb2", None)
    finder = Finder([logs])
    assert finder.look() == []
    assert "pip install 'lazytrain[logs]'" in finder.left_out[1]
