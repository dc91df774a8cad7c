"""`python -m benchmarks.training`: images a second beside the tutorial's loop, interleaved, everything on.

Ours is the real thing: a `Trainer` with its store and its checkpoints, on the real images. The tutorial's loop trains
the same net on the same images. Needs CIFAR-10 in the data folder (LAZYTRAIN_DATA or --data); --dataset digits does
without.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring import Figure, machine, table, write
from benchmarks.tutorial import TutorialLoop
from lazytrain.engine.compute.device import choose_device
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset, load_dataset
from lazytrain.engine.events import Progress
from lazytrain.engine.places import cache_folder
from lazytrain.engine.records import Wanted
from lazytrain.engine.run.trainer import Trainer
from lazytrain.engine.run.wishes import Wishes
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.presets import Augmentation, Hyperparameters, load_catalogue

NETS = ("lazynet", "boringnet-relu", "coolnet-v10")


class Ours:
    """A real run, left after some seconds of training: its rate is that of its own points."""

    def __init__(self, home: Path, data: Path, device: str) -> None:
        self.home, self.data, self.device = home, data, device

    def rate(self, net: str, values: Hyperparameters, seconds: float, warm_up: float = 0.5) -> float:
        configuration = RunConfiguration(
            architecture_name=net, architecture=load_catalogue().architecture(net), hyperparameters=values
        )
        store = Store(self.home)
        run = store.add_run(configuration)
        journal = TimedJournal(self.home)
        claimed = journal.claim(run.id)
        if claimed is None:
            raise RuntimeError("the run was not queued")
        wishes = Wishes()
        wishes.begin(run.id)
        journal.leave_after(wishes, seconds, warm_up)
        Trainer(journal, claimed, choose_device(self.device), self.data, wishes, answer=lambda: None).train()
        rate = journal.rate(values.batch_size)
        store.discard(run.id)
        journal.close()
        store.close()
        return rate


class TimedJournal(Journal):
    """A journal that remembers how far training was when, and has it left in the end."""

    def leave_after(self, wishes: Wishes, seconds: float, warm_up: float) -> None:
        self._wishes, self._seconds, self._warm_up = wishes, seconds, warm_up
        self._first: tuple[int, float] | None = None
        self._last = (0, 0.0)

    def write(self, run_id: str, *, progress: Progress | None = None, **more: Any) -> None:
        super().write(run_id, progress=progress, **more)
        if progress is None or not progress.step:
            return
        self._last = (progress.step, progress.seconds)
        if self._first is None:
            # Compiling, where it is asked for, is over by the first progress.
            self._first = self._last if self._last[1] >= self._warm_up else None
        elif self._last[1] - self._first[1] >= self._seconds:
            self._wishes.wanted = Wanted.STOP

    def rate(self, batch_size: int) -> float:
        if self._first is None:
            raise RuntimeError("the training ended before its warm-up")
        return (self._last[0] - self._first[0]) * batch_size / (self._last[1] - self._first[1])


def compare(ours: Ours, dataset: Dataset, args: argparse.Namespace) -> dict[str, object]:
    """Ours, the tutorial's loop with two workers and with none, taking turns."""
    results: dict[str, object] = {}
    threads = torch.get_num_threads()
    for batch_size in args.batch_sizes:
        for net in args.nets:
            architecture = load_catalogue().architecture(net)
            values = Hyperparameters(dataset=args.dataset, batch_size=batch_size)
            rates: dict[str, list[float]] = {"ours": [], "workers": [], "plain": []}
            for _ in range(args.trials):
                rates["ours"].append(ours.rate(net, values, args.seconds))
                torch.set_num_threads(threads)
                for name, workers in (("workers", 2), ("plain", 0)):
                    split = dataset.train
                    loop = TutorialLoop(
                        architecture, split.images, split.labels, batch_size, workers, device=ours.device
                    )
                    rates[name].append(loop.rate(args.seconds))
            ratios = {
                name: Figure.of([a / b for a, b in zip(rates["ours"], rates[name], strict=True)])
                for name in ("workers", "plain")
            }
            results[f"{net} batch {batch_size}"] = {
                **{name: Figure.of(each) for name, each in rates.items()},
                **{f"ratio to {name}": figure for name, figure in ratios.items()},
            }
            print(
                f"{net} batch {batch_size}: {ratios['workers']} × with workers, {ratios['plain']} × without", flush=True
            )
    return results


def with_other_settings(ours: Ours, args: argparse.Namespace) -> dict[str, Figure]:
    """How many times as fast as with the defaults: threads measured, and steps compiled where that is asked for."""
    settings: list[dict[str, object]] = [{"threads": "auto"}] if ours.device == "cpu" else []
    if args.compile:
        settings.append({"compile": True})
    results: dict[str, Figure] = {}
    for batch_size in args.batch_sizes:
        for net in args.nets:
            plain = Hyperparameters(dataset=args.dataset, batch_size=batch_size)
            for fields in settings:
                other = plain.model_copy(update=fields)
                ratios = []
                for _ in range(args.trials):
                    usual = ours.rate(net, plain, args.seconds)
                    ratios.append(ours.rate(net, other, args.seconds) / usual)
                ((name, value),) = fields.items()
                results[f"{net} batch {batch_size}, {name} = {value}"] = Figure.of(ratios)
    return results


def beside_a_busy_core(ours: Ours, args: argparse.Namespace) -> dict[str, Figure]:
    """Share of its throughput at batch 4 that a net keeps while another process keeps one core busy."""
    results: dict[str, Figure] = {}
    for net in args.nets:
        values = Hyperparameters(dataset=args.dataset)
        shares = []
        for _ in range(args.trials):
            quiet = ours.rate(net, values, args.seconds)
            with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour:
                shares.append(ours.rate(net, values, args.seconds) / quiet)
                neighbour.kill()
        results[net] = Figure.of(shares)
    return results


def augmentation_cost(ours: Ours, args: argparse.Namespace) -> Figure:
    """Share of CoolNet's throughput that all transforms cost."""
    plain = Hyperparameters(dataset=args.dataset)
    all_on = plain.model_copy(update={"augmentation": Augmentation(flip=0.5, shift=0.5, rotation=0.5, colour=0.5)})
    shares = []
    for _ in range(args.trials):
        without = ours.rate("coolnet-v10", plain, args.seconds)
        shares.append(1 - ours.rate("coolnet-v10", all_on, args.seconds) / without)
    return Figure.of(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LAZYTRAIN_DATA", "."))
    parser.add_argument("--device", default="cpu", help="auto, cuda, cuda:1, …: both loops run there")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[4, 20, 128])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--compile", action="store_true", help="compare with compile = true too; takes minutes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    device = choose_device(args.device)
    with tempfile.TemporaryDirectory() as home:
        dataset = load_dataset(args.dataset, Path(args.data), cache_folder(Path(home)))
        ours = Ours(Path(home), Path(args.data), device.device)
        results = compare(ours, dataset, args)
        others = with_other_settings(ours, args)
        busy = beside_a_busy_core(ours, args)
        cost = augmentation_cost(ours, args) if "coolnet-v10" in args.nets else None
    rows = [
        (name, *(figures[key] for key in ("ours", "workers", "plain", "ratio to workers", "ratio to plain")))
        for name, figures in results.items()
        if isinstance(figures, dict)
    ]
    head = ("net", "ours, images/s", "tutorial, 2 workers", "tutorial, none", "ratio to 2 workers", "ratio to none")
    print(table(head, rows))
    print()
    print(table(("with other settings", "times as fast as with the defaults"), list(others.items())))
    print()
    print(table(("beside a process that keeps one core busy, batch 4", "share of its images/s"), list(busy.items())))
    if cost is not None:
        print(f"\naugmentation, all transforms at 0.5, costs CoolNet v10 {cost} of its images/s")
    print(f"medians of {args.trials} interleaved trials (middle half in brackets); on {device.name}; {machine()}")
    found = {
        "machine": machine(),
        "device": device.name,
        "results": results,
        "other settings": others,
        "beside a busy core": busy,
    }
    write(args.json, {**found, "augmentation cost": cost})


if __name__ == "__main__":
    main()
