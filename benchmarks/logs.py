"""What reading logs of other programs takes: `python -m benchmarks.logs --gigabytes 10`.

One event file of TensorBoard's with an image of 48 kB, a histogram and a scalar a step, and one of scalars alone.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter

from lazytrain.engine.logs.following import Follower
from lazytrain.engine.store.log_journal import LogJournal

STEPS = 300
"""Of the images and histograms that are written again and again."""


def write_pictures(path: Path, num_bytes: int) -> None:
    """As a program writes that logs its images."""
    random = np.random.default_rng(0)
    once = path.with_suffix(".part")
    with once.open("wb") as file:
        writer = RecordWriter(file)
        for step in range(STEPS):
            event = Event(wall_time=1e9 + step, step=step)
            event.summary.value.add(tag="image").image.encoded_image_string = random.bytes(48_000)
            histogram = event.summary.value.add(tag="weights").histo
            histogram.bucket.extend(random.random(100))
            histogram.bucket_limit.extend(range(100))
            event.summary.value.add(tag="loss", simple_value=1 / (step + 1))
            writer.write(event.SerializeToString())
    data = once.read_bytes()
    once.unlink()
    with path.open("wb") as file:
        while file.tell() < num_bytes:
            file.write(data)


def write_scalars(path: Path, count: int) -> None:
    """As a program writes that logs each step's loss."""
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for step in range(count):
            event = Event(wall_time=1e9 + step, step=step)
            event.summary.value.add(tag="loss", simple_value=1 / (step + 1))
            writer.write(event.SerializeToString())


def measure(folder: Path, home: Path) -> None:
    """Print a line."""
    with LogJournal(home) as journal:
        began = time.perf_counter()
        follower = Follower(journal, [folder])
        size = follower.size()
        while follower.step():
            pass
        seconds = time.perf_counter() - began
        follower.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{folder.name:<9} {size / 1e9:5.2f} GB in {seconds:5.1f} s, {size / 1e6 / seconds:5.0f} MB/s,"
        f" {follower.num_read:,} values, {follower.num_read / seconds:,.0f} a second, {memory:.0f} MB at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        scalars, pictures = Path(place) / "scalars", Path(place) / "pictures"
        for folder in (scalars, pictures):
            folder.mkdir()
        write_scalars(scalars / "events.out.tfevents.1.x", 100_000)
        write_pictures(pictures / "events.out.tfevents.1.x", int(given.gigabytes * 1e9))
        for folder in (scalars, pictures):
            measure(folder, Path(place) / "home")


if __name__ == "__main__":
    main()
