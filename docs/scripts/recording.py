"""`python -m docs.scripts.recording`: the moving picture of the README, from a real training on the digits.

The real app is driven by its keys; each frame is what its screen shows. Only time is cut: a frame is taken when the
run is so far, and shown for so long. `--frames FOLDER` keeps every frame as a PNG.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from textual.strip import Strip

from docs.scripts.painting import paint
from docs.scripts.stage import IMAGES, configuration, open_app, text, train_before, wait_until
from lazytrain.engine.records import State
from lazytrain.tui.app import LazytrainApp

SIZE = (120, 36)
"""Columns and lines."""
MOST_BYTES = 400_000
NUM_COLOURS = 32
PRESET = "mine"
PRESET_TEXT = """\
title = "my digits"
about = "Digits that are shifted, turned and tinted: a preset of your own, in five lines."
dataset = "digits"
epochs = 60
learning_rate = 0.003
augmentation = { shift = 0.5, rotation = 0.5, colour = 0.5 }
"""
"""Digits that are not learned in two seconds, so that there is something to watch."""
PAUSED_AT, COMPARED_AT = 0.64, 0.84
"""How far the run is when it is paused, and when it is compared."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the screen showed, what is said of it, and how long it is shown."""

    strips: list[Strip]
    caption: str
    milliseconds: int


async def record(home: Path) -> list[Frame]:
    """Launch, enter, Monitor while it trains, pause, go on, Compare."""
    presets = home / "presets"
    (presets / "hyperparameters").mkdir(parents=True)
    (presets / "hyperparameters" / f"{PRESET}.toml").write_text(PRESET_TEXT, encoding="utf-8")
    train_before(home, *(configuration(name, PRESET, presets) for name in ("lazynet", "boringnet-relu")))
    frames: list[Frame] = []
    async with open_app(home, SIZE) as (app, pilot):

        def take(milliseconds: int, caption: str) -> None:
            frames.append(Frame(app.screen._compositor.render_strips(), caption, milliseconds))

        async def press_until(key: str, holds: Callable[[], bool]) -> None:
            await pilot.press(key)
            await wait_until(pilot, holds)

        await wait_until(pilot, lambda: "measured" in text(app))
        take(1500, "Launch: choose an architecture and hyperparameters")
        await pilot.press("right")
        while chosen(app) != PRESET:
            await pilot.press("down")
            await pilot.pause(0.2)
            take(160, "Launch: choose an architecture and hyperparameters")
        await wait_until(pilot, lambda: "measured" in text(app))
        take(1200, "enter: train it")

        known = {run.id for run in app.store.runs()}
        await press_until("enter", lambda: any(run.id not in known for run in app.store.runs()))
        shown = next(run.id for run in app.store.runs() if run.id not in known)

        def further(seen: str, fraction: float) -> bool:
            return app.store.run(shown).fraction >= fraction and text(app) != seen

        async def watch(until: float, step: float, caption: str) -> None:
            reached = app.store.run(shown).fraction
            while reached < until:
                reached += step
                await wait_until(pilot, partial(further, text(app), reached))
                if app.store.run(shown).state is not State.RUNNING:
                    raise RuntimeError("the run was over before its pictures were taken: this machine was busy")
                take(240, caption)

        await watch(PAUSED_AT, 0.045, "Monitor: watch it learn")
        await press_until("space", lambda: app.store.run(shown).state is State.PAUSED and "paused" in text(app))
        await pilot.pause(0.5)
        take(1600, "space: pause, and it stays in memory")
        await press_until("space", lambda: app.store.run(shown).state is State.RUNNING)
        await watch(COMPARED_AT, 0.05, "space: go on")
        await pilot.press("3", "M")
        await wait_until(pilot, lambda: "compared" in text(app))
        await pilot.pause(1.0)
        take(2800, "3: lay runs over each other, and see what differs")
    return frames


def make_palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """The most frequent colours of each picture as they are; the edges of letters take the nearest."""
    counts: Counter[tuple[int, int, int]] = Counter()
    for picture in pictures:
        colours = np.asarray(picture).reshape(-1, 3)
        found, times = np.unique(colours, axis=0, return_counts=True)
        for (red, green, blue), count in zip(found.tolist(), times.tolist(), strict=True):
            counts[red, green, blue] = max(counts[red, green, blue], count)
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for colour, _ in counts.most_common(NUM_COLOURS) for value in colour])
    return palette


def chosen(app: LazytrainApp) -> str:
    """Name of the hyperparameters that are chosen on Launch."""
    return app.launch_screen.chosen[1]


def write_gif(pictures: Sequence[Image.Image], durations: Sequence[int], path: Path) -> None:
    """Pictures, each shown for so many milliseconds. Raises ValueError if the file is too large.

    All have one palette, so that what doesn't change isn't written again.
    """
    palette = make_palette(pictures)
    reduced = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    reduced[0].save(
        path,
        save_all=True,
        append_images=reduced[1:],
        duration=list(durations),
        loop=0,
        optimize=True,
        disposal=1,
    )
    size = path.stat().st_size
    sys.stdout.write(f"{path}: {len(pictures)} frames, {sum(durations) / 1000:.1f} s, {size:,} bytes\n")
    if size > MOST_BYTES:
        raise ValueError(f"{path} has {size:,} bytes, more than {MOST_BYTES:,}: take fewer frames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, metavar="FOLDER", help="keep every frame there as a PNG")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.chdir(folder):
        # A home by a relative path: where a preset lies is on the picture.
        frames = asyncio.run(record(Path("demo")))
    pictures = [paint(frame.strips, SIZE, frame.caption) for frame in frames]
    if options.frames is not None:
        options.frames.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            picture.save(options.frames / f"{number:02}.png")
    write_gif(pictures, [frame.milliseconds for frame in frames], IMAGES / "session.gif")


if __name__ == "__main__":
    main()
