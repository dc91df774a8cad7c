"""A store with a small study: learning rates of one net in several seeds, another net, a run with another loss."""

from __future__ import annotations

import math
from pathlib import Path

from lazytrain.engine.records import State
from tests.helpers.monitor_data import Filler


def train(
    filler: Filler, run_id: str, *, final: float, speed: float, epochs: float = 10, seconds: float = 12.5
) -> None:
    """Up to `epochs` of 10, towards a loss of `final`."""
    filler.start(run_id, 500)
    filler.train(
        run_id,
        epochs,
        windows=10,
        loss=lambda epoch: final + (2.3 - final) * math.exp(-epoch / speed),
        seconds=seconds,
    )


def fill_study(home: Path) -> list[str]:
    """Ids of six runs: two seeds of each of two learning rates, one at work, one of mean squared error."""
    filler = Filler(home)
    ids: list[str] = []
    for rate, final, speed in ((0.1, 1.3, 1.5), (0.01, 0.8, 4.0)):
        for seed in range(2):
            ids.append(filler.queue("coolnet-v10", epochs=10, learning_rate=rate, seed=seed))
            train(filler, ids[-1], final=final + seed / 20, speed=speed + seed / 5, seconds=12.5 + rate + seed)
            filler.end(ids[-1], State.FINISHED, outcome="all epochs done")
    ids.append(filler.queue("coolnet-v7", epochs=10))
    train(filler, ids[-1], final=0.9, speed=3, epochs=6.5)
    ids.append(filler.queue("lazynet", "mse", epochs=10, name="lazynet mse"))
    train(filler, ids[-1], final=1.9, speed=2, seconds=3)
    filler.end(ids[-1], State.FINISHED, outcome="all epochs done")
    filler.journal.close()
    return ids
