"""What is refused before it starts: a sentence and status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lazytrain.engine.store.store import Store
from tests.helpers import command_line
from tests.helpers.command_line import Command

run = command_line.run


@pytest.mark.parametrize("verb", ["train", "queue"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("coolnet",), "no architecture preset 'coolnet'; there are: coolnet-v10"),
        (("lazynet", "fast"), "no hyperparameters preset 'fast'; there are: quick"),
        (("lazynet", "quick", "--set", "epochs"), "write field=value"),
        (("lazynet", "quick", "--set", "epochs=0"), "--set: epochs = 0: must be greater than or equal to 1"),
        (("lazynet", "quick", "--set", "epoch=1"), "did you mean epochs?"),
        (("lazynet", "quick", "--set", "dataset=folder:/nowhere"), "/nowhere"),
        (("lazynet", "quick", "--device", "abacus"), "device 'abacus' is not here; there is: "),
        (("coolnet-v9", "quick"), "layer 6 (maxpool 4): input 16×3×3"),
    ],
)
def test_refusals_are_a_sentence_and_status_2(
    run: Command, home: Path, verb: str, arguments: tuple[str, ...], words: str
) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "coolnet-v9.toml").write_text(
        'title = "CoolNet v9"\nlayers = [{ conv = 6, kernel = 5 }, "relu", { maxpool = 4 }, '
        '{ conv = 16, kernel = 5 }, "relu", { maxpool = 4 }, { linear = 120 }, "relu", { linear = 84 }, "relu"]'
    )
    result = run(verb, *arguments)
    assert result.status == 2
    assert words in result.err
    assert result.err.startswith("lazytrain: ")
    assert "Traceback" not in result.err
    assert result.out == ""
    assert json.loads(run("runs", "--json").out) == [], "nothing was queued"
    if "coolnet-v9" in arguments:
        assert "coolnet-v9.toml" in result.err
        assert "window 4×4" in result.err


def test_an_unknown_run_is_refused(run: Command) -> None:
    for verb in ("show", "pause", "resume", "stop", "discard"):
        result = run(verb, "nonsense")
        assert (result.status, result.out) == (2, "")
        assert "no run 'nonsense'" in result.err


def test_a_newer_store_is_refused_in_a_sentence(run: Command, home: Path) -> None:
    with Store(home) as store:
        store.connection.execute("PRAGMA user_version = 99")
    result = run("runs")
    assert result.status == 2
    assert f"{home / 'store.sqlite3'}: made by a newer lazytrain" in result.err


def test_a_damaged_store_is_set_aside(run: Command, home: Path) -> None:
    home.mkdir()
    (home / "store.sqlite3").write_text("no database at all, whatever its name says")
    assert run("runs").status == 0
    (aside,) = home.glob("store.damaged-*.sqlite3")
    assert aside.read_text().startswith("no database at all")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cpus-per-run", "2"), "--cpus-per-run is for runs on a cluster: name that by --ray"),
        (("--ray", "auto", "--device", "cuda:1"), "--device cuda:1 is for this machine: what runs get of a cluster"),
        (("--ray", "auto", "--cpus-per-run", "0"), "--cpus-per-run 0: a run needs a CPU or a GPU"),
        (("--ray", "auto", "--gpus-per-run", "1.5"), "--gpus-per-run 1.5: a part of one GPU, such as 0.25, or a whole"),
        (("--ray", "auto"), "--ray: Ray isn't installed in this Python: `pip install 'lazytrain[ray]'` brings it"),
    ],
)
def test_work_on_a_cluster_is_refused_before_it_is_joined(
    run: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run("work", *arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err
