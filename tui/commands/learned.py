"""`lazytrain confusion` and `lazytrain mistakes`: what a run's net has learned, without a screen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from lazytrain.engine.analysis.findings import Inspection, InspectionError, Mistake
from lazytrain.engine.analysis.inspection_process import Inspector
from lazytrain.engine.confusion import Confusion
from lazytrain.engine.records import Run
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.tui.commands.options import AsJson, Data, Home, RunReference
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import make_console, print_json, print_table
from lazytrain.tui.plain.printed_images import BLOCKS, Way, can_draw, choose_way, print_images
from lazytrain.tui.state.environment import Places, find_places
from lazytrain.tui.widgets.half_blocks import mistake_tile
from lazytrain.tui.words.class_names import head_names, row_names
from lazytrain.tui.words.text import format_count, format_fraction, pad, pad_left

Best = Annotated[bool, typer.Option("--best", help="Of the best epoch, instead of the last.")]
WAIT_SECONDS = 0.1
TILE_PIXELS = 32
ACCURACY_WIDTH, LEAST_HEAD = 7, 4


def confusion(
    context: typer.Context,
    run: RunReference,
    *,
    best: Best = False,
    as_json: AsJson = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Show which class a run's net takes for which.

    Over the test images, as its last evaluation counted; where nothing is kept of it, the newest checkpoint is
    evaluated.
    """
    places = _places(context, home, data)
    with open_store(places.home) as store:
        found = store.find(run)
        kept = store.confusions(found.id)
    epoch = found.best_epoch if best else found.epoch
    matrix = kept.get(epoch or 0)
    weights = f"epoch {epoch}"
    if matrix is None:
        inspection = _inspect(places, found, best=best)
        matrix, weights = inspection.confusion, inspection.weights
    if as_json:
        print_json(confusion_record(found, weights, matrix))
    else:
        print_confusion(found, weights, matrix, make_console())


def mistakes(
    context: typer.Context,
    run: RunReference,
    *,
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many, at most.")] = 12,
    best: Best = False,
    as_json: AsJson = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Show the test images that a net is wrong about and surest of.

    By the newest checkpoint. Drawn in a terminal with colours, listed anywhere else.
    """
    places = _places(context, home, data)
    with open_store(places.home) as store:
        found = store.find(run)
    console, way = make_console(), BLOCKS

    def choose() -> None:
        nonlocal way
        way = choose_way(console, LiveSettings(places.home)().images)

    inspection = _inspect(places, found, best=best, meanwhile=_nothing if as_json else choose)
    worst = inspection.mistakes[:count]
    if as_json:
        print_json(mistakes_record(found, inspection, worst))
    else:
        print_mistakes(found, inspection, worst, console, way)


def _places(context: typer.Context, home: Home, data: Data) -> Places:
    outer_home, outer_data, _ = context.obj
    return find_places(home or outer_home, data or outer_data)


def _nothing() -> None:
    pass


def _inspect(places: Places, run: Run, *, best: bool, meanwhile: Callable[[], object] = _nothing) -> Inspection:
    """Look into the net, and say how far it is where a person watches. Raises InspectionError."""
    inspector = Inspector(places.home, places.data, run.id, best=best)
    console, said = make_console(sys.stderr), None
    try:
        # The terminal is asked while torch is loaded: that takes nobody's time.
        meanwhile()
        with console.status("loading torch…") as status:
            while not inspector.done:
                inspector.wait(WAIT_SECONDS)
                progress = inspector.progress
                if progress is not said and progress is not None:
                    said = progress
                    total = f" {format_count(progress.done)} of {format_count(progress.total)}"
                    status.update(f"{progress.phase}{total if progress.total else '…'}")
    finally:
        inspector.stop()
    if inspector.result is None:
        raise InspectionError(inspector.error or "looking into the net ended without an answer: try again")
    return inspector.result


# ── what is printed ────────────────────────────────────────────────────────────────────────────────────────


def print_confusion(run: Run, weights: str, matrix: Confusion, console: Console) -> None:
    """The accuracy of each class, and the matrix; what is right stands in brackets."""
    matrix = matrix.shown()
    right = f"{format_fraction(matrix.accuracy)} of {format_count(matrix.num_images)} test images"
    console.print(f"{run.shown_name}, {weights}: {right}", soft_wrap=True)
    longest = max(2, *map(cell_len, matrix.classes))
    digits = len(str(max((count for row in matrix.counts for count in row), default=0)))
    width = max(digits, LEAST_HEAD, longest)
    if console.is_terminal:
        room = console.width - longest - ACCURACY_WIDTH - 3
        width = max(digits, LEAST_HEAD, min(width, room // max(1, len(matrix.classes)) - 1))
    heads = head_names(matrix.classes, width)
    console.print(Text(f"{'is':{longest}} {'right':>{ACCURACY_WIDTH}} ", style="bold"), end="")
    console.print(Text("".join(f" {pad_left(head, width)}" for head in heads), style="bold"), soft_wrap=True)
    names = row_names(matrix.classes, width)
    for index, counts in enumerate(matrix.counts):
        name = pad(names[index], longest)
        numbers = "".join(
            f"{'[' if column == index else ']' if column == index + 1 else ' '}{count:>{width}}"
            for column, count in enumerate(counts)
        )
        end = "]" if index == len(counts) - 1 else ""
        right = f"{format_fraction(matrix.class_accuracies[index]):>{ACCURACY_WIDTH}}"
        console.print(f"{name} {right} {numbers}{end}", soft_wrap=True)


def confusion_record(run: Run, weights: str, matrix: Confusion) -> dict[str, Any]:
    """For scripts: counts[true][taken for]."""
    return {
        "id": run.id,
        "name": run.name,
        "weights": weights,
        "classes": matrix.classes,
        "counts": matrix.counts,
        "class_accuracies": matrix.class_accuracies,
        "accuracy": matrix.accuracy,
    }


def print_mistakes(
    run: Run, inspection: Inspection, worst: tuple[Mistake, ...], console: Console, way: Way = BLOCKS
) -> None:
    """Images side by side where they can be drawn, else a list."""
    matrix = inspection.confusion
    wrong = matrix.num_images - matrix.num_correct
    said = f"{format_count(wrong)} of {format_count(matrix.num_images)} test images are taken for another class"
    console.print(f"{run.shown_name}, {inspection.weights}: {said}", soft_wrap=True)
    if not worst:
        return
    if can_draw(console):
        print_images(console, [mistake_tile(each, matrix.classes) for each in worst], TILE_PIXELS, way)
        return
    rows = [
        (
            format_count(each.index),
            matrix.classes[each.true],
            matrix.classes[each.predicted],
            format_fraction(each.confidence),
        )
        for each in worst
    ]
    print_table(console, (">image", "is", "taken for", ">confidence"), rows)


def mistakes_record(run: Run, inspection: Inspection, worst: tuple[Mistake, ...]) -> dict[str, Any]:
    """For scripts: the images are named by their number among the test images."""
    classes = inspection.confusion.classes
    return {
        "id": run.id,
        "name": run.name,
        "weights": inspection.weights,
        "wrong": inspection.confusion.num_images - inspection.confusion.num_correct,
        "images": inspection.confusion.num_images,
        "mistakes": [
            {
                "image": each.index,
                "class": classes[each.true],
                "taken_for": classes[each.predicted],
                "confidence": each.confidence,
            }
            for each in worst
        ],
    }
