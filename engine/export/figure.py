"""The picture of some runs: loss and accuracy over epochs, beside each other on common axes.

One run has train in blue and test in vermilion with a dot an epoch. Of several runs each has a colour and a mark of its
own, by its place in the list, with its test curve solid and its training curve dashed; seeds of one setting are a mean
in a band from the lowest to the highest, as on Compare. Colours are Okabe and Ito's (2008), which colour-blind eyes
tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, pi, sin

from lazytrain.engine.export.axes import INK, MUTED, Axis, Frame, epoch_axis, linear_axis, loss_axis
from lazytrain.engine.export.curves import Curve, DrawnRun, draw_runs
from lazytrain.engine.export.gathered import Gathered
from lazytrain.engine.export.lettering import fit_text, text_width
from lazytrain.engine.export.scene import Circle, Line, Point, Polygon, Scene, Text, tinted

BLUE, VERMILION = "#0072b2", "#d55e00"
COLOURS = (BLUE, VERMILION, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's, without the yellow, which white swallows."""
MARKS = ("circle", "square", "triangle", "diamond", "down")
DASH = (5.0, 3.5)
MOST_MARKS = 16
"""A curve has at most so many marks, or they would hide its shape."""
LEAST_SPAN = 5.0
"""Percentage points that an accuracy axis spans at least."""
WIDTH, TOP, PANEL_HEIGHT, BENEATH = 980.0, 104.0, 290.0, 62.0
LEGEND_LINE, NOTE_LINE = 20.0, 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is drawn as one curve: a run, or the seeds of one setting."""

    name: str
    runs: tuple[Gathered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a picture shows, and what is written on it."""

    groups: tuple[Group, ...]
    title: str
    subtitle: str = ""
    report_accuracy: float | None = None
    """The original report's test accuracy, a fraction: a dotted line, where there is one for all that is drawn."""


def draw_figure(figure: Figure) -> Scene:
    """The picture; where no run has figures yet it says so."""
    drawn = draw_runs([(group.name, group.runs) for group in figure.groups])
    single = len(drawn) == 1 and len(figure.groups[0].runs) == 1
    kinds = {each.loss_kind for each in drawn}
    notes = _notes(figure, drawn, kinds, single=single)
    legend_lines = 0 if single else 1 + ceil(len(drawn) / _legend_columns(drawn))
    height = TOP + PANEL_HEIGHT + BENEATH + legend_lines * LEGEND_LINE + len(notes) * NOTE_LINE + 10
    scene = Scene(width=WIDTH, height=height, title=f"{figure.title}: loss and accuracy by epoch")
    scene.add(Text(at=(24, 36), text=fit_text(figure.title, 20, WIDTH - 48), size=20, colour=INK))
    scene.add(Text(at=(24, 57), text=fit_text(figure.subtitle, 12, WIDTH - 48), size=12, colour=MUTED))
    x = epoch_axis(max((each.num_epochs for each in drawn), default=1))
    labelled = 92.0 if single else 16.0
    if len(kinds) == 1:
        width = (WIDTH - 2 * 62 - 2 * labelled - 14) / 2
        _loss_panel(scene, drawn, _frame(62, width, x, _loss_axis(drawn)), next(iter(kinds)), single=single)
        left = 62 + width + labelled + 62
    else:
        width, left = WIDTH - 62 - labelled - 24, 62.0
    _accuracy_panel(scene, figure, drawn, _frame(left, width, x, _accuracy_axis(figure, drawn)), single=single)
    y = TOP + PANEL_HEIGHT + BENEATH
    if not single:
        y = _legend(scene, drawn, y)
    for note in notes:
        scene.add(Text(at=(24, y), text=note, size=11, colour=MUTED))
        y += NOTE_LINE
    return scene


def _frame(left: float, width: float, x: Axis, y: Axis) -> Frame:
    return Frame(left=left, top=TOP, width=width, height=PANEL_HEIGHT, x=x, y=y)


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


# ── panels ─────────────────────────────────────────────────────────────────────────────────────────────────


def _loss_panel(scene: Scene, drawn: Sequence[DrawnRun], frame: Frame, kind: str, *, single: bool) -> None:
    log = ", logarithmic" if frame.y.logarithmic else ""
    frame.draw(scene, f"Loss ({kind}{log})", "epoch")
    for number, each in enumerate(drawn):
        _curves(scene, frame, number, each.raw_loss, each.train_loss, each.test_loss, 1.0, single=single)
    top = frame.top + 10
    for number, each in enumerate(drawn):
        if each.bad_epoch is not None:
            x, _ = frame.place(min(each.bad_epoch, frame.x.high), frame.y.low)
            colour = COLOURS[number % len(COLOURS)] if not single else INK
            _cross(scene, (x, top), colour)
            anchor = "start" if x < frame.left + frame.width / 2 else "end"
            text = each.bad_text if single else f"{each.bad_text}: {each.name}"
            at = (x + (9 if anchor == "start" else -9), top + 4)
            scene.add(Text(at=at, text=text, size=12, colour=colour, anchor=anchor, halo=True))
            top += 16
    if single:
        _end_labels(scene, frame, drawn[0].train_loss, drawn[0].test_loss, 1.0, "{:.3f}")
        _mark_best(scene, frame, drawn[0], drawn[0].test_loss, 1.0, VERMILION)


def _accuracy_panel(scene: Scene, figure: Figure, drawn: Sequence[DrawnRun], frame: Frame, *, single: bool) -> None:
    frame.draw(scene, "Accuracy (%)", "epoch")
    if figure.report_accuracy is not None:
        start = frame.place(frame.x.low, 100 * figure.report_accuracy)
        end = frame.place(frame.x.high, 100 * figure.report_accuracy)
        scene.add(Line(points=(start, end), colour=MUTED, width=1.2, dash=(2, 3)))
        text = f"original report {100 * figure.report_accuracy:.0f} %"
        scene.add(Text(at=(start[0] + 6, start[1] - 5), text=text, size=11, colour=MUTED, halo=True))
    for number, each in enumerate(drawn):
        _curves(scene, frame, number, each.raw_accuracy, each.train_accuracy, each.test_accuracy, 100.0, single=single)
    if single:
        _end_labels(scene, frame, drawn[0].train_accuracy, drawn[0].test_accuracy, 100.0, "{:.1f} %")
    for number, each in enumerate(drawn):
        colour = VERMILION if single else COLOURS[number % len(COLOURS)]
        _mark_best(scene, frame, each, each.test_accuracy, 100.0, colour)
    if single and drawn[0].best_text:
        _label_best(scene, frame, drawn[0].best_text)


def _curves(
    scene: Scene, frame: Frame, number: int, raw: Curve, train: Curve, test: Curve, scale: float, *, single: bool
) -> None:
    colour = COLOURS[number % len(COLOURS)]
    train_colour, test_colour = (BLUE, VERMILION) if single else (colour, colour)
    if len(test.low):
        low = [frame.place(x, y * scale) for x, y in zip(test.x, test.low, strict=True)]
        high = [frame.place(x, y * scale) for x, y in zip(test.x, test.high, strict=True)]
        inside = [(x, min(frame.bottom, max(frame.top, y))) for x, y in (*low, *high[::-1])]
        if len(low) > 1:
            scene.add(Polygon(points=inside, fill=colour, opacity=0.18))
    if single and len(raw):
        strong = len(train) < 2
        faint = BLUE if strong else tinted(BLUE, 0.38)
        if len(raw) == 1:
            _mark(scene, raw.thinned(frame, scale)[0], "circle", BLUE)
        scene.add(Line(points=raw.thinned(frame, scale), colour=faint, width=1.2 if strong else 0.9))
    if len(train) == 1 and not single:
        # Between its dots no line could be dashed.
        x, y = frame.place(float(train.x[0]), float(train.y[0]) * scale)
        scene.add(Circle(centre=(x, y), radius=2.6, fill=None, edge=train_colour, width=1.2))
    if len(train) > 1:
        dash = None if single else DASH
        scene.add(Line(points=train.thinned(frame, scale), colour=train_colour, width=2 if single else 1.2, dash=dash))
    if len(test) > 1:
        scene.add(Line(points=test.thinned(frame, scale), colour=test_colour, width=2))
    every = max(1, ceil(len(test) / MOST_MARKS))
    shape = "circle" if single else MARKS[number % len(MARKS)]
    for place in range((number * every // 3) % every, len(test), every):
        _mark(scene, frame.place(float(test.x[place]), float(test.y[place]) * scale), shape, test_colour)


def _mark_best(scene: Scene, frame: Frame, each: DrawnRun, test: Curve, scale: float, colour: str) -> None:
    """A ring about the test figure of the best epoch."""
    for x, y in zip(test.x, test.y, strict=True):
        if each.best_epoch is not None and x == each.best_epoch:
            place = frame.place(float(x), float(y) * scale)
            scene.add(Circle(centre=place, radius=6.5, fill=None, edge=colour, width=1.6))


def _label_best(scene: Scene, frame: Frame, text: str) -> None:
    """What the ring is, above the chart at the right, where no curve runs."""
    at = (frame.right, frame.top - 12)
    scene.add(Text(at=at, text=text, size=12, colour=VERMILION, anchor="end"))
    ring = (at[0] - text_width(text, 12) - 12, at[1] - 4)
    scene.add(Circle(centre=ring, radius=5.5, fill=None, edge=VERMILION, width=1.6))


def _end_labels(scene: Scene, frame: Frame, train: Curve, test: Curve, scale: float, form: str) -> None:
    """`train 98.1 %` and `test 97.5 %` where the curves end, moved apart where they would touch."""
    labels: list[tuple[float, str, str]] = []
    for name, curve, colour in (("train", train, BLUE), ("test", test, VERMILION)):
        if len(curve):
            value = float(curve.y[-1]) * scale
            labels.append((frame.place(frame.x.low, value)[1] + 4, f"{name} {form.format(value)}", colour))
    labels.sort()
    if len(labels) == 2 and labels[1][0] - labels[0][0] < 16:
        middle = (labels[0][0] + labels[1][0]) / 2
        labels = [(middle - 8, *labels[0][1:]), (middle + 8, *labels[1][1:])]
    for y, text, colour in labels:
        scene.add(Text(at=(frame.right + 10, y), text=text, size=12, colour=colour))


# ── legend and marks ───────────────────────────────────────────────────────────────────────────────────────


def _legend_columns(drawn: Sequence[DrawnRun]) -> int:
    widest = max((text_width(_entry(each), 12) for each in drawn), default=0.0)
    return max(1, min(3, int((WIDTH - 48) // (widest + 64)), len(drawn)))


def _entry(each: DrawnRun) -> str:
    said = each.best_text
    if each.bad_epoch is not None and not said:
        said = f"{each.bad_text} in epoch {max(1, ceil(each.bad_epoch))}"
    return f"{each.name}: {said}" if said else each.name


def _legend(scene: Scene, drawn: Sequence[DrawnRun], top: float) -> float:
    """Colour, mark and name of each, in columns; where it ends."""
    keys = (("test", None, "circle"), ("train", DASH, None))
    x = 24.0
    for name, dash, shape in keys:
        scene.add(Line(points=((x, top - 4), (x + 30, top - 4)), colour=MUTED, width=2 if shape else 1.2, dash=dash))
        if shape is not None:
            _mark(scene, (x + 15, top - 4), shape, MUTED)
        scene.add(Text(at=(x + 38, top), text=name, size=12, colour=MUTED))
        x += 100
    scene.add(Circle(centre=(x + 8, top - 4), radius=6.5, fill=None, edge=MUTED, width=1.6))
    scene.add(Text(at=(x + 22, top), text="best epoch", size=12, colour=MUTED))
    columns = _legend_columns(drawn)
    rows = ceil(len(drawn) / columns)
    width = (WIDTH - 48) / columns
    for number, each in enumerate(drawn):
        column, row = divmod(number, rows)
        x, y = 24 + column * width, top + (row + 1) * LEGEND_LINE
        colour = COLOURS[number % len(COLOURS)]
        scene.add(Line(points=((x, y - 4), (x + 30, y - 4)), colour=colour, width=2))
        _mark(scene, (x + 15, y - 4), MARKS[number % len(MARKS)], colour)
        scene.add(Text(at=(x + 38, y), text=fit_text(_entry(each), 12, width - 46), size=12, colour=INK))
    return top + (rows + 1) * LEGEND_LINE + 4


def _mark(scene: Scene, at: Point, shape: str, colour: str) -> None:
    x, y = at
    match shape:
        case "circle":
            scene.add(Circle(centre=at, radius=3.2, fill=colour))
        case "square":
            scene.add(Polygon(points=((x - 3, y - 3), (x + 3, y - 3), (x + 3, y + 3), (x - 3, y + 3)), fill=colour))
        case _:
            corners, start, size = {"triangle": (3, -90, 4.4), "diamond": (4, -90, 4.4), "down": (3, 90, 4.4)}[shape]
            turns = ((start + 360 * corner / corners) * pi / 180 for corner in range(corners))
            scene.add(Polygon(points=[(x + size * cos(turn), y + size * sin(turn)) for turn in turns], fill=colour))


def _cross(scene: Scene, at: Point, colour: str) -> None:
    x, y = at
    for slope in (1, -1):
        scene.add(Line(points=((x - 5, y - 5 * slope), (x + 5, y + 5 * slope)), colour=colour, width=2))
