"""Several processes that command one store at random, and two that train: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.records import State
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from tests.chaos.bench import REPOSITORY
from tests.helpers.bench import configuration, result

VERBS = ("queue", "rename", "move", "pause", "resume", "stop", "discard", "read")


@dataclass
class Crowd:
    """What the crowd did, and what was wrong afterwards."""

    seed: int
    done: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    num_trained: int = 0

    def __str__(self) -> str:
        done = ", ".join(f"{verb} {self.done[verb]}" for verb in VERBS)
        return (
            f"seed {self.seed}: {self.done.total()} commands ({done}), {self.refused} refused by the run's state; "
            f"{self.num_trained} runs trained; faults: {self.faults or 'none'}"
        )


def command_at_random(home: Path, seconds: float, seed: int, num_clients: int = 4) -> Crowd:
    """Let `num_clients` processes command the store for `seconds`, and two runners train it; then look for faults."""
    crowd = Crowd(seed)
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    work = "import sys; from pathlib import Path; from lazytrain.engine.queue.runner import Runner;"
    work += "home = Path(sys.argv[1]);"
    work += "runner = Runner(home, home, device='cpu'); runner.start(); sys.stdin.read(); runner.stop(); runner.join();"
    work += "sys.exit(runner.status.error)"
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", work, str(home)], cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE
        )
        for _ in range(2)
    ]
    known: dict[str, str] = {}
    with Store(home) as store:
        while not store.runners():
            _expect_one_alive(runners)
            time.sleep(0.02)
        clients = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.crowd", str(home), str(seconds), str(seed + number)],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
            )
            for number in range(num_clients)
        ]
        while any(client.poll() is None for client in clients):
            active = [run for run in store.runs() if run.state.active]
            if len(active) > 1:
                crowd.faults.append(f"trained at once: {', '.join(run.name for run in active)}")
            time.sleep(0.02)
        for client in clients:
            assert client.stdout is not None
            report = json.loads(client.stdout.read() or '{"faults": ["a client died"]}')
            crowd.done.update(report.get("done", {}))
            crowd.refused += report.get("refused", 0)
            crowd.faults += report["faults"]
            known |= report.get("runs", {})
        _finish(store, runners)
        for runner in runners:
            runner.communicate()
            if runner.returncode:
                crowd.faults.append("a runner failed")
        _compare(store, known, crowd)
    return crowd


def _expect_one_alive(runners: list[subprocess.Popen[bytes]]) -> None:
    if all(runner.poll() is not None for runner in runners):
        raise RuntimeError(f"both runners ended: {[runner.returncode for runner in runners]}")


def _finish(store: Store, runners: list[subprocess.Popen[bytes]]) -> None:
    """Let everything that isn't over be trained to its end, now that nobody disturbs."""
    while True:
        _expect_one_alive(runners)
        runs = store.runs()
        for run in runs:
            if run.state is State.PAUSED or run.state.resumable:
                store.resume(run.id)
        if all(run.state is State.FINISHED for run in runs):
            return
        time.sleep(0.05)


def _compare(store: Store, known: dict[str, str], crowd: Crowd) -> None:
    """Every run that was queued and not discarded is there, under its last name, and all are the same run."""
    runs = {run.id: run for run in store.runs()}
    crowd.num_trained = len(runs)
    crowd.faults += [f"{run_id} is lost" for run_id in known.keys() - runs.keys()]
    crowd.faults += [f"{run_id} was discarded and is there" for run_id in runs.keys() - known.keys()]
    crowd.faults += [
        f"{run.id} is called {run.name!r}, was renamed {known[run.id]!r}"
        for run in runs.values()
        if run.id in known and run.name != known[run.id]
    ]
    results = [result(store, run_id) for run_id in runs]
    crowd.faults += [
        f"{run_id} came out otherwise" for run_id, each in zip(runs, results, strict=True) if each != results[0]
    ]


def _client(home: Path, seconds: float, seed: int) -> dict[str, object]:
    """Command the store at random. Each client queues, renames and discards runs of its own, and the rest of all."""
    chance, deadline = random.Random(seed), time.monotonic() + seconds
    done: Counter[str] = Counter()
    mine: dict[str, str] = {}
    refused, faults = 0, []
    with Store(home) as store:
        while time.monotonic() < deadline:
            verb = chance.choice(VERBS)
            runs = store.runs()
            anyone = chance.choice(runs).id if runs else ""
            own = chance.choice(sorted(mine)) if mine else ""
            try:
                match verb:
                    case "queue" if len(mine) < 3:
                        run = store.add_run(configuration("lazynet", epochs=2))
                        mine[run.id] = run.name
                    case "rename" if own:
                        mine[own] = store.rename(own, f"{seed}-{done.total()}").name
                    case "discard" if own and chance.random() < 0.3:
                        store.discard(own)
                        del mine[own]
                    case "move" if anyone:
                        store.move(anyone, chance.choice((-2, -1, 1, 2)))
                    case "pause" | "resume" | "stop" if anyone:
                        getattr(store, verb)(anyone)
                    case "read" if anyone:
                        store.packed_points(anyone)
                        store.messages(anyone)
                        store.runners()
                    case _:
                        continue
                done[verb] += 1
            except (NotPossible, RunNotFound):
                refused += 1
            except Exception:  # noqa: BLE001  whatever it is, a person would have seen it
                faults.append(traceback.format_exc())
            time.sleep(chance.uniform(0.0, 0.02))
    return {"done": done, "refused": refused, "faults": faults, "runs": mine}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_client(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
