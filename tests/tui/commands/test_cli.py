"""The command line: what each subcommand prints and its exit status. Training without a screen: test_train_command."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters
from lazytrain.tui.start import find_screen_problem
from tests.helpers import command_line
from tests.helpers.command_line import ROOT, Command, finished_run

run = command_line.run


# ── without a screen ───────────────────────────────────────────────────────────────────────────────────────


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_started_without_a_terminal_it_names_train_and_work(run: Command) -> None:
    for arguments in ((), ("--device", "cpu")):
        result = run(*arguments)
        assert result.status == 2
        assert "`lazytrain train ARCHITECTURE`" in result.err
        assert "`lazytrain work`" in result.err
        assert result.err.count("\n") == 1, "one sentence"
        assert result.out == ""


def test_a_dumb_terminal_is_none() -> None:
    assert find_screen_problem(Terminal(), Terminal(), {"TERM": "xterm"}) is None
    assert "dumb" in str(find_screen_problem(Terminal(), Terminal(), {"TERM": "dumb"}))
    assert "standard input" in str(find_screen_problem(io.StringIO(), Terminal(), {}))
    assert "standard error" in str(find_screen_problem(Terminal(), None, {}))


def test_version_and_help(run: Command) -> None:
    assert run("--version").out.startswith("lazytrain ")
    shown = run("--help").out
    for verb in ("presets", "train", "queue", "work", "runs", "show", "pause", "resume", "stop", "discard", "doctor"):
        assert re.search(rf"^│ {verb} ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("presets",),
        ("presets", "--json"),
        ("runs",),
        ("runs", "--json"),
        ("show", "mine"),
        ("rename", "mine", "yours"),
        ("resume", "mine"),
        ("discard", "mine", "--yes"),
        ("queue", "lazynet", "quick"),
    ],
)
def test_looking_and_asking_import_neither_torch_nor_textual(home: Path, arguments: tuple[str, ...]) -> None:
    finished_run(home)
    code = (
        "import sys\nfrom lazytrain.__main__ import main\nmain(sys.argv[1:])\n"
        "sys.exit(f'imported: {found}' if (found := {'torch', 'textual', 'plotext'} & set(sys.modules)) else 0)"
    )
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home)}
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr


def test_folders_are_given_before_or_after_the_subcommand(run: Command, home: Path) -> None:
    other = home / "other"
    assert run("queue", "lazynet", "quick", "--home", str(other)).status == 0
    assert run("--home", str(other), "runs").out.count("lazynet quick") == 1
    assert "no runs yet" in run("runs").out


# ── presets ────────────────────────────────────────────────────────────────────────────────────────────────


def test_presets_lists_what_there_is_and_what_is_broken(run: Command, home: Path) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "wide.toml").write_text('title = "wide"\nlayers = [{ linear = 2 }]')
    (folder / "broken.toml").write_text('title = "broken"\nlayers = [{ linear = -2 }]')
    shown = run("presets")
    assert shown.status == 0
    assert re.search(r"^coolnet-v10 +62,006 ", shown.out, re.MULTILINE)
    assert re.search(r"^wide \(yours\) +6,176", shown.out, re.MULTILINE)
    assert re.search(r"^mse +.*epochs 200", shown.out, re.MULTILINE)
    assert f"broken: {folder / 'broken.toml'}: layers.1.linear = -2" in shown.out

    listed = json.loads(run("presets", "--json").out)
    architectures = {preset["name"]: preset for preset in listed["architectures"]}
    assert architectures["coolnet-v10"]["parameters"] == 62_006
    assert architectures["wide"]["origin"] == "yours"
    assert "layers.1.linear" in architectures["broken"]["error"]
    hyperparameters = {preset["name"]: preset for preset in listed["hyperparameters"]}
    assert hyperparameters["lr-10"]["changed"] == ["learning_rate"]
    assert hyperparameters["lr-10"]["values"]["batch_size"] == 4


# ── what is refused before it starts ───────────────────────────────────────────────────────────────────────


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


# ── queue, wishes, names ───────────────────────────────────────────────────────────────────────────────────


def test_queue_only_queues_and_prints_the_id(run: Command, home: Path) -> None:
    result = run("queue", "coolnet-v10", "quick", "--set", "learning_rate=0.1", "--set", "augmentation.flip=0.5")
    assert result.status == 0
    with Store(home) as store:
        (queued,) = store.runs()
        values = store.configuration(queued.id)
    assert result.out == f"{queued.id}\n"
    assert (queued.state, queued.name) == (State.QUEUED, "coolnet-v10 quick lr=0.1 augmentation.flip=0.5")
    assert (values.edits, values.hyperparameters.augmentation.flip) == (("learning_rate", "augmentation.flip"), 0.5)
    assert run("queue", "lazynet", "quick", "--name", "mine").status == 0
    assert "mine" in run("runs").out


def test_a_relative_folder_is_made_absolute(run: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        for number in ("one", "two"):
            folder = home / "images" / split / number
            folder.mkdir(parents=True)
            (folder / "1.png").write_bytes(b"looked at only when it is decoded")
    monkeypatch.chdir(home)
    assert run("queue", "lazynet", "--set", "dataset=folder:images").status == 0
    with Store(home) as store:
        assert store.find("last").dataset == f"folder:{home / 'images'}"


def test_wishes_on_a_queued_run(run: Command, home: Path) -> None:
    run("queue", "lazynet", "quick", "--name", "mine")
    refused = run("pause", "mine")
    assert refused.status == 2
    assert "mine is queued: only a run that is being trained can be paused" in refused.err
    assert "stopped: mine" in run("stop", "mine").out
    assert run("stop", "mine").status == 2
    assert "`lazytrain work` trains the queue" in run("resume", "mine").out
    with Store(home) as store:
        assert store.find("mine").state is State.QUEUED
    assert run("rename", "mine", "yours").out == "mine is now yours\n"
    assert run("rename", "yours", " ").status == 2


def test_discard_asks_or_needs_yes(run: Command, home: Path) -> None:
    finished_run(home)
    refused = run("discard", "mine")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert "mine" in run("runs").out
    assert run("discard", "mine", "--yes").out.startswith("discarded: mine")
    assert "no runs yet" in run("runs").out


# ── runs and show ──────────────────────────────────────────────────────────────────────────────────────────


def test_json_has_the_promised_fields(run: Command, home: Path) -> None:
    made = finished_run(home)
    (listed,) = json.loads(run("runs", "--json").out)
    assert json.loads(run("show", "mine", "--json").out) == listed
    assert listed["id"] == made.id
    promised = {
        *("id", "name", "architecture", "hyperparameters", "state", "device", "seed", "epoch", "num_epochs", "step"),
        *("num_steps", "error", "weights_sha256", "created", "started", "ended", "epochs"),
    }
    assert promised <= set(listed)
    assert set(listed["hyperparameters"]) == set(Hyperparameters.model_fields)
    assert (listed["state"], listed["device"], listed["epoch"], listed["num_epochs"]) == ("finished", "cpu", 2, 2)
    assert (listed["num_steps"], listed["error"], listed["weights_sha256"]) == (722, None, None)
    promised = {
        *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"),
    }
    assert promised <= set(listed["epochs"][1])
    assert listed["epochs"][1]["test_accuracy"] == 0.75
    for moment in ("created", "started", "ended"):
        assert datetime.fromisoformat(listed[moment]).tzinfo is not None


def test_nan_is_null_in_json(run: Command, home: Path) -> None:
    finished_run(home, train_loss=float("nan"))
    shown = run("show", "last", "--json").out
    assert "NaN" not in shown
    assert json.loads(shown)["epochs"][0]["train_loss"] is None


def test_runs_and_show_for_people(run: Command, home: Path) -> None:
    made = finished_run(home)
    line = run("runs").out.splitlines()[1]
    assert re.search(rf"finished +mine +{made.id} +2/2 +75\.0 % @ 2 +75\.0 %", line)
    shown = run("show", made.id[:6]).out
    for words in ("finished  mine", "learning_rate", "best       75.0 % at epoch 2", "log", "all epochs done"):
        assert words in shown


def test_the_run_list_fits_80_columns(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from lazytrain.tui.plain.output import print_runs

    made = finished_run(home)
    with Store(home) as store:
        store.rename(made.id, "a name that is much longer than any terminal of eighty columns could ever show whole")
        shown = io.StringIO()
        print_runs(store.runs(), Console(file=shown, width=80, force_terminal=True, color_system=None))
    for line in shown.getvalue().splitlines():
        assert len(line.rstrip()) <= 80
    assert "…" in shown.getvalue()
    assert made.id in shown.getvalue()
    assert "75.0 % @ 2" in shown.getvalue()


# ── doctor ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_doctor_says_what_it_finds(run: Command, home: Path) -> None:
    shown = run("doctor")
    assert shown.status == 0
    for words in ("torch", "textual", "chosen", "threads", "bundled with scikit-learn", "TERM", "not there yet"):
        assert words in shown.out
    assert not (home / "store.sqlite3").exists(), "looking makes no store"
    finished_run(home)
    found = json.loads(run("doctor", "--json").out)
    assert found["store"]["runs"] == "1 (1 finished)"
    assert "is not here" in json.loads(run("doctor", "--json", "--device", "abacus").out)["device"]["chosen"]
