"""The end of a script's run, told to whom the settings name: by a process that outlives the script."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from lazytrain.engine.child_process import python_command
from lazytrain.engine.places import settings_path

TELLER = "lazytrain.engine.settings.tell_end"


def announce(home: Path, run_id: str) -> None:
    """Have it told, without waiting. A home whose settings name nobody costs a look at a file."""
    with contextlib.suppress(OSError):
        if b"notify" not in settings_path(home).read_bytes():
            return
        nowhere = subprocess.DEVNULL
        command = python_command(TELLER, str(home), run_id)
        subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
