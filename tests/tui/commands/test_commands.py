"""Commands of the user's on the command line: queued, run here, shown, and studies of them."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from lazytrain.engine.records import Kind, State
from lazytrain.engine.store.store import Store
from tests.helpers import command_line
from tests.helpers.command_line import Command

run = command_line.run

BAR = (
    "import sys; [sys.stderr.write(f'\\r{i}/3 [00:01<00:02, 1it/s, loss={1 / i}]') for i in (1, 2, 3)]; print('hello')"
)
MINE = """
title = "mine"
command = "sh -c 'echo {what}; exit {status}'"
cwd = "/"
parameters = { what = "hello", status = 0 }
"""
RATES = """
title = "rates"
command = "sh -c 'echo {lr}; exit {lr}'"
cwd = "/"
grid = { lr = [0, 3] }
"""


@pytest.fixture
def presets(home: Path) -> None:
    for kind, name, text in (("commands", "mine", MINE), ("studies", "rates", RATES)):
        (home / "presets" / kind).mkdir(parents=True, exist_ok=True)
        (home / "presets" / kind / f"{name}.toml").write_text(text)


def test_a_command_is_queued_with_all_that_was_said(run: Command, home: Path, tmp_path: Path) -> None:
    first = run("queue", "--name", "first", "--", "true")
    assert first.status == 0
    options = ["--name", "night 1", "--project", "mnist", "--cwd", str(tmp_path), "--env", "A=1=2", "--needs", "gpu"]
    queued = run("queue", *options, "--after", "first", "--", "sh", "-c", "echo a -- b", "--name")
    assert queued.status == 0, queued.err
    with Store(home) as store:
        found = store.run(queued.out.strip())
        command = store.command(found.id)
        assert (found.name, found.project, found.kind, found.state) == ("night 1", "mnist", Kind.COMMAND, State.QUEUED)
        assert command.arguments == ("sh", "-c", "echo a -- b", "--name")
        assert (command.folder, command.environment, command.needs) == (str(tmp_path), {"A": "1=2"}, "gpu")
        assert command.after == first.out.strip()
    record = json.loads(run("show", "night 1", "--json").out)
    assert (record["kind"], record["command"]) == ("command", "sh -c 'echo a -- b' --name")
    assert (record["exit_status"], record["needs"], record["after"]) == (None, "gpu", first.out.strip())
    shown = run("show", "night 1").out
    assert all(each in shown for each in ("sh -c 'echo a -- b' --name", str(tmp_path), "A=1=2", "needs", "project"))
    assert "night 1" in run("runs", "state:queued").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a preset, or write a command after --"),
        (["--"], "write the command after it"),
        (["lazynet", "--", "true"], "give a preset, or a command after --, not both"),
        (["--set", "lr=1", "--", "true"], "--set goes with a preset"),
        (["lazynet", "--after", "last"], "--after goes with a command: write it after --"),
        (["--env", "A", "--", "true"], "--env A: write NAME=VALUE"),
        (["--after", "nobody", "--", "true"], "no run 'nobody'"),
        (["--needs", "tpu", "--", "true"], "'tpu' is not one of 'gpu', 'cpu'"),
        (["--", "no-such-program"], "-- no-such-program: no such program in PATH"),
        (["mine", "--set", "x=1"], "--set: x: no such parameter; there are: what, status"),
        (["nothing"], "no architecture preset 'nothing'"),
    ],
)
@pytest.mark.usefixtures("presets")
def test_what_cant_be_queued_is_refused(run: Command, home: Path, words: list[str], told: str) -> None:
    refused = run("queue", *words)
    assert refused.status == 2
    assert told in " ".join(refused.err.replace("│", " ").split())
    with Store(home) as store:
        assert store.runs() == []


@pytest.mark.usefixtures("presets")
def test_commands_are_run_here_and_followed(run: Command, home: Path) -> None:
    done = run("train", "--device", "cpu", "--name", "bars", "--", sys.executable, "-c", BAR)
    assert done.status == 0, done.err
    assert "bars: started on cpu" in done.out
    assert "hello" in done.out.splitlines()
    assert "finished (exit status 0) after" in done.out
    assert "3/3 [00:01<00:02, 1it/s, loss=0.33" in done.err
    failed = run("train", "mine", "--device", "cpu", "--set", "status=3", "--set", "what='two words'")
    assert (failed.status, "two words" in failed.out) == (1, True)
    assert "failed: exit status 3" in failed.err
    assert "hello" in run("log", "bars").out
    assert run("log", "bars", "--output").out.splitlines()[0] in (
        "hello",
        "3/3 [00:01<00:02, 1it/s, loss=0.3333333333333333]",
    )
    levels = {each["level"] for each in json.loads(run("log", "bars", "--json").out)}
    assert levels == {"info", "stdout", "stderr"}
    assert run("log", "bars", "-f", "-n", "1").out.count("\n") == 1
    shown = run("show", "bars").out
    assert all(each in shown for each in ("read off what it printed", "printed last", "loss"))
    taken = run("export", "bars", "--format", "csv", "-o", str(home / "bars.csv"))
    assert taken.status == 0, taken.err
    with (home / "bars.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["metric"], row["step"]) for row in rows] == [("loss", "1"), ("loss", "2"), ("loss", "3")]
    assert run("export", "bars", "--format", "json", "-o", str(home / "bars.json")).status == 0
    exported = json.loads((home / "bars.json").read_text())["runs"][0]
    assert (exported["kind"], exported["details"]["exit_status"]) == ("command", 0)
    assert run("export", "bars", "--format", "png", "-o", str(home / "bars.png")).status == 0
    assert "keep their weights themselves" in run("export", "bars", "--format", "weights").err


@pytest.mark.usefixtures("presets")
def test_a_study_of_a_command_is_shown_queued_and_worked_off(run: Command, home: Path) -> None:
    plan = json.loads(run("study", "rates", "--json").out)
    assert [(each["name"], each["config"], each["train"]) for each in plan["runs"]] == [
        ("lr=0 (rates)", {"lr": 0}, True),
        ("lr=3 (rates)", {"lr": 3}, True),
    ]
    assert run("study", "rates", "--queue").status == 0
    worked = run("work", "--device", "cpu")
    assert worked.status == 1, "one of them failed"
    again = json.loads(run("study", "rates", "--json").out)["runs"]
    assert [(each["state"], each["train"]) for each in again] == [("finished", False), ("failed", True)]
    assert "--set: rates is a study of a command" in run("study", "rates", "--set", "a=1").err
    listed = run("presets").out
    assert "sh -c 'echo {what}; exit {status}'" in listed
    assert [each["name"] for each in json.loads(run("presets", "--json").out)["commands"]] == ["mine"]
    with Store(home) as store:
        assert {each.run_group for each in store.runs()} == {"rates"}
