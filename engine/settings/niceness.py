"""Training that nobody watches steps back for other programs."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from lazytrain.engine.settings.live import LiveSettings


def step_back(home: Path) -> None:
    """Have this process, every thread of it, run as nicely as the home's settings say.

    For `work`, and for a screen's process once its screen was left; a process can't come forward again. Where the
    settings are broken or the system refuses, it stays or goes by the default: this is no reason not to train.
    """
    be_nice(LiveSettings(home)().nice)


def be_nice(nice: int) -> None:
    """Raise the niceness of every thread of this process to `nice`, 0 to 19; never lowers it."""
    if nice <= 0:
        return
    if sys.platform == "win32":
        import psutil

        with contextlib.suppress(psutil.Error):
            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    for thread in _threads():
        with contextlib.suppress(OSError):
            if os.getpriority(os.PRIO_PROCESS, thread) < nice:
                os.setpriority(os.PRIO_PROCESS, thread, nice)


def num_jobs(cores: int, *, keep_core_free: bool) -> int:
    """How many runs `work --jobs auto` trains at once on `cores` cores: one each, and one core for the rest."""
    return max(1, cores - 1) if keep_core_free else max(1, cores)


def _threads() -> list[int]:
    """The process's threads: on Linux each has a niceness of its own, elsewhere the process has one."""
    try:
        return [int(name) for name in os.listdir("/proc/self/task")]  # noqa: PTH208  names alone are wanted
    except OSError:
        return [0]
