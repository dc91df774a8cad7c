"""`lazytrain study`: what it shows, trains, queues, reuses and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lazytrain.engine.compute import checking
from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.presets import load_catalogue
from tests.helpers import command_line
from tests.helpers.command_line import Command
from tests.helpers.launch_app import V9, write_preset

command = command_line.run

TWO = """
title = "two"
architectures = ["lazynet", "boringnet"]
[set]
dataset = "digits"
epochs = 1
batch_size = 256
"""


@pytest.fixture
def run(command: Command, home: Path) -> Command:
    """A home that has the study `two`."""
    write_preset(home, "studies", "two", TWO)
    return command


def states(home: Path) -> dict[str, State]:
    with Store(home) as store:
        return {run.name: run.state for run in store.runs()}


def test_it_trains_one_after_another_and_never_twice(run: Command, home: Path) -> None:
    result = run("study", "two", "--yes")
    assert result.status == 0, result.err
    assert re.search(r"^· +lazynet default .* 1 +1 s  to train$", result.out, re.MULTILINE)
    assert "2 of 2 runs · about" in result.out
    assert re.search(r"· done about \d\d:\d\d", result.out)
    assert re.search(r"^2/2  [0-9a-f]{8}  ", result.out, re.MULTILINE)
    done = states(home)
    assert set(done.values()) == {State.FINISHED}
    assert all(name.endswith("(two)") for name in done)

    result = run("study", "two")
    assert result.status == 0
    assert result.out.count("finished already (") == 2
    assert "2 finished already: left as they are; --again trains anew" in result.out
    assert states(home) == done

    result = run("study", "two", "--seeds", "2", "--queue")
    assert result.status == 0
    assert len(re.findall(r"^[0-9a-f]{8}  .* seed=1 \(two\)$", result.out, re.MULTILINE)) == 2
    assert len(states(home)) == 4

    result = run("study", "two", "--seeds", "2")  # what waits in the queue is trained here
    assert result.status == 0
    assert set(states(home).values()) == {State.FINISHED}
    assert len(states(home)) == 4


def test_again_trains_anew(run: Command, home: Path) -> None:
    run("study", "two", "--queue")
    result = run("study", "two", "--queue", "--again")
    assert result.out.count("again (") == 2
    assert sorted(states(home)) == [
        f"{net} default dataset=digits epochs=1 batch=256 (two){number}"
        for net in ("boringnet", "lazynet")
        for number in ("", " #2")
    ]


def test_json_says_what_it_would_do_and_queues_only_if_told_to(run: Command, home: Path) -> None:
    shown = json.loads(run("study", "two", "--json").out)
    assert [(each["architecture"], each["standing"], each["train"]) for each in shown["runs"]] == [
        ("lazynet", "new", True),
        ("boringnet", "new", True),
    ] or shown["runs"][0]["expected_seconds"] <= shown["runs"][1]["expected_seconds"]
    assert not states(home)
    queued = json.loads(run("study", "two", "--json", "--queue").out)
    assert len(queued["queued"]) == len(states(home)) == 2
    again = json.loads(run("study", "two", "--json").out)
    assert [each["standing"] for each in again["runs"]] == ["underway", "underway"]
    assert {each["run"] for each in again["runs"]} == set(queued["queued"])
    assert {each["identity"] for each in again["runs"]} == {each["identity"] for each in shown["runs"]}


def test_a_run_that_fails_takes_no_other_with_it(run: Command, home: Path) -> None:
    text = TWO.replace('"boringnet"]', '"boringnet"]\n[grid]\nlearning_rate = [1000.0, 0.01]')
    write_preset(home, "studies", "wild", text)
    result = run("study", "wild", "--yes")
    assert result.status == 1
    assert State.FAILED in states(home).values()
    assert State.QUEUED not in states(home).values()
    result = run("study", "wild")
    assert "NaN already (" in result.out
    assert len(states(home)) == 4


def test_what_cannot_work_is_told_before_anything_starts(run: Command, home: Path) -> None:
    path = write_preset(home, "architectures", "coolnet-v9", V9)
    write_preset(home, "studies", "mixed", TWO.replace('"boringnet"', '"coolnet-v9"'))
    result = run("study", "mixed", "--queue")
    assert result.status == 1
    assert f"can't be trained: {path}: layer 6 (maxpool 4): input 16×3×3" in result.out
    assert [name.split()[0] for name in states(home)] == ["lazynet"]
    write_preset(home, "studies", "bad", TWO.replace('"lazynet", "boringnet"', '"coolnet-v9"'))
    result = run("study", "bad")
    assert result.status == 2
    assert "nothing of bad can be trained" in result.err
    assert len(states(home)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "no study preset 'nowhere'; there are: learning-rate"),
        (("two", "--set", "epochs=0"), "--set: epochs = 0: must be greater"),
        (("two", "--set", "seed=1"), "--seeds"),
        (("two", "--seeds", "0"), "--seeds 0: at least 1"),
        (("two", "--device", "tpu:7"), "tpu:7"),
    ],
)
def test_refusals(run: Command, home: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run("study", *arguments, "--queue")
    assert result.status == 2
    assert words in result.err
    assert not (home / "store.sqlite3").exists() or not states(home)


def test_a_module_of_your_own_is_known_by_its_source(run: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # That it fits is found out in a process each time, which is another test's matter.
    monkeypatch.setattr(checking, "_try_elsewhere", lambda *_: [("linear", "10", 30730)])
    write_preset(home, "architectures", "mine", 'title = "mine"\nmodule = "study_nets:Net"\n')
    source = home / "presets" / "study_nets.py"
    code = (
        "import torch\n\nclass Net(torch.nn.Sequential):\n    def __init__(self, num_classes):\n"
        "        super().__init__(torch.nn.Flatten(), torch.nn.Linear(3072, num_classes))\n"
    )
    source.write_text(code)
    write_preset(home, "studies", "own", TWO.replace('"lazynet", "boringnet"', '"mine"'))
    assert run("study", "own", "--queue").status == 0
    assert "queued (" in run("study", "own", "--queue").out
    assert len(states(home)) == 1
    assert "not trained yet" not in run("report", "own").out, "the report knows it by its source too"
    source.write_text(code + "# another\n")
    assert run("study", "own", "--queue").status == 0
    assert len(states(home)) == 2


def test_what_was_queued_by_itself_is_known_too(run: Command, home: Path) -> None:
    settings = ("--set", "dataset=digits", "--set", "epochs=1", "--set", "batch_size=256")
    assert run("queue", "lazynet", *settings).status == 0
    assert run("study", "two", "--queue").out.count("queued (") == 1
    assert len(states(home)) == 2


def test_presets_lists_the_studies(run: Command, home: Path) -> None:
    path = write_preset(home, "studies", "odd", 'title = "odd"\narchitectures = ["nothing-such"]\n')
    shown = run("presets")
    assert re.search(r"^whole-report +33  Every experiment", shown.out, re.MULTILINE)
    assert re.search(r"^two \(yours\) +2", shown.out, re.MULTILINE)
    assert f"broken: {path}: architectures.1 = 'nothing-such'" in shown.out
    listed = json.loads(run("presets", "--json").out)["studies"]
    assert [each["name"] for each in listed] == [*load_catalogue().studies, "odd", "two"]
    two = listed[-1]
    changed = {"dataset": "digits", "epochs": 1, "batch_size": 256}
    assert two["runs"] == [
        {"architecture": net, "hyperparameters": "default", "set": changed} for net in ("lazynet", "boringnet")
    ]
