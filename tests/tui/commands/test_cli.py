"""The command line itself: without a terminal, version and help, what is imported, folders."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.tui.start import find_screen_problem
from tests.helpers import command_line
from tests.helpers.command_line import ROOT, Command, finished_run
from tests.helpers.monitor_data import Filler

run = command_line.run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class AsciiTerminal(Terminal):
    encoding = "ANSI_X3.4-1968"


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
    assert "UTF-8" in str(find_screen_problem(Terminal(), AsciiTerminal(), {"TERM": "xterm"})), "frames are no ASCII"
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


@pytest.mark.parametrize("command", [["runs"], ["show", "last"], ["presets"], ["runs", "--json"]])
def test_an_output_that_is_not_utf_8_has_plain_glyphs(home: Path, command: list[str]) -> None:
    filler = Filler(home)
    run_id = filler.queue("lazynet", name="café ×2")
    filler.start(run_id)
    filler.end(run_id, State.FINISHED)
    filler.journal.close()
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "lazytrain", *command], env=environment, capture_output=True, check=True, timeout=120
    )
    shown = done.stdout.decode("ascii")
    if "--json" in command:
        assert json.loads(shown)[0]["name"] == "café ×2", "a script reads the same"
    else:
        assert "\\u" not in shown
    if command == ["runs"]:
        assert "v finished" in shown
