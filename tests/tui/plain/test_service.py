"""The unit that `doctor --service` prints, what doctor says of settings, and of what a logout ends."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lazytrain.tui.plain.service import logout_warning, quote, service_unit
from lazytrain.tui.state.environment import Places
from tests.helpers import ROOT, command_line
from tests.helpers.command_line import Command

PLACES = Places(home=Path("/home/ada/my runs/100%"), data=Path("/data"))
command = command_line.run
KILLS = "[Login]\nKillUserProcesses=yes\n"


def execution(unit: str) -> list[str]:
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    return shlex.split(line.removeprefix("ExecStart="))


def test_the_unit_works_for_ever_with_the_right_folders() -> None:
    unit = service_unit(PLACES, "cuda:0", ["/usr/bin/lazytrain"])
    words = ["/usr/bin/lazytrain", "work", "--forever", "--home", "/home/ada/my runs/100%%", "--data", "/data"]
    assert execution(unit) == [*words, "--device", "cuda:0"]
    assert "Restart=on-failure" in unit
    assert "PYTHONPATH" not in unit
    assert "loginctl enable-linger" in unit


def test_from_its_sources_python_is_told_where_they_are() -> None:
    unit = service_unit(PLACES, "auto", ["/venv/bin/python", "-m", "lazytrain"])
    assert execution(unit)[:4] == ["/venv/bin/python", "-m", "lazytrain", "work"]
    assert f"Environment=PYTHONPATH={ROOT}" in unit


def test_words_are_quoted_as_systemd_reads_them() -> None:
    assert quote("plain") == "plain"
    assert quote('a "b" c', command=True) == '"a \\"b\\" c"'
    assert (quote("$5", command=True), quote("$5")) == ("$$5", "$5")


def test_systemd_finds_no_fault_with_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    path = tmp_path / "lazytrain.service"
    path.write_text(service_unit(Places(home=tmp_path / "a home", data=tmp_path), "auto", ["/bin/true"]))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    about = [line for line in done.stderr.splitlines() if "lazytrain.service" in line]
    assert about == []


def test_the_command_prints_it(command: Command, home: Path) -> None:
    printed = command("doctor", "--service")
    assert printed.status == 0
    assert str(home) in execution(printed.out)


def test_doctor_shows_the_settings_and_where_they_are(command: Command, home: Path) -> None:
    home.mkdir()
    path = home / "settings.toml"
    assert json.loads(command("doctor", "--json").out)["settings"]["file"].startswith(str(path))
    path.write_text('only_between = "23:00-07:00"\nnotify_on = ["failed"]')
    found = json.loads(command("doctor", "--json").out)["settings"]
    assert (found["file"], found["only_between"], found["notify_on"]) == (str(path), '"23:00-07:00"', '["failed"]')
    assert found["nice"] == "10  (default)"
    path.write_text("nice = 500")
    found = json.loads(command("doctor", "--json").out)["settings"]
    assert "nice = 500: must be less than or equal to 19" in found["broken"]


def test_doctor_keeps_keys_to_itself_and_says_what_notices_lack(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    written = ("notify = ['json://me:KEY@host/KEY']", "notify_webhook = 'https://host/KEY'")
    (home / "settings.toml").write_text("\n".join(written), encoding="utf-8")
    said = command("doctor").out
    assert "KEY" not in said
    assert '"https://…"' in said
    assert '["json://…"]' in said
    assert "lazytrain[notify]" not in said
    monkeypatch.setattr("lazytrain.tui.commands.doctor.has_apprise", lambda: False)
    lacking = "nobody is told, since apprise isn't installed: `pip install 'lazytrain[notify]'` brings it"
    assert command("doctor").out.count(lacking) == 1


def test_broken_settings_are_refused_by_what_trains(command: Command, home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("only_between = 23")
    for arguments in (("work",), ("train", "lazynet", "quick")):
        refused = command(*arguments)
        assert (refused.status, refused.out) == (2, "")
        assert f"{home / 'settings.toml'}: only_between: 23 must be two times of day" in refused.err
    assert command("runs").status == 0, "what trains nothing needs no settings"


# ── what a logout ends ─────────────────────────────────────────────────────────────────────────────────────


def system(root: Path, **files: str) -> Path:
    (root / "run/systemd/system").mkdir(parents=True)
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def warning(root: Path, linger: str | None = "no", user: str = "ada") -> str | None:
    asked: list[Sequence[str]] = []

    def ask(command: Sequence[str]) -> str | None:
        asked.append(command)
        return linger

    found = logout_warning(root, user, ask)
    assert all(command[:2] == ("loginctl", "show-user") for command in asked)
    return found


def test_without_systemd_nothing_is_said(tmp_path: Path) -> None:
    assert warning(tmp_path) is None


def test_as_shipped_a_logout_ends_nothing(tmp_path: Path) -> None:
    assert warning(system(tmp_path)) is None
    assert warning(system(tmp_path / "b", etc__systemd__logindDOTconf="[Login]\n#KillUserProcesses=yes\n")) is None


def test_where_it_ends_everything_it_is_said_with_what_to_do(tmp_path: Path) -> None:
    found = warning(system(tmp_path, etc__systemd__logindDOTconf=KILLS))
    assert "logging out ends all processes of ada" in str(found)
    assert "loginctl enable-linger" in str(found)


def test_lingering_users_are_safe(tmp_path: Path) -> None:
    root = system(tmp_path, etc__systemd__logindDOTconf=KILLS)
    assert warning(root, linger="yes\n") is None
    assert warning(root, linger=None) is not None, "loginctl doesn't answer"
    (root / "var/lib/systemd/linger").mkdir(parents=True)
    (root / "var/lib/systemd/linger/ada").touch()
    assert warning(root, linger=None) is None


def test_drop_ins_and_exceptions_count(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        etc__systemd__logindDOTconf=KILLS,
        **{"usr__lib__systemd__logindDOTconfDOTd__50-stayDOTconf": "[Login]\nKillUserProcesses=no\n"},
    )
    assert warning(root) is None
    (root / "etc/systemd/logind.conf.d").mkdir()
    (root / "etc/systemd/logind.conf.d/90-end.conf").write_text(f"{KILLS}KillOnlyUsers=bob ada\n")
    assert warning(root) is not None
    assert warning(root, user="carol") is None
    assert warning(root, user="root") is None, "left alone by default"
