"""The cluster: joined or started, its nodes counted, and looked at before anything is trained."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lazytrain.engine.child_process import ROOT
from lazytrain.engine.errors import DeviceError, first_line

LOCAL, AUTO = "local", "auto"
INSTALL = "pip install 'lazytrain[ray]'"
LEAST = (2, 40)
"""Version of Ray."""
CONNECT_SECONDS = 5.0
PROBE_SECONDS = 60.0
_PREFIX = "lazytrain-ray-"
_LONGEST_FOLDER = 40
"""Letters: Ray makes Unix sockets in it, whose paths end at about 100."""


class ClusterError(DeviceError):
    """The cluster can't be used; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the cluster, or one part of it."""

    id: str
    name: str
    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a run gets."""

    cpus: float = 1.0
    gpus: float = 0.0

    def fits(self, node: Node) -> int:
        """How many such runs a node holds."""
        counts = []
        if self.cpus:
            counts.append(int(node.cpus / self.cpus + 1e-9))
        if self.gpus:
            # A run has part of a GPU, never parts of two.
            counts.append(int(node.gpus) * int(1 / self.gpus + 1e-9) if self.gpus < 1 else int(node.gpus / self.gpus))
        return min(counts, default=0)

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU{'s' * (self.cpus != 1)}"]
        if self.gpus:
            parts.append(f"{self.gpus:g} GPU{'s' * (self.gpus != 1)}")
        return " and ".join(parts)


class Cluster:
    """A connection to one, of which a process has at most one.

    Args:
        address: `local` starts one on this machine, `auto` joins the one that runs here, else `host:port`.
        share: what each run gets.
    """

    def __init__(self, address: str, share: Share) -> None:
        self.address, self.share = address, share
        self._folder: Path | None = None

    # ── there and away ─────────────────────────────────────────────────────────────────────────────────────

    def join(self) -> None:
        """Start it, or connect. Raises ClusterError."""
        ray = import_ray()
        if self.address.startswith("ray://"):
            raise ClusterError(
                f"--ray {self.address}: runs can't be streamed through Ray's client; start lazytrain on a machine of "
                "the cluster, with --ray auto"
            )
        workers = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": str(max(1, int(self.share.cpus)))}
        if _probe()()["lazytrain"] == SOURCES:
            # Nodes on this machine run the same; others look there in vain, and say so.
            workers["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
        common: dict[str, Any] = {
            "namespace": "lazytrain",
            "log_to_driver": False,
            "logging_level": "CRITICAL",
            "runtime_env": {"env_vars": workers},
        }
        try:
            if self.address == LOCAL:
                self._folder = _make_folder()
                ray.init(
                    num_cpus=os.cpu_count(),
                    include_dashboard=False,
                    _temp_dir=str(self._folder),
                    _node_ip_address="127.0.0.1",
                    **common,
                )
            else:
                if self.address != AUTO:
                    _knock(self.address)
                ray.init(address=self.address, **common)
            _be_quiet()
        except ClusterError:
            raise
        except Exception as error:
            self.leave()
            raise ClusterError(_explain(self.address, error)) from error

    def leave(self) -> None:
        """Let go of it; one that was started here ends."""
        ray = import_ray()
        with contextlib.suppress(Exception):
            ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────

    def nodes(self) -> list[Node]:
        """Those that live. Raises ClusterError where the cluster itself doesn't."""
        ray = import_ray()
        try:
            alive = [each for each in ray.nodes() if each["Alive"]]
        except Exception as error:
            raise ClusterError(f"the Ray cluster {self._named} is gone ({first_line(error)})") from error
        names = name_nodes(alive)
        return [
            Node(
                id=each["NodeID"],
                name=names[each["NodeID"]],
                cpus=each["Resources"].get("CPU", 0.0),
                gpus=each["Resources"].get("GPU", 0.0),
            )
            for each in alive
        ]

    def free(self) -> tuple[float, float]:
        """CPUs and GPUs that nobody uses now."""
        ray = import_ray()
        with contextlib.suppress(Exception):
            found = ray.available_resources()
            return found.get("CPU", 0.0), found.get("GPU", 0.0)
        return 0.0, 0.0

    def check_room(self, nodes: Sequence[Node]) -> None:
        """Raises ClusterError where no node could ever hold a run."""
        if any(self.share.fits(node) for node in nodes):
            return
        if self.share.gpus and not any(node.gpus for node in nodes):
            raise ClusterError(
                f"--gpus-per-run {self.share.gpus:g}: the Ray cluster {self._named} has no GPU; --gpus-per-run 0 "
                "trains on CPUs"
            )
        largest = max(nodes, key=lambda node: (node.gpus, node.cpus) if self.share.gpus else (node.cpus,))
        has = Share(cpus=largest.cpus, gpus=largest.gpus)
        raise ClusterError(
            f"a run is to get {self.share}, and the largest node ({largest.name}) has {has}: give it less by "
            "--cpus-per-run and --gpus-per-run, or add a node"
        )

    @property
    def _named(self) -> str:
        return "here" if self.address in (LOCAL, AUTO) else f"at {self.address}"

    # ── versions ───────────────────────────────────────────────────────────────────────────────────────────

    def versions(self, nodes: Sequence[Node]) -> dict[str, Mapping[str, str]]:
        """Node's name → Python, torch and lazytrain there. A node that doesn't answer says so under `error`.

        One that has died, which Ray itself learns after some seconds, is left out.
        """
        ray = import_ray()
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        probe = ray.remote(num_cpus=0, max_retries=0)(_probe())
        asked = {
            probe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)).remote(): node
            for node in nodes
        }
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS)
        found: dict[str, Mapping[str, str]] = {}
        for reference, node in asked.items():
            try:
                silent = {"error": f"no answer in {PROBE_SECONDS:.0f} s"}
                found[node.name] = ray.get(reference) if reference in answered else silent
            except (ray.exceptions.TaskUnschedulableError, ray.exceptions.WorkerCrashedError):
                continue
            except Exception as error:  # noqa: BLE001  whatever a node's Ray says, a person is told
                found[node.name] = {"error": first_line(error)}
        return found

    def differences(self, nodes: Sequence[Node]) -> tuple[list[str], list[str]]:
        """What keeps nodes from training as this process would; and what only changes last bits."""
        own = _probe()()
        wrong, minor = [], []
        for name, found in self.versions(nodes).items():
            if "error" in found:
                wrong.append(f"{name}: {found['error']}")
                continue
            for what, version in found.items():
                if version == own[what]:
                    continue
                text = f"{name} has {what} {version}, here is {own[what]}"
                (minor if what == "torch" and version != MISSING else wrong).append(text)
        return wrong, minor

    def check_versions(self, nodes: Sequence[Node]) -> list[str]:
        """Returns what only changes last bits. Raises ClusterError for what keeps a node from training."""
        wrong, minor = self.differences(nodes)
        if wrong:
            raise ClusterError(
                f"{'; '.join(wrong)}: install the same on all nodes, such as by `{INSTALL}` in one Python, then start "
                "again"
            )
        return minor


MISSING, SOURCES = "not installed", "from its sources"


def _probe() -> Any:
    """A function that Ray sends by its code: lazytrain may be missing where it runs."""

    def probe() -> dict[str, str]:
        import importlib.metadata
        import importlib.util
        import platform

        found = {"Python": platform.python_version()}
        for package in ("torch", "lazytrain"):
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                there = importlib.util.find_spec(package) is not None
                found[package] = "from its sources" if there else "not installed"
        return found

    return probe


def import_ray() -> Any:
    """Ray, which takes half a second. Raises ClusterError where it isn't installed, or too old."""
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


def name_nodes(alive: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Id → name: as the node was named, else its host's; with part of its id where several have the same."""
    names = {
        each["NodeID"]: each["NodeName"]
        if each.get("NodeName") and each["NodeName"] != each["NodeManagerAddress"]
        else each["NodeManagerHostname"]
        for each in alive
    }
    counts = Counter(names.values())
    return {node: f"{name}-{node[:4]}" if counts[name] > 1 else name for node, name in names.items()}


def describe_nodes(nodes: Sequence[Node], free: tuple[float, float]) -> str:
    """`3 nodes · 10 of 12 CPUs · 2 of 4 GPUs`: those that are used, of those that there are."""
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    parts = [f"{len(nodes)} node{'s' * (len(nodes) != 1)}", f"{_number(cpus - free[0])} of {_number(cpus)} CPUs"]
    if gpus:
        parts.append(f"{_number(gpus - free[1])} of {_number(gpus)} GPUs")
    return " · ".join(parts)


def _number(value: float) -> str:
    return f"{round(max(0.0, value), 2):g}"


def _be_quiet() -> None:
    """Ray prints pages about each node that dies, whatever `log_to_driver` says; here a run's log tells it."""
    with contextlib.suppress(ImportError):
        from ray._private import worker

        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_, **__: None


def _knock(address: str) -> None:
    """Ray itself tries for a minute to reach what isn't there."""
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


def _explain(address: str, error: Exception) -> str:
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


def _make_folder() -> Path:
    """A short one; those that killed drivers have left are removed."""
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
