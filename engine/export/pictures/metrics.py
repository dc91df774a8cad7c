"""A picture of whatever programs and commands of one's own logged: one chart a metric, by its steps.

What `train/x`, `val/x` and `test/x` are of the same figure shares a chart, as on Monitor. Of one run each part of the
data has its colour; of several each run has, train dashed.

matplotlib is imported here: import this with the first picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from lazytrain.engine.analysis.metric_names import MetricGroup, MetricRules, group_metrics
from lazytrain.engine.analysis.series import Array, column_means, extremes, smooth, stays_noisy, thin
from lazytrain.engine.export.foreign import ForeignRun
from lazytrain.engine.export.pictures.axes import Axis, epoch_axis, loss_axis
from lazytrain.engine.export.pictures.curves import LARGEST
from lazytrain.engine.export.pictures.lettering import fit_text, readable
from lazytrain.engine.export.pictures.page import INK, MUTED, Page, house_style
from lazytrain.engine.export.pictures.panels import BLUE, DASHES, VERMILION, line, look
from lazytrain.engine.store.series import SAMPLE_FORMAT

WIDTH, TOP, PANEL_HEIGHT, BENEATH = 980.0, 96.0, 200.0, 78.0
MARGIN, TICKS, GAP = 24.0, 62.0, 16.0
COLUMNS = 2
MOST_CHARTS = 24
"""A picture of more would be for nobody: csv and json have the rest."""
LEGEND_LINE, NOTE_LINE = 20.0, 16.0
SMOOTHING, FAINT = 0.8, 0.3
"""Where the noise is larger than the trend: weight of what came before, and opacity of the values behind."""
PARTS = {"train": BLUE, "val": VERMILION, "test": "#009e73", "": BLUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Finite values of one metric of one run, [N] each."""

    x: Array
    y: Array
    part: str
    number: int
    """The run's place."""
    num_bad: int
    """Values left out: NaN, or infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFigure:
    """What the picture shows, and what is written on it."""

    runs: tuple[ForeignRun, ...]
    title: str
    subtitle: str = ""


def draw_metrics(figure: MetricFigure) -> Page:
    """The picture."""
    names = list(dict.fromkeys(name for each in figure.runs for name in each.series))
    groups = group_metrics(names, MetricRules.of(figure.runs[0].details))
    drawn = [(group, _curves(figure.runs, group)) for group in groups[:MOST_CHARTS]]
    legend = _legend(figure, groups)
    notes = _notes(groups, [curve for _, curves in drawn for curve in curves])
    rows = ceil(len(drawn) / COLUMNS)
    height = TOP + rows * (PANEL_HEIGHT + BENEATH) + len(legend) * LEGEND_LINE + len(notes) * NOTE_LINE
    with house_style():
        sheet = Page.of_size(WIDTH, height, f"{figure.title}: what was logged, by step")
        for y, text, size, colour in ((36, figure.title, 20, INK), (57, figure.subtitle, 12, MUTED)):
            sheet.write(MARGIN, y, fit_text(readable(text), size, WIDTH - 2 * MARGIN), size=size, colour=colour)
        for place, (group, curves) in enumerate(drawn):
            _draw_chart(sheet, place, group, curves, single=len(figure.runs) == 1)
        y = TOP + rows * (PANEL_HEIGHT + BENEATH) - 10
        for row, (name, style) in enumerate(legend):
            sheet.draw(
                line([MARGIN, MARGIN + 15, MARGIN + 30], [y + row * LEGEND_LINE - 4] * 3, markevery=[1], **style)
            )
            text = fit_text(readable(name), 12, WIDTH - 2 * MARGIN - 38)
            sheet.write(MARGIN + 38, y + row * LEGEND_LINE, text, colour=INK)
        for row, note in enumerate(notes):
            sheet.write(MARGIN, y + len(legend) * LEGEND_LINE + row * NOTE_LINE, note, size=11)
    return sheet


def _curves(runs: Sequence[ForeignRun], group: MetricGroup) -> list[Curve]:
    """Of the metrics of one chart, as many as the runs have."""
    curves: list[Curve] = []
    for number, each in enumerate(runs):
        for part, name in group.members:
            if packed := each.series.get(name):
                rows = np.array(list(SAMPLE_FORMAT.iter_unpack(packed)), "f8").reshape(-1, 3)
                sound = np.abs(rows[:, 2]) <= LARGEST  # NaN isn't
                x, y = rows[sound, 0], rows[sound, 2]
                curves.append(Curve(x=x, y=y, part=part, number=number, num_bad=int((~sound).sum())))
    return curves


def _draw_chart(sheet: Page, place: int, group: MetricGroup, curves: Sequence[Curve], *, single: bool) -> None:
    row, column = divmod(place, COLUMNS)
    width = (WIDTH - 2 * MARGIN - COLUMNS * TICKS - (COLUMNS - 1) * GAP) / COLUMNS
    left = MARGIN + TICKS + column * (width + TICKS + GAP)
    last = max((float(curve.x.max()) for curve in curves if len(curve.x)), default=1.0)
    x, y = epoch_axis(max(1, ceil(last))), _axis(curves)
    title = fit_text(readable(f"{group.title}{' (logarithmic)' if y.logarithmic else ''}"), 14, width)
    axes = sheet.panel(left, TOP + row * (PANEL_HEIGHT + BENEATH), width, PANEL_HEIGHT, x, y, title, along="step")
    for curve in curves:
        dashed = not single and curve.part == "train"
        colour, mark = (PARTS.get(curve.part, BLUE), "o") if single else look(curve.number)
        columns = int(axes.bbox.width)
        style: dict[str, Any] = {"linestyle": DASHES} if dashed else {}
        if len(curve.x) == 1:
            style["mark"] = mark
        if stays_noisy(curve.y):
            thinned = thin(curve.x, curve.y, columns, 0, x.high)
            axes.add_line(line(*thinned, colour, 0.9, alpha=FAINT))
            means = column_means(curve.x, curve.y, columns // 2, 0, x.high)
            axes.add_line(line(means[0], smooth(means[1], SMOOTHING), colour, 1.6, **style))
        else:
            thinned = thin(curve.x, curve.y, columns, 0, x.high) if len(curve.x) > 2 * columns else (curve.x, curve.y)
            axes.add_line(line(*thinned, colour, 1.2 if dashed else 1.6, **style))


def _axis(curves: Sequence[Curve]) -> Axis:
    """From the smallest to the largest value; logarithmic where a few are far above the rest."""
    values = np.sort(np.concatenate([curve.y for curve in curves])) if curves else np.empty(0)
    return loss_axis(extremes([values]) or (), values[:: max(1, len(values) // 1000)].tolist())


def _legend(figure: MetricFigure, groups: Sequence[MetricGroup]) -> list[tuple[str, dict[str, Any]]]:
    """(text, style of its line)."""
    parts = list(dict.fromkeys(part for group in groups for part, _ in group.members if part))
    if len(figure.runs) == 1:
        return [(part, {"colour": PARTS[part]}) for part in parts]
    keys: list[tuple[str, dict[str, Any]]] = []
    if "train" in parts:
        keys.append(("dashed: train", {"colour": MUTED, "width": 1.2, "linestyle": DASHES}))
    for number, each in enumerate(figure.runs):
        colour, _ = look(number)
        keys.append((each.run.shown_name, {"colour": colour}))
    return keys


def _notes(groups: Sequence[MetricGroup], curves: Sequence[Curve]) -> list[str]:
    notes: list[str] = []
    if bad := sum(curve.num_bad for curve in curves):
        notes.append(
            f"Left out: {bad:,} {'value' if bad == 1 else 'values'} that {'is' if bad == 1 else 'are'} NaN or infinite."
        )
    if any(stays_noisy(curve.y) for curve in curves):
        notes.append("Where the noise is larger than the trend: smoothed, and faint behind it every value.")
    if len(groups) > MOST_CHARTS:
        notes.append(f"{len(groups) - MOST_CHARTS:,} more metrics aren't drawn: csv and json have them.")
    return notes
