"""Ray itself: there or not, reached or not, and what its errors mean to a person."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from lazytrain.engine.errors import DeviceError, first_line

LOCAL, AUTO = "local", "auto"
INSTALL = "pip install 'lazytrain[ray]'"
LEAST = (2, 40)
"""Version of Ray."""
CONNECT_SECONDS = 5.0
_PREFIX = "lazytrain-ray-"
_LONGEST_FOLDER = 40
"""Letters: Ray makes Unix sockets in it, whose paths end at about 100."""


class ClusterError(DeviceError):
    """The cluster can't be used; the message says why, and what to do."""


def import_ray(address: str = "") -> Any:
    """Ray, which takes half a second, as it is needed for `address`.

    Raises ClusterError where it isn't installed, or too old.
    """
    if address == LOCAL and "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        # The ports of what is started here are open on all of this machine's addresses: it asks for a token.
        os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
    # `uv run` would start workers on another Python, and workers at 0 GPUs see all of them either way.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A call after the cluster was left must not start another.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray
    except ImportError:
        raise ClusterError(f"--ray: Ray isn't installed in this Python: `{INSTALL}` brings it") from None
    version = tuple(int(part) for part in ray.__version__.split(".")[:2] if part.isdecimal())
    if version < LEAST:
        least = ".".join(map(str, LEAST))
        raise ClusterError(f"--ray: Ray {ray.__version__} is too old, {least} is the oldest that works: `{INSTALL}`")
    return ray


def be_quiet() -> None:
    """Ray prints pages about each node that dies, whatever `log_to_driver` says; here a run's log tells it."""
    with contextlib.suppress(ImportError):
        from ray._private import worker

        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_, **__: None


def knock(address: str) -> None:
    """Raises ClusterError where nothing answers: Ray itself tries for a minute to reach what isn't there."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ClusterError(f"--ray {address}: write local, auto, or the head's address as HOST:PORT, such as head:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"--ray {address}: nothing answers there ({first_line(error)}); `ray status` on the head says whether the "
            "cluster runs, and `ray start --head --port=6379` starts it"
        ) from error


def explain(address: str, error: Exception) -> str:
    """Why the cluster at `address` couldn't be joined, and what to do."""
    text = str(error)
    if "ersion mismatch" in text:
        told = " ".join(line.strip() for line in text.splitlines()[1:7] if line.strip())
        return (
            f"--ray {address}: the cluster has another Ray or Python than this process, which is Ray "
            f"{import_ray().__version__} on Python {platform.python_version()} ({told}): use the same on all machines, "
            "to the last number"
        )
    if isinstance(error, ConnectionError) and address == AUTO:
        return (
            "--ray auto: no Ray cluster runs on this machine; `ray start --head` starts one, `ray start "
            "--address=HOST:PORT` joins this machine to another's, and --ray local needs none"
        )
    if "local node" in text or "local raylet" in text.lower() or "node with" in text:
        return (
            f"--ray {address}: this machine is no node of that cluster; `ray start --address={address}` makes it one "
            f"({first_line(error)})"
        )
    return f"--ray {address}: {first_line(error)}"


def make_folder() -> Path:
    """One for Ray to work in, which is short; those that killed drivers have left are removed."""
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) + len(_PREFIX) > _LONGEST_FOLDER:
        parent = Path("/tmp")
    for old in parent.glob(f"{_PREFIX}*"):
        number = old.name.removeprefix(_PREFIX)
        if number.isdecimal() and not _lives(int(number)):
            shutil.rmtree(old, ignore_errors=True)
    folder = parent / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
