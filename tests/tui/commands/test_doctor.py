"""`lazytrain doctor`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import command_line
from tests.helpers.command_line import Command, finished_run

run = command_line.run


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


def test_doctor_ends_with_1_for_settings_that_cannot_be_used(run: Command, home: Path) -> None:
    assert run("doctor").status == 0
    home.mkdir()
    (home / "settings.toml").write_text("redraws = 'fast'\n", encoding="utf-8")
    refused = run("doctor")
    assert refused.status == 1
    assert f"{home / 'settings.toml'}" in refused.out
    assert "redraws" in refused.out
