"""Processes of our own: Python that runs a module of this lazytrain, whatever lies in the current folder."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).absolute().parent.parent.parent
"""The folder that has `lazytrain`: Python's site-packages, or a checkout."""
_START = (
    "import sys; root, module = sys.argv[1:3]; del sys.argv[1:3]; "
    "sys.path.insert(0, root); import lazytrain; sys.path.remove(root); "
    "import runpy; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs `module`, one of lazytrain's, with `arguments`, as `python -m` would.

    Folders of machine-learning projects hold an `engine.py` and perhaps a `lazytrain.py`. `-P` keeps the current folder
    out of Python's path, and `lazytrain` is imported from where this process has it before PYTHONPATH counts, which is
    there for the user's own nets.
    """
    return [sys.executable, "-P", "-c", _START, str(ROOT), module, *arguments]


def describe_end(status: int) -> str:
    """How a process ended whose `Popen` has this status: `SIGSEGV, segmentation fault`, `exit status 3`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        number = signal.Signals(-status)
    except ValueError:  # a real-time signal has no name of its own
        return f"signal {-status}"
    about = (signal.strsignal(number) or "").lower()
    return f"{number.name}, {about}" if about else number.name
