"""`lazytrain import` and `lazytrain watch`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lazytrain.engine.logs.following import Follower
from lazytrain.engine.places import logs_folder
from lazytrain.engine.records import Kind, State
from lazytrain.engine.store.log_journal import LogJournal
from lazytrain.engine.store.store import Store
from lazytrain.tui.logs_app import make_room
from tests.helpers import ROOT, command_line
from tests.helpers.command_line import Command
from tests.helpers.terminals import PtyTerminal, see, wait_for_exit

run = command_line.run


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "training"
    (folder / "first").mkdir(parents=True)
    (folder / "first" / "metrics.csv").write_text("epoch,step,train_loss\n0,1,0.5\n0,2,0.25\n")
    return folder


def test_import_takes_what_is_new(run: Command, home: Path, logs: Path) -> None:
    assert run("import", str(logs)).out.splitlines()[1:] == ["1 run found, 1 of them new; 4 values read"]
    with (logs / "first" / "metrics.csv").open("a") as file:
        file.write("1,3,0.125\n")
    (logs / "second.csv").write_text("epoch,loss\n0,1.5\n")
    result = json.loads(run("import", "--json", str(logs)).out)
    assert (result["runs"], result["values"], [each["name"] for each in result["added"]]) == (2, 3, ["second"])
    with Store(home) as store:
        assert {(each.name, each.kind, each.state) for each in store.runs()} == {
            ("first", Kind.LOGS, State.FINISHED),
            ("second", Kind.LOGS, State.FINISHED),
        }
    assert "0.125" in run("metrics", "first").out


def test_a_metrics_name_runs_nothing_in_a_spreadsheet(run: Command, home: Path, logs: Path) -> None:
    (logs / "evil.csv").write_text("epoch,=1+1,loss\n0,1.5,2.5\n")
    run("import", str(logs))
    lines = run("metrics", "evil", "--csv").out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["metric", "'=1+1", "loss"]


def test_what_is_no_log_is_refused(run: Command, home: Path, tmp_path: Path) -> None:
    result = run("import", str(tmp_path / "nowhere"))
    assert (result.status, "there is no such folder" in result.err) == (2, True)
    (tmp_path / "empty" / "offline").mkdir(parents=True)
    (tmp_path / "empty" / "offline" / "run.wandb").write_bytes(b"")
    result = run("import", str(tmp_path / "empty"))
    assert result.status == 2
    assert "W&B's own files (.wandb) can't be read" in result.err
    assert "no logs are there: TensorBoard's event files" in result.err
    with LogJournal(home) as journal:
        follower = Follower(journal, [tmp_path])
        result = run("import", str(tmp_path))
        follower.close()
    assert (result.status, "another lazytrain reads logs into" in result.err) == (2, True)


def test_without_a_terminal_nothing_is_watched(run: Command, logs: Path) -> None:
    result = run("watch", str(logs))
    assert (result.status, "needs a terminal" in result.err) == (2, True)


def test_watching_keeps_nothing_in_the_users_store(home: Path, logs: Path) -> None:
    """In a terminal: what is there, what comes, what can't be asked; and nothing is left running."""
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lazytrain", "watch", str(logs)]
    with PtyTerminal(command, ROOT, environment) as terminal:
        see(terminal, "first", "logs of", "loss")
        (logs / "later.csv").write_text("epoch,accuracy\n0,0.5\n1,0.75\n")
        see(terminal, "later")
        terminal.press("1")
        see(terminal, "this screen shows logs alone")
        terminal.press("space")
        see(terminal, "the logs of another program")
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
    (room,) = logs_folder(home).iterdir()
    with Store(room) as store:
        assert {(each.name, each.state) for each in store.runs()} == {
            ("first", State.FINISHED),
            ("later", State.FINISHED),
        }
    assert not (home / "store.sqlite3").exists()


def test_what_was_kept_in_the_users_store_stays(home: Path, logs: Path) -> None:
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lazytrain", "watch", "--import", str(logs)]
    with PtyTerminal(command, ROOT, environment) as terminal:
        see(terminal, "first", "loss")
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
    with Store(home) as store:
        assert [each.name for each in store.runs()] == ["first"]


def test_what_nobody_looked_at_for_long_is_deleted(home: Path, logs: Path) -> None:
    old, other = make_room(home, [logs]), make_room(home, [logs / "first"])
    for room in (old, other):
        (room / "store.sqlite3").touch()
    os.utime(old / "store.sqlite3", (1e9, 1e9))
    assert make_room(home, [logs / "first"]) == other
    assert (old.exists(), other.exists()) == (False, True)
