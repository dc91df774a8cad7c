"""Names, tags, notes and the archive: from the command line, and how `lazytrain runs` filters and sorts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lazytrain.__main__ import main
from lazytrain.engine.store.store import Store
from tests.helpers.monitor_data import fill

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`run("runs", "--json")` over a filled store: exit status, stdout, stderr."""
    fill(home).journal.close()
    monkeypatch.setenv("LAZYTRAIN_HOME", str(home))

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def names(output: str) -> list[str]:
    return [each["name"] for each in json.loads(output)]


def test_runs_are_filtered_and_sorted(run: Command) -> None:
    assert names(run("runs", "coolnet", "lr>0.01", "--json")[1]) == ["coolnet-v7 lr-0.1", "coolnet-v7 lr-10"]
    assert names(run("runs", "lr>0.01 state:failed", "--json")[1]) == ["coolnet-v7 lr-10"]
    best_first = names(run("runs", "best>0", "--sort", "best", "--json")[1])
    assert best_first[0] == "coolnet-v10 default"
    by_name = names(run("runs", "--sort", "name", "--json")[1])
    assert by_name == sorted(by_name)
    status, out, err = run("runs", "tag:nowhere")
    assert (status, out, err.strip()) == (0, "", "no run fits")
    assert run("runs", "tag:nowhere", "--json")[1].strip() == "[]"


def test_a_wrong_filter_is_refused_with_what_would_be_right(run: Command) -> None:
    status, out, err = run("runs", "lr>fast")
    assert (status, out) == (2, "")
    assert "lr>fast: fast is no number; write one, such as lr>0.01" in err
    assert run("runs", "--sort", "beauty")[0] == 2


def test_tags_are_added_and_taken_away(run: Command) -> None:
    name = "coolnet-v7 lr-10"
    assert run("tag", name, "+night", "first") == (0, f"{name}: #first #night\n", "")
    assert run("tag", name, "-first", "+h2") == (0, f"{name}: #h2 #night\n", "")
    assert run("tag", name, "-h2") == (0, f"{name}: #night\n", "")
    assert run("tag", name) == (0, f"{name}: #night\n", "")
    assert names(run("runs", "tag:night", "--json")[1]) == [name]
    assert f"{name} #night" in run("runs")[1]
    status, _, err = run("tag", name, "-day")
    assert status == 2
    assert f"-day: {name} has no tag day (it has: #night)" in err
    status, _, err = run("tag", name, "+a,b")
    assert status == 2
    assert "a tag is one word, without a comma" in err


def test_a_note_is_kept_shown_and_taken_away(run: Command) -> None:
    name = "coolnet-v2 batch-20"
    assert run("note", name)[1] == f"{name}: –\n"
    assert run("note", name, "looks", "overfit")[1] == f"{name}: looks overfit\n"
    assert "looks overfit" in run("show", name)[1]
    assert names(run("runs", "note:overfit", "--json")[1]) == [name]
    assert run("note", name, "")[1] == f"{name}: –\n"


def test_archived_runs_are_listed_only_when_asked_for(run: Command, home: Path) -> None:
    name = "coolnet-v2 batch-20"
    assert run("archive", name, "lazynet default epochs=10")[1].count("archived: ") == 2
    assert name not in run("runs")[1]
    assert sorted(names(run("runs", "archived", "--json")[1])) == [name, "lazynet default epochs=10"]
    assert run("archive", "--undo", name)[1].startswith(f"listed again: {name}")
    assert name in run("runs")[1]
    status, _, err = run("archive", "coolnet-v10 default")
    assert status == 2
    assert "only a run that is over can be archived" in err
    assert run("archive", name, "no such run")[0] == 2
    with Store(home) as store:
        assert not store.find(name).archived
