"""The screen of what a net has learned in an app of its own, with inspections that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.app import App
from textual.reactive import reactive

from lazytrain.engine.analysis.findings import Filters, FirstLook, Inspection, Mistake, Raster
from lazytrain.engine.confusion import Confusion
from lazytrain.engine.data.vision.table import CIFAR10_CLASSES
from lazytrain.engine.events import Progress
from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.tui.screens.learned import LearnedScreen
from tests.helpers.monitor_data import Clock, Filler


def colours(size: int, seed: int) -> Raster:
    """A square of colours that run into each other."""
    pixels = (
        (255 * x // size, 255 * y // size, (64 * seed + 255 * (x * y) // size**2) % 256)
        for y in range(size)
        for x in range(size)
    )
    return Raster(size, size, bytes(value for pixel in pixels for value in pixel))


def tiles(size: int, seed: int) -> Raster:
    """A square of four colours, which a picture of the screen holds in few words."""
    near, far = bytes(((64 * seed) % 256, 80, 160)), bytes((240, (90 * seed) % 256, 40))
    half = size // 2
    return Raster(size, size, (near * half + far * half) * half + (far * half + near * half) * half)


def matrix(classes: Sequence[str] = CIFAR10_CLASSES, images: int = 1000) -> Confusion:
    """Most are right; the others are spread by a rule."""
    size = len(classes)
    rows = [[(images // 25) * ((3 * true + 5 * other) % 7 == 0) for other in range(size)] for true in range(size)]
    for true, row in enumerate(rows):
        row[true] = 0
        row[true] = images - sum(row)
    return Confusion.of(classes, [count for row in rows for count in row])


def inspection(num_mistakes: int = 20, filters: Filters | None = None, weights: str = "epoch 10") -> Inspection:
    confusion = matrix()
    mistakes = tuple(
        Mistake(
            index=number,
            true=number % 10,
            predicted=(number + 3) % 10,
            confidence=0.999 - number / 100,
            image=tiles(32, number),
        )
        for number in range(num_mistakes)
    )
    return Inspection(weights=weights, confusion=confusion, mistakes=mistakes, filters=filters, no_filters="none here")


def filters(count: int = 6, size: int = 5) -> Filters:
    names = tuple(str(number + 1) for number in range(count))
    images = tuple(colours(size, number) for number in range(count))
    return Filters(layer=f"conv {count} · {size}×{size}", num_filters=count, names=names, images=images)


def trained(filler: Filler, epochs: int = 10, state: State | None = State.FINISHED) -> str:
    """A run of so many epochs, with the matrices of its best epoch and of its last."""
    run_id = filler.queue("coolnet-v10", name="coolnet-v10 default")
    filler.start(run_id)
    filler.train(run_id, epochs)
    add_confusion(filler, run_id, 4, best=True)
    add_confusion(filler, run_id, epochs)
    if state is not None:
        filler.end(run_id, state)
    return run_id


def add_confusion(filler: Filler, run_id: str, epoch: int, *, best: bool = False, images: int = 1000) -> Confusion:
    """The matrix of an epoch that is there, as an evaluation would have written it."""
    record = next(each for each in filler.journal.epochs(run_id) if each.epoch == epoch)
    counted = matrix(images=images - epoch * best)
    filler.journal.write(run_id, record=record, best=best, confusion=counted)
    return counted


class FakeInspector:
    """An inspection that a test carries on."""

    def __init__(self, result: Inspection | None = None, error: str | None = None) -> None:
        self.progress: Progress | None = None
        self.first_look: FirstLook | None = None
        self.result, self.error, self.stopped = result, error, False

    @property
    def done(self) -> bool:
        return self.result is not None or self.error is not None

    def stop(self) -> None:
        self.stopped = True


class LearnedApp(App[int]):
    """The screen alone, over a store; `begun` lists the inspections asked for."""

    headline: reactive[str] = reactive("")

    def __init__(self, home: Path, run_id: str, answer: Inspection | str | None = None) -> None:
        super().__init__()
        self.store = Store(home, clock=Clock())
        self.answer = answer
        self.begun: list[tuple[bool, FakeInspector]] = []
        self.learned = LearnedScreen(self.store, self.store.run(run_id), self._inspect)

    def _inspect(self, best: bool) -> FakeInspector:
        given = self.answer
        made = FakeInspector(error=given) if isinstance(given, str) else FakeInspector(given)
        self.begun.append((best, made))
        return made

    def on_mount(self) -> None:
        self.push_screen(self.learned)
