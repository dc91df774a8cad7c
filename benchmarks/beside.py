"""`python -m benchmarks.beside`: what a live screen costs the training that it hosts.

The same run at batch 4 is trained by `lazytrain`, on Monitor at the default rate of redraws, and by `lazytrain work`,
in turns. Needs CIFAR-10 in the data folder (LAZYTRAIN_DATA or --data); --dataset digits does without.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.hosted import host
from benchmarks.measuring import Figure, machine, median_interval, table, write

NETS = ("lazynet", "coolnet-v10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", default=list(NETS))
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LAZYTRAIN_DATA", "data")))
    parser.add_argument("--pairs", type=int, default=12, help="ten at least for an interval that says much")
    parser.add_argument("--seconds", type=float, default=10.0, help="of training, each time")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds of training before that")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "dataset": options.dataset}
    rows: list[list[object]] = []
    for net in options.nets:
        rates: dict[str, list[float]] = {"screen": [], "headless": []}
        for pair in range(options.pairs):
            # Each comes first as often as the other.
            for kind in ("screen", "headless") if pair % 2 else ("headless", "screen"):
                with host(kind, net, options.dataset, options.data) as hosted:
                    rates[kind].append(hosted.rate(options.seconds, options.warm_up))
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
