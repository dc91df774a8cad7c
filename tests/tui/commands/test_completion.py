"""Completion by the protocols of bash, zsh and fish, and in a real bash."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lazytrain.__main__ import COMPLETION, main
from lazytrain.engine.store.glance import list_run_names
from lazytrain.engine.store.store import Store
from lazytrain.tui.commands.completion import ASKED
from tests.helpers import ROOT
from tests.helpers.bench import configuration

Bash = Callable[..., list[str]]


@pytest.fixture
def bash(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bash:
    """`bash("show", "la")`: what bash is offered in place of the last word; `=` is a word of its own, as in bash."""

    def bash(*words: str, home: Path = home) -> list[str]:
        monkeypatch.setenv("LAZYTRAIN_HOME", str(home))
        monkeypatch.setenv(ASKED, "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(("lazytrain", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        capsys.readouterr()
        status = main([])
        captured = capsys.readouterr()
        assert (status, captured.err) == (0, "")
        return captured.out.split("\n")[:-1]

    return bash


def ask(home: Path, code: str = "", **question: str) -> subprocess.CompletedProcess[str]:
    """What `lazytrain` answers in a process of its own; `code` runs after it."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("COMP_", ASKED))}
    environment = {**others, "LAZYTRAIN_HOME": str(home), **question}
    program = f"import sys\nfrom lazytrain.__main__ import main\nstatus = main([])\n{code}\nsys.exit(status)"
    command = [sys.executable, "-c", program] if code else [sys.executable, "-m", "lazytrain"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def named(home: Path) -> Path:
    """A home with runs and presets of somebody's own."""
    with Store(home) as store:
        store.add_run(configuration(), "first one")
        store.add_run(configuration(), "lr=10")
    for kind, name in (("architectures", "wide"), ("hyperparameters", "gentle"), ("studies", "mine")):
        folder = home / "presets" / kind
        folder.mkdir(parents=True)
        (folder / f"{name}.toml").write_text('title = "Of my own"')
    return home


def test_the_start_and_the_answer_mean_the_same_variable() -> None:
    assert COMPLETION == ASKED == "_LAZYTRAIN_COMPLETE"


def test_verbs_and_options(bash: Bash, home: Path) -> None:
    assert bash("re") == ["report", "resume", "rename"]
    assert {"--set", "--device", "--home"} <= set(bash("train", "--"))


def test_presets_shipped_and_own_stand_where_they_go(bash: Bash, named: Path) -> None:
    assert bash("train", "boring") == ["boringnet", "boringnet-relu", "boringnet-leaky-relu"]
    assert bash("train", "wi") == ["wide"]
    assert bash("queue", "lazynet", "g") == ["gentle"]
    assert bash("study", "m") == ["mse", "mine"]


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "stop", "discard", "rename", "plot", "confusion", "tag"])
def test_runs_by_name_id_or_last(bash: Bash, named: Path, verb: str) -> None:
    assert bash(verb, "") == ["last", "lr=10", r"first\ one"]
    if verb == "show":
        newest, _ = list_run_names(named / "store.sqlite3")
        assert newest.id in bash(verb, newest.id[:6])
        assert bash("report", "m") == ["mse", "mine"]
        assert bash("report", "fi") == [r"first\ one"]
        assert bash(verb, '"first') == ["first one"], "in quotes nothing is escaped"


def test_runs_of_the_home_that_the_line_names(bash: Bash, named: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    assert bash("--home", str(named), "show", "fi", home=other) == [r"first\ one"]
    assert bash("show", "--home", str(named), "fi", home=other) == [r"first\ one"]
    assert bash("show", "--home", str(other), "fi") == []


def test_fields_and_their_values_where_bash_parts_words_at_the_equals_sign(bash: Bash, home: Path) -> None:
    set_ = ("train", "lazynet", "--set")
    assert bash(*set_, "augmentation.f") == ["augmentation.flip=", "augmentation.flip=0.0"]
    assert bash(*set_, "dec") == ["decay_epochs=", "decay_factor="]
    assert bash(*set_, "opt")[:2] == ["optimizer=", "optimizer=sgd"]
    assert bash(*set_, "optimizer", "=") == ["sgd", "adam", "adamw"]
    assert bash(*set_, "optimizer", "=", "ad") == ["adam", "adamw"]
    assert bash(*set_, "nesterov", "=", "") == ["true", "false"]
    assert bash("show", "lr", "=", "1") == [], "there is no such run"


def test_a_name_with_an_equals_sign(bash: Bash, named: Path) -> None:
    assert bash("show", "lr", "=", "1") == ["10"]


def test_choices(bash: Bash, home: Path) -> None:
    assert bash("export", "last", "--format", "t") == ["tensorboard"]
    assert bash("export", "last", "--format", "=", "t") == ["tensorboard"]
    assert bash("runs", "--sort", "b") == ["best"]
    assert bash("train", "--device", "c") == ["cpu", "cuda"]
    assert bash("work", "--jobs", "") == ["auto"]


def test_zsh_and_fish_are_told_what_each_word_stands_for(named: Path) -> None:
    asked = {"_TYPER_COMPLETE_ARGS": "lazytrain show fi"}
    answer = ask(named, **{ASKED: "complete_zsh", **asked})
    assert answer.stdout.startswith("""_arguments '*: :(("first one":"queued, """)
    answer = ask(named, **{ASKED: "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **asked})
    assert answer.stdout.startswith("first one\tqueued, ")


@pytest.mark.parametrize("content", [None, b"no database at all, whatever its name says", b""])
def test_a_damaged_store_or_none_is_no_matter_of_the_line(bash: Bash, home: Path, content: bytes | None) -> None:
    path = home / "store.sqlite3"
    if content is not None:
        home.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = sorted(home.rglob("*"))
    assert bash("show", "") == []
    assert sorted(home.rglob("*")) == before, "looking makes and mends nothing"
    assert content is None or path.read_bytes() == content


def test_whatever_goes_wrong_nothing_is_said(bash: Bash, named: Path) -> None:
    unreadable = named / "presets" / "architectures"
    shutil.rmtree(unreadable)
    unreadable.write_text("a file where a folder belongs")
    assert "lazynet" in bash("train", "")
    for question in (
        {ASKED: "complete_bash"},
        {ASKED: "complete_bash", "COMP_WORDS": "lazytrain 'unclosed", "COMP_CWORD": "one"},
        {ASKED: "complete_nosuchshell", "COMP_WORDS": "lazytrain ", "COMP_CWORD": "1"},
        {ASKED: "1"},
    ):
        answer = ask(named, **question)
        assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", ""), question


def test_a_store_that_somebody_writes_to_is_read(home: Path) -> None:
    with Store(home) as store:
        store.add_run(configuration(), "first")
        writer = sqlite3.connect(store.path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert [run.name for run in list_run_names(store.path)] == ["first"]
        writer.close()


@pytest.mark.parametrize("words", ["lazytrain train ", "lazytrain export "])
def test_completing_imports_neither_torch_nor_textual(named: Path, words: str) -> None:
    code = (
        "if found := {'torch', 'textual', 'plotext', 'matplotlib'} & set(sys.modules): sys.exit(f'imported: {found}')"
    )
    answer = ask(named, code, **{ASKED: "complete_fish", "_TYPER_COMPLETE_ARGS": words})
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o default"), ("zsh", "#compdef"), ("fish", "complete --")]
)
def test_each_shell_is_given_its_script(home: Path, shell: str, mark: str) -> None:
    answer = ask(home, **{ASKED: f"source_{shell}"})
    assert answer.returncode == 0
    assert mark in answer.stdout
    assert ASKED in answer.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_a_real_bash_fills_its_replies_by_the_script(named: Path, tmp_path: Path) -> None:
    (tmp_path / "lazytrain").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lazytrain "$@"\n')
    (tmp_path / "lazytrain").chmod(0o755)
    code = (
        f"source <({ASKED}=source_bash lazytrain)\n"
        "COMP_WORDS=(lazytrain train lazynet --set optimizer = ad); COMP_CWORD=6\n"
        '_lazytrain_completion lazytrain; printf "%s\\n" "${COMPREPLY[@]}"\n'
        "COMP_WORDS=(lazytrain show fi); COMP_CWORD=2\n"
        '_lazytrain_completion lazytrain; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = {**os.environ, "LAZYTRAIN_HOME": str(named), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.split("\n"), done.stderr) == (["adam", "adamw", r"first\ one", ""], "")
