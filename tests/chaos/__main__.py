"""The long forms: `python -m tests.chaos`. Prints what was met and what came of it; exit status 1 if it was bad."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.bench import Nursery
from tests.chaos.cluster import lose_often
from tests.chaos.crowd import command_at_random
from tests.chaos.hangups import hang_up_often
from tests.chaos.kills import kill_often
from tests.chaos.room import fill_and_free, small_disk
from tests.chaos.slow import stop_reading

EACH = 5
"""So often at least is each phase met by a kill."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="kill -9 at least so often (0: not at all)")
    parser.add_argument("--fills", type=int, default=10, help="fill the disk so often; needs root for a small tmpfs")
    parser.add_argument("--seconds", type=float, default=60.0, help="let four processes command one store so long")
    parser.add_argument("--hangups", type=int, default=30, help="close the terminal of a screen so often")
    parser.add_argument("--unread", type=float, default=10.0, help="seconds in which nobody reads a screen's terminal")
    parser.add_argument("--ray", type=int, default=0, help="kill workers, nodes and drivers of a Ray cluster so often")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if asked.kills:
            started = time.monotonic()
            with Nursery() as nursery:
                kills = kill_often(nursery, Path(folder) / "kills", asked.kills, asked.seed, each=EACH)
            good &= _tell("kill -9", started, kills, kills.same)
        if asked.fills:
            started = time.monotonic()
            with small_disk(Path(folder) / "disk") as disk:
                if disk is None:
                    sys.stdout.write("full disk: left out, a small filesystem needs root\n")
                else:
                    with Nursery() as nursery:
                        shortage = fill_and_free(nursery, disk, asked.fills, asked.seed, epochs=4 * asked.fills)
                    good &= _tell("full disk", started, shortage, shortage.same)
        if asked.seconds:
            started = time.monotonic()
            crowd = command_at_random(Path(folder) / "crowd", asked.seconds, asked.seed)
            good &= _tell("crowd", started, crowd, not crowd.faults)
        if asked.hangups:
            started = time.monotonic()
            hangups = hang_up_often(Path(folder) / "hangups", asked.hangups, asked.seed, each=EACH)
            good &= _tell("hang-ups", started, hangups, not hangups.faults)
        if asked.unread:
            started = time.monotonic()
            standstill = stop_reading(Path(folder) / "slow", asked.unread)
            good &= _tell("slow terminal", started, standstill, standstill.unharmed)
        if asked.ray:
            started = time.monotonic()
            losses = lose_often(Path(folder) / "cluster", asked.ray, asked.seed)
            good &= _tell("Ray cluster", started, losses, losses.good)
    sys.exit(not good)


def _tell(what: str, started: float, outcome: object, good: bool) -> bool:
    verdict = "good" if good else "BAD"
    sys.stdout.write(f"{what}: {verdict} ({time.monotonic() - started:.0f} s)\n  {outcome}\n")
    sys.stdout.flush()
    return good


if __name__ == "__main__":
    main()
