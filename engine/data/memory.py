"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

import psutil


def free_memory(root: Path = Path("/")) -> int:
    """Bytes: what the machine has free, or what is left of this process's cgroup (containers, Slurm), if that is less.

    `root` is where /proc and /sys are.
    """
    free = psutil.virtual_memory().available
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return free
    # "0::/path" is the cgroup of version 2; older ones are not looked at.
    own = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    mount = root / "sys/fs/cgroup"
    groups = [mount / own, *(mount / own).parents]
    for group in groups[: groups.index(mount) + 1]:
        try:
            limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
            free = min(free, max(int(limit) - int(used), 0))
        except (OSError, ValueError):  # no such controller here, or "max": no limit
            continue
    return free
