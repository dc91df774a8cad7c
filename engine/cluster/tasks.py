"""What runs on nodes, as Ray knows it: a task a run, and the board beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lazytrain.engine.cluster import command_worker, worker
from lazytrain.engine.cluster.board import Board, Mouth, post
from lazytrain.engine.cluster.messages import Assignment, CommandAssignment, Wish
from lazytrain.engine.cluster.nodes import Node, Share, import_ray, name_nodes

AHEAD = 50
"""So many messages a worker may be ahead of the driver: five seconds. Then it waits, as for a full disk."""
BEAT_SECONDS = 2.0
_CONCURRENCY = 10_000
"""Workers that may wait at the board at once."""


class Tasks:
    """Started by any thread.

    Args:
        share: what each run gets of a node.
        train, run_command: the generators that workers run.
        max_calls: so many runs of a kind, and a worker process ends: after one, a GPU's memory is let go for certain.
    """

    def __init__(
        self,
        share: Share,
        train: Callable[..., Any] = worker.train,
        run_command: Callable[..., Any] = command_worker.run_command,
        max_calls: int = 1,
    ) -> None:
        ray = import_ray()
        self.share = share
        self._node_names: Mapping[str, str] = {}
        self.has_gpus = False
        self.waits_for = "waiting for room in the cluster"
        options = {"max_retries": 0, "max_calls": max_calls, "_generator_backpressure_num_objects": AHEAD}
        self._train = ray.remote(num_cpus=share.cpus, **options)(train)
        self._run_command = ray.remote(num_cpus=share.cpus, **options)(run_command)
        here = ray.get_runtime_context().get_node_id()
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        near = NodeAffinitySchedulingStrategy(here, soft=True)
        options = {"num_cpus": 0, "max_restarts": -1, "max_concurrency": _CONCURRENCY, "scheduling_strategy": near}
        self.board: Any = ray.remote(**options)(Board).remote()
        self._board_name: str = ray.get(self.board.beat.remote())
        self._mouths: dict[str, Mouth] = {}
        self._asleep, self._over = threading.Event(), threading.Event()
        threading.Thread(target=self._beat, name="lazytrain-beat", daemon=True).start()

    def learn(self, nodes: Sequence[Node]) -> None:
        """What there is now."""
        self._node_names = {node.id: node.name for node in nodes}
        self.has_gpus = any(node.gpus for node in nodes)

    def name_of(self, node_id: str) -> str:
        """Of a node, which may be newer than the last look at the cluster."""
        if node_id not in self._node_names:
            import ray

            self._node_names = name_nodes([node for node in ray.nodes() if node["Alive"]])
        return self._node_names.get(node_id, node_id[:8])

    def device_for(self, wanted: str) -> str:
        """The device that a worker is to take for a run that wants `wanted`."""
        if wanted == "auto":
            return "auto" if self.share.gpus else "cpu"
        # Of GPUs a worker sees those that Ray gave it, from 0 on.
        return wanted.partition(":")[0]

    def train(self, assignment: Assignment, data: list[Any]) -> Any:
        """Begin a run; its generator."""
        return self._train.options(num_gpus=self.gpus_for(assignment.device)).remote(assignment, self.board, data)

    def run_command(self, assignment: CommandAssignment, needs: str | None) -> Any:
        """Begin a command; its generator."""
        gpus = {"cpu": 0.0, "gpu": self.share.gpus or 1.0}.get(needs or "", self.share.gpus)
        return self._run_command.options(num_gpus=gpus).remote(assignment, self.board)

    def gpus_for(self, device: str) -> float:
        """How much of a GPU a run on `device` gets."""
        if device == "cpu":
            return 0.0
        return self.share.gpus or (1.0 if device == "cuda" else 0.0)

    def mouth(self, run_id: str, wish: Wish) -> Mouth:
        """What tells the worker of a run, which began with `wish`."""
        mouth = self._mouths[run_id] = Mouth(self.board, run_id, wish)
        return mouth

    def forget(self, run_id: str) -> None:
        """A run is over."""
        self._mouths.pop(run_id, None)
        post(self.board, run_id, None)

    def suspend(self) -> None:
        """This process is to be frozen: that is no reason for workers to end."""
        import ray

        self._asleep.set()
        ray.get(self.board.beat.remote(asleep=True))

    def go_on(self) -> None:
        """It lives again."""
        self._asleep.clear()
        self.board.beat.remote()

    def close(self) -> None:
        """No more."""
        self._over.set()

    def _beat(self) -> None:
        import ray

        while not self._over.wait(BEAT_SECONDS):
            if self._asleep.is_set():
                continue
            try:
                name = str(ray.get(self.board.beat.remote(), timeout=2 * BEAT_SECONDS))
            except Exception:  # noqa: BLE001  Ray raises bare ones too
                continue  # It is started anew, or Ray is gone: that is seen elsewhere.
            if name != self._board_name:
                self._board_name = name
                for mouth in list(self._mouths.values()):
                    mouth.repeat()
