"""What reaches an output: harmless text; and a sentence where it is closed, full, or no text at all."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.places import store_file
from lazytrain.engine.store.store import Store
from lazytrain.presets.plain_text import find_unsafe
from tests.helpers import ROOT, command_line
from tests.helpers.bench import configuration
from tests.helpers.command_line import Command

run = command_line.run

EVIL = "\x1b]0;x\x07\x1b[2J\u202ea|b\nc<i>"


@pytest.fixture
def evil(home: Path) -> str:
    """A run of an old store, whose words would move a cursor; its id."""
    with Store(home) as store:
        run_id = store.add_run(configuration()).id
    with sqlite3.connect(store_file(home)) as connection:
        connection.execute(
            "UPDATE runs SET name = ?, note = ?, error = ?, tags = ?", (EVIL, EVIL, EVIL, json.dumps([EVIL]))
        )
    return run_id


@pytest.mark.parametrize("verb", ["runs", "show", "tag", "note", "archive", "stop", "report"])
def test_words_from_outside_reach_no_output_raw(run: Command, evil: str, verb: str) -> None:
    told = run(verb, *(() if verb == "runs" else (evil,)))
    assert r"\x1b" in told.out + told.err
    assert r"\u202e" in told.out + told.err
    assert find_unsafe(told.out + told.err, lines=True) is None


def test_json_keeps_them_exactly(run: Command, evil: str) -> None:
    told = run("runs", "--json")
    assert find_unsafe(told.out, lines=True) is None
    assert [each["name"] for each in json.loads(told.out)] == [EVIL]


@pytest.mark.parametrize("words", ["\x1b]0;x\x07", "a\u202eb", "caf\udce9", "a\x7fb"])
@pytest.mark.parametrize("verb", ["rename", "tag", "note"])
def test_what_people_enter_holds_no_control_character(run: Command, evil: str, verb: str, words: str) -> None:
    told = run(verb, evil, words)
    assert (told.status, told.out) == (2, "")
    assert "can't hold" in told.err


@pytest.mark.parametrize(("verb", "sign"), [("rename", ""), ("tag", "+")])
def test_a_name_that_no_table_could_show_is_refused(run: Command, evil: str, verb: str, sign: str) -> None:
    told = run(verb, evil, sign + "x" * 5000)
    assert (told.status, told.out) == (2, "")
    assert "has 200 characters at most, not 5,000: a note holds more" in told.err
    assert run(verb, evil, sign + "x" * 200).status == 0


def test_a_cell_of_a_table_runs_nothing_in_a_spreadsheet(run: Command, tmp_path: Path, home: Path) -> None:
    with Store(home) as store:
        run_id = store.add_run(configuration(), "=1+2").id
    from lazytrain.engine.export.tables import _cell  # pyright: ignore[reportPrivateUsage]

    assert [_cell(value) for value in ("=1+2", "+1", "-x", "@a", -0.5, "lr=1")] == [
        "'=1+2",
        "'+1",
        "'-x",
        "'@a",
        -0.5,
        "lr=1",
    ]
    assert run("export", run_id, "-f", "csv", "-o", str(tmp_path / "a.csv")).status == 0
    assert next(csv.reader((tmp_path / "a.csv").open()))[0] == "run_id"


@pytest.mark.parametrize("verb", ["show", "pause", "stop", "plot", "confusion", "archive", "train", "study", "queue"])
def test_an_argument_that_is_no_utf_8_is_told_in_a_sentence(run: Command, verb: str) -> None:
    told = run(verb, "caf\udce9")
    assert told.status == 2
    assert "caf" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "since", ["800000d", "99999999999999999999d", "99999999999999999999", "0001-01-01", "9" * 400 + "h"]
)
def test_a_time_that_no_clock_shows_is_no_traceback(run: Command, since: str) -> None:
    assert run("report", "--since", since).status == (0 if since[-1] in "dh" else 2)


def test_a_home_of_nobody_is_told(run: Command) -> None:
    told = run("--home=~nosuchuser/x", "runs")
    assert told.status == 2
    assert "there is no home folder ~nosuchuser" in told.err


def test_a_tilde_is_ones_home(run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("--home=~/lt", "runs").status == 0
    assert (tmp_path / "lt" / "store.sqlite3").exists()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("validation_fraction=0.9999", "holds out all"),
        ("epochs=99999999999999999999", "must be less than or equal to"),
        ("dataset=folder:~nosuchuser/x", "there is no home folder"),
    ],
)
def test_what_could_not_be_trained_is_not_queued(run: Command, setting: str, words: str) -> None:
    told = run("queue", "lazynet", "quick", "--set", "dataset=digits", "--set", setting)
    assert (told.status, told.out) == (2, "")
    assert words in told.err


def test_batch_norm_on_a_single_value_is_not_queued(run: Command, home: Path) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "normed.toml").write_text('title = "n"\nlayers = [{ linear = 8 }, "batch_norm"]\n')
    digits = ("--set", "dataset=digits")
    told = run("queue", "normed", "quick", *digits, "--set", "batch_size=1")
    assert told.status == 2
    assert "batch_size = 1: layer 2 (batch norm)" in told.err
    assert run("queue", "normed", "quick", *digits, "--set", "batch_size=2").status == 0


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """`line` of a shell's, in which $L is lazytrain."""
    environment = {
        **os.environ,
        "LAZYTRAIN_HOME": str(home),
        "L": f"{sys.executable} -m lazytrain",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.run(["bash", "-c", line], env=environment, cwd=ROOT, text=True, capture_output=True, check=False)


@pytest.mark.parametrize("verb", ["train", "queue"])
@pytest.mark.parametrize("output", [">&-", ">/dev/full"])
def test_a_run_nobody_can_be_told_of_is_not_left_behind(home: Path, verb: str, output: str) -> None:
    if output.endswith("full") and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    told = shell(home, f"$L {verb} lazynet quick --set dataset=digits {output}")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    with Store(home) as store:
        assert not store.runs()


@pytest.mark.parametrize("verb", ["presets", "--help", "doctor"])
def test_a_reader_that_has_seen_enough_ends_it_as_it_ends_others(home: Path, verb: str) -> None:
    # Gone before a word is written: a pipe takes more than all of it, and nobody would notice one that leaves later.
    told = shell(home, f"$L {verb} | true; exit ${{PIPESTATUS[0]}}")
    assert (told.returncode, told.stderr) == (141, "")
