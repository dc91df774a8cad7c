"""Training as a service: the systemd unit that `doctor --service` prints, and what a logout does to processes here."""

from __future__ import annotations

import configparser
import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lazytrain.engine.child_process import ROOT
from lazytrain.tui.state.environment import Places

LOGINCTL_SECONDS = 5.0
CONFIGURATION_FOLDERS = ("usr/lib/systemd", "usr/local/lib/systemd", "run/systemd", "etc/systemd")
"""Where `logind.conf` and its drop-ins lie, the strongest last."""


def service_unit(places: Places, device: str, command: Sequence[str] | None = None) -> str:
    """A systemd user unit that trains the queue from boot on, with how to install it as comments."""
    words = [*(command or own_command()), "work", "--forever", "--home", str(places.home), "--data", str(places.data)]
    if device != "auto":
        words += ["--device", device]
    root = ROOT
    from_sources = words[1:3] == ["-m", "lazytrain"]
    where = f"Environment={quote(f'PYTHONPATH={root}')}\n" if from_sources else ""
    return f"""\
# Trains lazytrain's queue from boot on, and waits for new runs. To install it:
#   mkdir -p ~/.config/systemd/user
#   lazytrain doctor --service > ~/.config/systemd/user/lazytrain.service
#   systemctl --user daemon-reload
#   systemctl --user enable --now lazytrain.service
#   loginctl enable-linger            # start it at boot, and keep it when you log out
# What it says:  journalctl --user --unit lazytrain --follow
# A stop saves the runs in training and puts them in front of the queue: the next start goes on with them.
[Unit]
Description=lazytrain: train the queue
Documentation=man:systemd.service(5)

[Service]
ExecStart={" ".join(quote(word, command=True) for word in words)}
{where}Restart=on-failure
RestartSec=30
# It tells its own processes to save; all of them at once would be told twice.
KillMode=mixed
TimeoutStopSec=90
SuccessExitStatus=143

[Install]
WantedBy=default.target
"""


def own_command() -> list[str]:
    """The command that starts this lazytrain: the installed one, or Python with the sources."""
    beside = Path(sys.executable).with_name("lazytrain")
    if Path(sys.argv[0]).name == "lazytrain":
        found = shutil.which(sys.argv[0])
        if found is not None:
            return [str(Path(found).absolute())]
    return [str(beside)] if os.access(beside, os.X_OK) else [sys.executable, "-m", "lazytrain"]


def quote(word: str, *, command: bool = False) -> str:
    """A word of a unit file: `%` begins a specifier there, and in a command `$` a variable."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if command:
        word = word.replace("$", "$$")
    return f'"{word}"' if any(character.isspace() or character in "\"\\'" for character in word) else word


# ── what a logout does ─────────────────────────────────────────────────────────────────────────────────────


def logout_warning(
    root: Path = Path("/"), user: str | None = None, ask: Callable[[Sequence[str]], str | None] | None = None
) -> str | None:
    """Why training would end with the user's last session here, and what to do; None if it wouldn't.

    Args:
        root: where the system's files are.
        ask: runs a command and returns its output, None if that didn't work.
    """
    if not (root / "run/systemd/system").is_dir():
        return None  # No systemd: nothing ends the processes of a user that logs out.
    try:
        user = user or getpass.getuser()
    except (KeyError, OSError):
        return None
    login = _logind(root)
    if login.get("killuserprocesses", "no").lower() not in ("yes", "true", "1", "on"):
        return None
    # As shipped, root's processes are left alone.
    if user in login.get("killexcludeusers", "root").split():
        return None
    only = login.get("killonlyusers", "").split()
    if only and user not in only:
        return None
    if _lingers(root, user, ask or _run):
        return None
    return (
        f"logging out ends all processes of {user}, training too (KillUserProcesses=yes in logind.conf): "
        "`loginctl enable-linger`, then train by the unit of `lazytrain doctor --service`"
    )


def _logind(root: Path) -> dict[str, str]:
    """The settings of logind's `[Login]`, names in lower case. Drop-ins come after the main file, by name."""
    main = [root / folder / "logind.conf" for folder in CONFIGURATION_FOLDERS]
    # Of drop-ins of one name the strongest folder's counts; of the main files likewise.
    dropped = {
        path.name: path for folder in CONFIGURATION_FOLDERS for path in (root / folder / "logind.conf.d").glob("*.conf")
    }
    files = [*[path for path in main if path.is_file()][-1:], *(dropped[name] for name in sorted(dropped))]
    found: dict[str, str] = {}
    for path in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_section("Login"):
            found |= {name: value.strip() for name, value in parser.items("Login")}
    return found


def _lingers(root: Path, user: str, ask: Callable[[Sequence[str]], str | None]) -> bool:
    if (root / "var/lib/systemd/linger" / user).exists():
        return True
    answer = ask(("loginctl", "show-user", user, "--property=Linger", "--value"))
    return answer is not None and answer.strip() == "yes"


def _run(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LOGINCTL_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
