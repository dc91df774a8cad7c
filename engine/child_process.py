"""Processes of our own: Python that runs a module of this lazytrain, whatever lies in the current folder.

One that runs a user's net says its answers on standard output, and nothing else is said there: see `begin_helper`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

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


_before: dict[str, str] = {}
"""The environment as it was before this process hosted a net; empty where it hosts none."""


def host_own_code() -> None:
    """In a process for one user's net: what that starts finds its modules, and neither this one's nor the folder's.

    A process that `multiprocessing` spawns takes over `sys.path`, and imports its starter's main module: one of
    ours, of no use to it. Any other Python goes by the environment.
    """
    if _before:
        return
    _before.update(os.environ)
    main = sys.modules["__main__"]
    main.__spec__ = None
    vars(main).pop("__file__", None)
    os.environ["PYTHONSAFEPATH"] = "1"


def keep_importable(folder: Path) -> bool:
    """Where this process hosts a net, have `folder` stay on Python's path, and be on its children's; else False."""
    if not _before:
        return False
    sys.path.insert(0, str(folder))
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join((str(folder), given) if given else (str(folder),))
    return True


def outer_environment() -> dict[str, str]:
    """The environment for what is started here and is no net's: a notice's command."""
    return dict(_before or os.environ)


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


def begin_helper() -> TextIO:
    """In a process that helps another: it leaves signals to that one, and ends with it, which closes standard input.

    Returns:
        What leads to the other's ear. Whatever a net prints goes where standard error goes.
    """
    for name in ("SIGINT", "SIGHUP"):
        # Ctrl-C and a hang-up are the business of the one who started this.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_starter, args=(_only_input(),), name="lazytrain-starter", daemon=True).start()
    return answers


def _only_input() -> int:
    """Standard input's copy: a net that asks for input takes nothing, and waits for nothing."""
    copy = os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return copy


def _end_with_starter(line: int) -> None:
    """The starter's death closes the pipe."""
    os.read(line, 1)
    os._exit(0)
