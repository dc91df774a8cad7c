"""What is drawn into a chart: curves with their marks and bands, the best epoch, the report's figure, and NaN."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lazytrain.engine.export.pictures.curves import DrawnRun, EpochCurve
from lazytrain.engine.export.pictures.lettering import fit_text, readable
from lazytrain.engine.export.pictures.page import INK, MUTED, PIXEL

BLUE, VERMILION = "#0072b2", "#d55e00"
COLOURS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's, without the yellow, which white swallows."""
FAINT = "#9ec9e2"
"""Blue, mixed with white."""
MARKS = {"o": 6.4, "s": 6.0, "^": 7.4, "D": 6.0, "v": 7.4}
"""Matplotlib's names of marks, with the sizes in pixels that make them look alike."""
MOST_MARKS = 16
"""A curve has at most so many marks, or they would hide its shape."""
DASHES = (0, (5 * PIXEL, 3.5 * PIXEL))
DOTS = (0, (2 * PIXEL, 3 * PIXEL))
BACKGROUND = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1}
"""Sets a text off from what lies beneath."""


def line(x: Any, y: Any, colour: str, width: float = 2, mark: str | None = None, **more: Any) -> Line2D:
    """A line `width` pixels wide, with a filled mark at its points; x and y: [N]."""
    return Line2D(
        x,
        y,
        color=colour,
        linewidth=width * PIXEL,
        marker=mark,
        markersize=MARKS[mark or "o"] * PIXEL,
        markeredgewidth=0,
        clip_on=False,
        **more,
    )


def ring(x: Any, y: Any, colour: str, diameter: float = 13.0, width: float = 1.6) -> Line2D:
    """Open circles, their size in pixels: the best epoch; x and y: [N]."""
    return Line2D(
        x,
        y,
        color=colour,
        linestyle="",
        marker="o",
        markersize=diameter * PIXEL,
        markeredgewidth=width * PIXEL,
        markerfacecolor="none",
        clip_on=False,
    )


def look(number: int) -> tuple[str, str]:
    """Colour and mark of the run at that place in the list."""
    return COLOURS[number % len(COLOURS)], tuple(MARKS)[number % len(MARKS)]


def draw_curves(
    axes: Axes, number: int, raw: EpochCurve, train: EpochCurve, test: EpochCurve, scale: float = 1.0, *, single: bool
) -> None:
    """Of one run, or of seeds; values times `scale`."""
    colour, mark = (VERMILION, "o") if single else look(number)
    columns, num_epochs = int(axes.bbox.width), int(axes.get_xlim()[1])
    raw, train, test_line = (curve.thinned(columns, num_epochs) for curve in (raw, train, test))
    if len(test.low) > 1:
        low, high = axes.get_ylim()
        lowest, highest = ((edge * scale).clip(low, high) for edge in (test.low, test.high))
        axes.fill_between(test.x, lowest, highest, color=colour, alpha=0.18, linewidth=0, clip_on=False)
    if single:
        alone = len(train) < 2
        mark_alone = "o" if len(raw) == 1 else None
        axes.add_line(line(raw.x, raw.y * scale, BLUE if alone else FAINT, 1.2 if alone else 0.9, mark_alone))
        if not alone:
            axes.add_line(line(train.x, train.y * scale, BLUE))
    elif len(train) == 1:
        # Between its dots no line could be dashed.
        axes.add_line(ring(train.x, train.y * scale, colour, diameter=5.2, width=1.2))
    else:
        axes.add_line(line(train.x, train.y * scale, colour, 1.2, linestyle=DASHES))
    every = max(1, ceil(len(test_line) / MOST_MARKS))
    marked = ((number * every // 3) % every, every)
    axes.add_line(line(test_line.x, test_line.y * scale, colour, mark=mark, markevery=marked))


def mark_best(axes: Axes, number: int, each: DrawnRun, test: EpochCurve, scale: float = 1.0, *, single: bool) -> None:
    """A ring about the test figure of the best epoch."""
    best = test.x == (each.best_epoch or 0)  # no epoch is number 0
    axes.add_line(ring(test.x[best], test.y[best] * scale, VERMILION if single else look(number)[0]))


def label_best(axes: Axes, text: str) -> None:
    """What the ring is, above the chart at the right, where no curve runs. The ring is last, so that an SVG has both at
    the chart's edge in whatever font it is shown."""
    key = ring([1 - 6.5 / axes.bbox.width], [1 + 16 / axes.bbox.height], VERMILION, diameter=11)
    key.set_transform(axes.transAxes)
    axes.add_artist(key)
    _write(axes, (1, 1), (-19, 12), text, VERMILION, ha="right")


def label_ends(axes: Axes, train: EpochCurve, test: EpochCurve, form: str, scale: float = 1.0) -> None:
    """`train 98.1 %` and `test 97.5 %` where the curves end, moved apart where they would touch."""
    labels: list[tuple[float, str, str]] = []
    for name, curve, colour in (("train", train, BLUE), ("test", test, VERMILION)):
        if len(curve):
            value = float(curve.y[-1]) * scale
            y = float(axes.transData.transform((0, value))[1] - axes.bbox.y0)
            labels.append((y, f"{name} {form.format(value)}", colour))
    labels.sort()
    if len(labels) == 2 and labels[1][0] - labels[0][0] < 16:
        middle = (labels[0][0] + labels[1][0]) / 2
        labels = [(middle - 8, *labels[0][1:]), (middle + 8, *labels[1][1:])]
    for y, text, colour in labels:
        _write(axes, (1, 0), (10, y - 4), text, colour)


def draw_report(axes: Axes, accuracy: float) -> None:
    """The original report's test accuracy, a fraction, as a dotted line that says so."""
    axes.axhline(100 * accuracy, color=MUTED, linewidth=1.2 * PIXEL, linestyle=DOTS)
    y = (100 * accuracy - axes.get_ylim()[0]) / (axes.get_ylim()[1] - axes.get_ylim()[0])
    _write(axes, (0, y), (6, 5), f"original report {100 * accuracy:.0f} %", MUTED, size=11, bbox=BACKGROUND)


def mark_bad(axes: Axes, drawn: Sequence[DrawnRun], *, single: bool) -> None:
    """Crosses at the top where losses became NaN or infinite, each beneath the one before."""
    width, height, num_epochs = axes.bbox.width, axes.bbox.height, axes.get_xlim()[1]
    bad = ((number, each, each.bad_epoch) for number, each in enumerate(drawn) if each.bad_epoch is not None)
    for row, (number, each, epoch) in enumerate(bad):
        x, y = min(epoch / num_epochs, 1.0), 1 - (10 + 16 * row) / height
        colour = INK if single else look(number)[0]
        cross = Line2D([x], [y], color=colour, marker="x", markersize=11 * PIXEL, markeredgewidth=2 * PIXEL)
        cross.set(transform=axes.transAxes, clip_on=False)
        axes.add_artist(cross)
        left = x < 0.5
        text = each.bad_text if single else f"{each.bad_text}: {each.name}"
        fitted = fit_text(readable(text), 12, max(x, 1 - x) * width)
        _write(axes, (x, y), (9 if left else -9, -4), fitted, colour, ha="left" if left else "right", bbox=BACKGROUND)


def _write(
    axes: Axes,
    at: tuple[float, float],
    shift: tuple[float, float],
    text: str,
    colour: str,
    *,
    size: float = 12,
    **more: Any,
) -> None:
    """A text `shift` pixels right of and above a place of the chart, which is a fraction of its width and height."""
    points = (shift[0] * PIXEL, shift[1] * PIXEL)
    more.update(textcoords="offset points", size=size * PIXEL, color=colour)
    axes.annotate(text, at, points, xycoords="axes fraction", **more)
