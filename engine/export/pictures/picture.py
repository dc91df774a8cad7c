"""Drawing a picture of some runs: loss and accuracy over epochs, beside each other on common axes.

One run has train in blue and test in vermilion with a dot an epoch. Of several runs each has a colour and a mark of its
own, by its place in the list, with its test curve solid and its training curve dashed; seeds of one setting are a mean
in a band from the lowest to the highest, as on Compare. Colours are Okabe and Ito's (2008), which colour-blind eyes
tell apart.

matplotlib is imported here: import this with the first picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import Any

from lazytrain.engine.export.pictures.axes import Axis, epoch_axis, linear_axis, loss_axis
from lazytrain.engine.export.pictures.curves import DrawnRun, draw_runs
from lazytrain.engine.export.pictures.figure import Figure
from lazytrain.engine.export.pictures.lettering import fit_text, readable, text_width
from lazytrain.engine.export.pictures.page import INK, MUTED, Page, house_style
from lazytrain.engine.export.pictures.panels import (
    DASHES,
    draw_curves,
    draw_report,
    label_best,
    label_ends,
    line,
    look,
    mark_bad,
    mark_best,
    ring,
)

LEAST_SPAN = 5.0
"""Percentage points that an accuracy axis spans at least."""
WIDTH, TOP, PANEL_HEIGHT, BENEATH = 980.0, 104.0, 290.0, 62.0
MARGIN, TICKS = 24.0, 62.0
"""Room at the picture's edges, and left of a chart."""
LEGEND_LINE, NOTE_LINE = 20.0, 16.0


def draw_figure(figure: Figure) -> Page:
    """The picture; where no run has figures yet it says so."""
    drawn = draw_runs([(group.name, group.runs) for group in figure.groups])
    single = len(drawn) == 1 and len(figure.groups[0].runs) == 1
    kinds = {each.loss_kind for each in drawn}
    notes = _notes(figure, drawn, kinds, single=single)
    legend_lines = 0 if single else 1 + ceil(len(drawn) / _legend_columns(drawn))
    height = TOP + PANEL_HEIGHT + BENEATH + legend_lines * LEGEND_LINE + len(notes) * NOTE_LINE + 10
    with house_style():
        sheet = Page.of_size(WIDTH, height, f"{figure.title}: loss and accuracy by epoch")
        for y, text, size, colour in ((36, figure.title, 20, INK), (57, figure.subtitle, 12, MUTED)):
            sheet.write(MARGIN, y, fit_text(readable(text), size, WIDTH - 2 * MARGIN), size=size, colour=colour)
        _draw_panels(sheet, figure, drawn, kinds, single=single)
        y = TOP + PANEL_HEIGHT + BENEATH
        if not single:
            y = _draw_legend(sheet, drawn, y)
        for row, note in enumerate(notes):
            sheet.write(MARGIN, y + row * NOTE_LINE, note, size=11)
    return sheet


def _draw_panels(sheet: Page, figure: Figure, drawn: Sequence[DrawnRun], kinds: set[str], *, single: bool) -> None:
    """Accuracy, and at its left loss, where the runs have the same kind of loss."""
    x = epoch_axis(max((each.num_epochs for each in drawn), default=1))
    labelled = 92.0 if single else 16.0
    left, width = TICKS, WIDTH - TICKS - labelled - MARGIN
    if len(kinds) == 1:
        width = (WIDTH - 2 * TICKS - 2 * labelled - 14) / 2
        y = _loss_axis(drawn)
        title = f"Loss ({next(iter(kinds))}{', logarithmic' if y.logarithmic else ''})"
        axes = sheet.panel(left, TOP, width, PANEL_HEIGHT, x, y, title)
        for number, each in enumerate(drawn):
            draw_curves(axes, number, each.raw_loss, each.train_loss, each.test_loss, single=single)
        mark_bad(axes, drawn, single=single)
        if single:
            label_ends(axes, drawn[0].train_loss, drawn[0].test_loss, "{:.3f}")
            mark_best(axes, 0, drawn[0], drawn[0].test_loss, single=True)
        left += width + labelled + TICKS
    axes = sheet.panel(left, TOP, width, PANEL_HEIGHT, x, _accuracy_axis(figure, drawn), "Accuracy (%)")
    if figure.report_accuracy is not None:
        draw_report(axes, figure.report_accuracy)
    for number, each in enumerate(drawn):
        draw_curves(axes, number, each.raw_accuracy, each.train_accuracy, each.test_accuracy, 100, single=single)
    for number, each in enumerate(drawn):
        mark_best(axes, number, each, each.test_accuracy, 100, single=single)
    if single:
        label_ends(axes, drawn[0].train_accuracy, drawn[0].test_accuracy, "{:.1f} %", 100)
        if drawn[0].best_text:
            label_best(axes, drawn[0].best_text)


def _notes(figure: Figure, drawn: Sequence[DrawnRun], kinds: set[str], *, single: bool) -> list[str]:
    """What a reader must know to read the curves."""
    if not any(len(each.test_accuracy) or len(each.raw_accuracy) for each in drawn):
        return ["No figures yet: this picture was made before the first epoch ended."]
    notes: list[str] = []
    means = "Train: mean of each epoch while it is trained, drawn at its middle; test: after each epoch."
    if single:
        means += " Faint: every window of training steps, none left out."
    notes.append(means)
    if len(kinds) > 1:
        several = ", ".join(sorted(kinds))
        notes.append(f"Losses aren't shown: those of different kinds ({several}) can't be compared.")
    if any(len(group.runs) > 1 for group in figure.groups):
        notes.append(
            "Several seeds: mean, in a band from the lowest to the highest; ± is the standard deviation (n - 1)."
        )
    return notes


def _loss_axis(drawn: Sequence[DrawnRun]) -> Axis:
    curves = [curve for each in drawn for curve in (each.raw_loss, each.train_loss, each.test_loss)]
    usual = sorted(float(value) for each in drawn for value in (*each.train_loss.y, *each.test_loss.y))
    return loss_axis([value for curve in curves for value in curve.extremes()], usual)


def _accuracy_axis(figure: Figure, drawn: Sequence[DrawnRun]) -> Axis:
    values = [
        100 * float(value)
        for each in drawn
        for curve in (each.raw_accuracy, each.train_accuracy, each.test_accuracy)
        for value in curve.extremes()
    ]
    if figure.report_accuracy is not None:
        values.append(100 * figure.report_accuracy)
    if not values:
        return linear_axis(0, 100)
    low, high = min(values), max(values)
    # A tenth of a point is no difference to fill a chart with.
    spare = max(0.0, LEAST_SPAN - (high - low)) / 2
    axis = linear_axis(max(0.0, low - spare), min(100.0, high + spare))
    return Axis(max(0.0, axis.low), min(100.0, axis.high), tuple(tick for tick in axis.ticks if 0 <= tick <= 100))


# ── legend ─────────────────────────────────────────────────────────────────────────────────────────────────


def _entry(each: DrawnRun, width: float = inf) -> str:
    """A run's name, cut where it would leave no room for what is said of it in `width`."""
    said = each.best_text
    if each.bad_epoch is not None and not said:
        said = f"{each.bad_text} in epoch {max(1, ceil(each.bad_epoch))}"
    said = f": {said}" if said else ""
    return fit_text(readable(each.name), 12, width - text_width(said, 12)) + said


def _legend_columns(drawn: Sequence[DrawnRun]) -> int:
    widest = max((text_width(_entry(each), 12) for each in drawn), default=0.0)
    return max(1, min(3, int((WIDTH - 2 * MARGIN) // (widest + 64)), len(drawn)))


def _draw_legend(sheet: Page, drawn: Sequence[DrawnRun], top: float) -> float:
    """What strokes mean; beneath, in columns, colour, mark and name of each run. Returns where it ends."""
    keys = (("test", {"mark": "o"}), ("train", {"width": 1.2, "linestyle": DASHES}))
    for x, (name, style) in zip((MARGIN, MARGIN + 100), keys, strict=True):
        _draw_key(sheet, x, top, name, MUTED, MUTED, **style)
    sheet.draw(ring([MARGIN + 208], [top - 4], MUTED))
    sheet.write(MARGIN + 222, top, "best epoch")
    columns = _legend_columns(drawn)
    rows = ceil(len(drawn) / columns)
    width = (WIDTH - 2 * MARGIN) / columns
    for number, each in enumerate(drawn):
        column, row = divmod(number, rows)
        colour, mark = look(number)
        x, y = MARGIN + column * width, top + (row + 1) * LEGEND_LINE
        _draw_key(sheet, x, y, _entry(each, width - 46), INK, colour, mark=mark)
    return top + (rows + 1) * LEGEND_LINE + 4


def _draw_key(sheet: Page, x: float, y: float, text: str, ink: str, colour: str, **style: Any) -> None:
    """A piece of a curve, and what it is."""
    sheet.draw(line([x, x + 15, x + 30], [y - 4] * 3, colour, markevery=[1], **style))
    sheet.write(x + 38, y, text, colour=ink)
