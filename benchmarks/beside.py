"""`python -m benchmarks.beside`: what a live screen costs the training that it hosts.

The same run at batch 4 is trained by `lazytrain`, on Monitor at the default rate of redraws, and by `lazytrain work`,
in turns of some seconds: while the one trains the other is paused, and neither is started anew. Needs CIFAR-10 in the
data folder (LAZYTRAIN_DATA or --data); --dataset digits does without.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.hosted import Hosted, Kind, host
from benchmarks.measuring import Figure, machine, median_interval, table, write

NETS = ("lazynet", "coolnet-v10")


def measure(
    net: str, dataset: str, data: Path, num_pairs: int, seconds: float, warm_up: float
) -> dict[Kind, list[float]]:
    """Steps a second of each pair, beside the screen and headless."""
    rates: dict[Kind, list[float]] = {"screen": [], "headless": []}
    with host("screen", net, dataset, data) as screen, host("headless", net, dataset, data) as headless:
        hosts: dict[Kind, Hosted] = {"screen": screen, "headless": headless}
        for hosted in hosts.values():
            hosted.pause()
        for pair in range(num_pairs):
            # Each comes first as often as the other.
            order: tuple[Kind, Kind] = ("screen", "headless") if pair % 2 else ("headless", "screen")
            for kind in order:
                hosts[kind].go_on()
                rates[kind].append(hosts[kind].rate(seconds, warm_up))
                hosts[kind].pause()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", default=list(NETS))
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LAZYTRAIN_DATA", "data")))
    parser.add_argument("--pairs", type=int, default=14, help="ten at least for an interval that says much")
    parser.add_argument("--seconds", type=float, default=5.0, help="of training, each time")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds of training before that")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "dataset": options.dataset}
    rows: list[list[object]] = []
    for net in options.nets:
        rates = measure(net, options.dataset, options.data, options.pairs, options.seconds, options.warm_up)
        shares = [100 * a / b for a, b in zip(rates["screen"], rates["headless"], strict=True)]
        low, high = median_interval(shares)
        results[net] = {
            **{f"{kind}_steps_per_second": Figure.of(each) for kind, each in rates.items()},
            "share_percent": Figure.of(shares),
            "interval_percent": [low, high],
        }
        rows.append([net, *(Figure.of(each) for each in rates.values()), Figure.of(shares), f"{low:.1f} to {high:.1f}"])
    head = ["batch 4", "steps/s beside the screen", "headless", "share, %", "95 % interval of its median"]
    print(table(head, rows))
    write(options.json, results)


if __name__ == "__main__":
    main()
