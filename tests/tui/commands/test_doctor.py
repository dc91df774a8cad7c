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
