"""`python -m benchmarks.paths`: images a second by each way of computing a step, in turns, on the real images.

A `Training` each, without a store; compiling is not counted. Needs CIFAR-10 in the data folder (LAZYTRAIN_DATA or
--data); --dataset digits does without.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.measuring import Figure, machine, table, write
from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.device import choose_device, make_exact
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset, load_dataset
from lazytrain.engine.events import StepsDone
from lazytrain.engine.places import cache_folder
from lazytrain.engine.training.loop import Training
from lazytrain.presets import Hyperparameters, load_catalogue

NETS = ("coolnet-v10", "coolnet-v7", "boringnet-relu", "lazynet")


class Timed:
    """A training by one path, which goes on where its last turn left it."""

    def __init__(self, net: str, path: str, values: Hyperparameters, dataset: Dataset) -> None:
        architecture = load_catalogue().architecture(net)
        configuration = RunConfiguration(architecture_name=net, architecture=architecture, hyperparameters=values)
        shape = tuple(dataset.train.images.shape[1:])
        made = build_net(architecture, shape, len(dataset.classes), seed=0)
        training = Training(configuration, dataset, made, path=path)
        self._batch_size = values.batch_size
        self._progress = (event.progress for event in training if isinstance(event, StepsDone))
        next(self._progress)

    def rate(self, seconds: float) -> float:
        """Images a second of training, for so long at least."""
        first = latest = next(self._progress)
        while latest.seconds - first.seconds < seconds:
            latest = next(each for each in self._progress if each.phase == "training")
        return (latest.step - first.step) * self._batch_size / (latest.seconds - first.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LAZYTRAIN_DATA", "."))
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--paths", nargs="+", default=["fused", "derived", "autograd"])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[4, 20, 128])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    make_exact(choose_device("cpu").device, deterministic=False)
    results: dict[str, dict[str, Figure]] = {}
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as home:
        dataset = load_dataset(args.dataset, Path(args.data), cache_folder(Path(home)))
        for net in args.nets:
            for batch_size in args.batch_sizes:
                values = Hyperparameters(
                    dataset=args.dataset, batch_size=batch_size, epochs=1_000, learning_rate=0.001, threads=args.threads
                )
                trainings: dict[str, Timed] = {}
                for path in args.paths:
                    try:
                        trainings[path] = Timed(net, path, values, dataset)
                    except ValueError:
                        continue  # it doesn't serve this net
                rates: dict[str, list[float]] = {path: [] for path in trainings}
                for _ in range(args.trials):
                    for path, training in trainings.items():
                        rates[path].append(training.rate(args.seconds))
                ratios = {
                    path: Figure.of([a / b for a, b in zip(rates[args.paths[0]], each, strict=True)])
                    for path, each in rates.items()
                }
                results[f"{net} batch {batch_size}"] = {path: Figure.of(each) for path, each in rates.items()}
                rows += [[net, batch_size, path, Figure.of(rates[path]), ratios[path]] for path in rates]
                print(*(f"{row[2]} {row[3]} ({row[4]} x)" for row in rows[-len(rates) :]), sep="; ", flush=True)
    print(table(("net", "batch", "path", "images/s", f"{args.paths[0]} is … times as fast"), rows))
    print(f"medians of {args.trials} (middle half in brackets); {machine()}")
    write(args.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    main()
