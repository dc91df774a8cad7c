"""`--help`: grouped, a whole sentence each, and at once."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer.main

from lazytrain.tui.commands.cli import VERBS, app
from lazytrain.tui.commands.verbs import Verb, unwrap
from tests.helpers import ROOT, command_line
from tests.helpers.command_line import Command

run = command_line.run


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_subcommands_are_grouped_by_what_they_are_for(run: Command) -> None:
    shown = run("--help").out
    panels: dict[str, list[str]] = {}
    for line in shown.splitlines():
        if title := re.match("╭─ (.+?) ─", line):
            panels[title[1]] = []
        elif found := re.match(r"│ ([a-z]+) ", line):
            panels[list(panels)[-1]].append(found[1])
    assert [title for title, verbs in panels.items() if verbs] == ["Train", "Look", "Steer", "Take away", "Machine"]
    assert panels["Train"] == ["train", "study", "queue", "work"]
    assert {"runs", "show", "plot"} <= set(panels["Look"])
    assert {"pause", "stop", "discard"} <= set(panels["Steer"])
    assert [verb for verbs in panels.values() for verb in verbs] == [verb.name for verb in VERBS]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_each_is_a_sentence_that_fits_and_the_one_its_own_help_begins_with(run: Command, verb: Verb) -> None:
    assert re.fullmatch(r"[A-Z].*\.", verb.help)
    assert re.search(rf"^│ {verb.name} +{re.escape(verb.help)} *│$", run("--help").out, re.MULTILINE), "in one line"
    own = run(verb.name, "--help").out
    assert f" {verb.help} " in own
    assert unwrap(verb.function).split("\n\n")[0] == verb.help


def test_what_most_subcommands_take_stands_apart(run: Command) -> None:
    own, _, shared = run("train", "--help").out.partition("╭─ Where and on what ─")
    assert "--set" in own
    assert "--home" not in own
    assert all(option in shared for option in ("--home", "--data", "--device"))


def test_flags_take_no_value(run: Command) -> None:
    for arguments in (("--help",), ("runs", "--help"), ("tag", "--help")):
        assert "<bool>" not in run(*arguments).out


def test_a_mistyped_subcommand_is_answered_with_its_like(run: Command) -> None:
    result = run("tarin", "lazynet")
    assert result.status == 2
    assert "'train'" in result.err


def test_words_that_begin_with_a_minus_are_tags() -> None:
    (tag,) = (verb for verb in VERBS if verb.name == "tag")
    assert tag.load().context_settings["ignore_unknown_options"]


def test_help_and_version_import_no_subcommand() -> None:
    code = (
        "import sys\nfrom lazytrain.__main__ import main\nmain([sys.argv[1]])\n"
        "ours = ('tui.commands.train', 'tui.app', 'presets.schema', 'engine.store.store')\n"
        "heavy = ('torch', 'textual', *(f'lazytrain.{name}' for name in ours))\n"
        "sys.exit(f'imported: {found}' if (found := set(heavy) & set(sys.modules)) else 0)"
    )
    for argument in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, argument], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_typer_sees_every_subcommand() -> None:
    group = typer.main.get_command(app)
    assert list(getattr(group, "commands", ())) == [verb.name for verb in VERBS]
