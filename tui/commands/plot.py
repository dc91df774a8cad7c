"""`lazytrain plot RUN…`: the curves of runs as charts in plain text, over each other where there are several."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.records import Kind, Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.commands.completion import runs as complete_runs
from lazytrain.tui.commands.options import Home
from lazytrain.tui.commands.plot_text import Parts, print_line, styled, tone_style
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import make_console
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import find_places
from lazytrain.tui.words.text import format_fraction, format_loss

if TYPE_CHECKING:
    from lazytrain.engine.analysis.series import Curves
    from lazytrain.tui.charts.compare_figures import Splits
    from lazytrain.tui.charts.data import AxisKind, ChartData, ChartView, Curve, Mark
    from lazytrain.tui.charts.run_figures import Metric, Split

WIDTH, HEIGHT = 80, 16
"""Of a chart in cells, where there is no terminal; its width is the terminal's."""
MOST_RUNS = 8
"""There are as many colours and shapes."""
BOTH = "both"
CURVES, SIZE = "Curves", "Size"
"""What the options are listed under in the help."""


class AxisChoice(StrEnum):
    """What `--by` takes."""

    EPOCH = "epoch"
    STEP = "step"
    IMAGES = "images"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class PlottedRun:
    """A run with its curves."""

    run: Run
    curves: Curves
    configuration: RunConfiguration
    resumed_steps: tuple[int, ...]


def plot(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…",
            help="Ids, beginnings of them, names, or 'last'.",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    metric: Annotated[
        str,
        typer.Option(
            "--metric", metavar="NAME", help="loss, accuracy, both, or any metric of the runs.", rich_help_panel=CURVES
        ),
    ] = BOTH,
    by: Annotated[
        AxisChoice, typer.Option("--by", help="What the x axis counts.", rich_help_panel=CURVES)
    ] = AxisChoice.EPOCH,
    log: Annotated[bool, typer.Option("--log", help="Losses on a logarithmic axis.", rich_help_panel=CURVES)] = False,
    smooth: Annotated[
        float | None,
        typer.Option(
            "--smooth",
            min=0.0,
            max=0.99,
            help="Exponential moving average: weight of what came before; 0: none. Noisy curves: 0.85.",
            rich_help_panel=CURVES,
            show_default=False,
        ),
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Curves of the training.", rich_help_panel=CURVES)] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Curves of the tests: all that several runs show.", rich_help_panel=CURVES)
    ] = False,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            min=40,
            max=1000,
            help="Columns; the terminal's, or 80.",
            rich_help_panel=SIZE,
            show_default=False,
        ),
    ] = None,
    height: Annotated[
        int, typer.Option("--height", min=7, max=500, help="Lines of each chart.", rich_help_panel=SIZE)
    ] = HEIGHT,
    home: Home = None,
) -> None:
    """Print the curves of runs as charts, in plain text.

    Several runs are laid over each other; losses of different kinds never are, and the accuracy is shown instead.
    """
    from lazytrain.tui.charts.data import ChartView

    outer_home, outer_data, _ = context.obj
    console = make_console()
    view = ChartView(by=cast("AxisKind", by.value), log=log, smoothing=smooth)
    with open_store(find_places(home or outer_home, outer_data).home) as store:
        found = list({run.id: run for run in (store.find(reference) for reference in runs)}.values())
        if len(found) > MOST_RUNS:
            raise typer.BadParameter(f"at most {MOST_RUNS} runs can be told apart, not {len(found)}")
        size = (width or (console.width if console.is_terminal else WIDTH), height)
        if metric not in ("loss", "accuracy", BOTH) or any(run.kind is not Kind.OWN for run in found):
            from lazytrain.tui.commands.plot_metrics import plot_metrics

            which: Splits = "both" if train and test else "train" if train else "test"
            plot_metrics(console, store, found, None if metric == BOTH else metric, which, view, size)
            return
        plotted = [read_run(store, run) for run in found]
    for each in plotted:
        if not each.run.num_steps or not (len(each.curves.steps) or each.curves.epochs):
            write_line(sys.stderr, f"{each.run.shown_name} ({each.run.id}) has no figures yet")
    plotted = [each for each in plotted if each.run.num_steps and (len(each.curves.steps) or each.curves.epochs)]
    if not plotted:
        return
    splits: list[Split] = ["train"] if train and not test else ["test"] if test and not train else ["train", "test"]
    if len(plotted) > 1 and not train and not test:
        splits = ["test"]
    print_charts(console, plotted, _metrics(metric, plotted), splits, view, size)


def read_run(store: Store, run: Run) -> PlottedRun:
    """A run with all its figures."""
    from lazytrain.engine.analysis.series import Curves
    from lazytrain.tui.charts.run_figures import find_resumed_steps

    curves = Curves(store, run.id)
    curves.update(run)
    return PlottedRun(run, curves, store.configuration(run.id), find_resumed_steps(store.messages(run.id)))


def _metrics(choice: str, plotted: Sequence[PlottedRun]) -> list[Metric]:
    """The charts to print: losses of different kinds can't be laid over each other, and that is said."""
    from lazytrain.engine.analysis.comparison import loss_kinds

    metrics: list[Metric] = ["loss", "accuracy"] if choice == BOTH else [cast("Metric", choice)]
    kinds = loss_kinds(each.configuration for each in plotted)
    if len(kinds) > 1 and "loss" in metrics:
        write_line(sys.stderr, f"losses of different kinds ({', '.join(kinds)}) aren't laid over each other: accuracy")
        return ["accuracy"]
    return metrics


def print_charts(
    console: Console,
    plotted: Sequence[PlottedRun],
    metrics: Sequence[Metric],
    splits: Sequence[Split],
    view: ChartView,
    size: tuple[int, int],
) -> None:
    """A chart for each metric and, of several runs, what is which."""
    from lazytrain.tui.charts.layout import Plot

    coloured = console.color_system is not None and not console.no_color
    for metric in metrics:
        data = _one(plotted[0], metric, splits, view) if len(plotted) == 1 else _overlay(plotted, metric, splits, view)
        if data is not None:
            chart = Plot(metric, percent=metric == "accuracy", colours=coloured)
            for line in chart.compose(*size, data, empty_text="no figures"):
                print_line(console, styled(line))
    if len(plotted) > 1:
        for number, each in enumerate(plotted):
            print_line(console, _legend(number, each))
    elif plotted:
        run = plotted[0].run
        print_line(console, [(f"{run.shown_name} ({run.id}), {run.epoch} of {run.num_epochs} epochs", "")])


def _one(each: PlottedRun, metric: Metric, splits: Sequence[Split], view: ChartView) -> ChartData | None:
    """A run as Monitor shows it, or one of its two curves."""
    from lazytrain.tui.charts.run_figures import ShownRun, accuracy_chart, loss_chart

    values = each.configuration.hyperparameters
    shown = ShownRun(
        run=each.run,
        report=each.configuration.report,
        validated=values.validation_fraction > 0,
        resumed_steps=each.resumed_steps,
        batch_size=values.batch_size,
    )
    data = (loss_chart if metric == "loss" else accuracy_chart)(shown, each.curves, view)
    if data is None:
        return None
    curves = tuple(_smoothable(curve, view) for curve in data.curves if curve.label in splits)
    marks = tuple(mark for mark in data.marks if mark.kind != "best" or "test" in splits)
    left_out = {"train"} if splits == ["test"] else {"test", "● best test"} if splits == ["train"] else set[str]()
    figures = tuple(figure for figure in data.figures if figure.label not in left_out)
    return replace(data, curves=curves, marks=marks, figures=figures)


def _overlay(plotted: Sequence[PlottedRun], metric: Metric, splits: Sequence[Split], view: ChartView) -> ChartData:
    """Several runs on common axes, each with a colour, a shape, and its name at its end."""
    from lazytrain.tui.charts.data import ChartData
    from lazytrain.tui.charts.run_figures import RunAxis, run_curve
    from lazytrain.tui.charts.run_marks import mark_figures, marks_on
    from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES

    curves: list[Curve] = []
    marks: list[Mark] = []
    axes = [RunAxis(each.run, each.curves, view.by, each.configuration.hyperparameters.batch_size) for each in plotted]
    for number, (each, axis) in enumerate(zip(plotted, axes, strict=True)):
        tone, marker = RUN_TONES[number], RUN_MARKERS[number]
        for split in splits:
            # Of both, the tests have the shapes and the name.
            named = {"marker": marker, "tag": each.run.shown_name}
            looks = named if split == splits[-1] else {}
            stroke = "dots" if split == "test" and len(splits) > 1 else "line"
            label = each.run.shown_name if len(splits) == 1 else f"{each.run.shown_name} {split}"
            curve = run_curve(each.curves, axis, metric, split, label=label, tone=tone, stroke=stroke, **looks)
            curves.append(_smoothable(curve, view))
            if split == splits[-1]:
                validated = each.configuration.hyperparameters.validation_fraction > 0
                happened = {"resumed_steps": each.resumed_steps, "validated": validated}
                marks += marks_on(curve, each.run, each.curves, axis, metric, split, **happened)
    return ChartData(
        key="plot",
        curves=tuple(curves),
        x_end=max(axis.end for axis in axes),
        newest=max(axis.newest for axis in axes),
        view=view,
        marks=tuple(marks),
        figures=mark_figures(marks),
    )


def _smoothable(curve: Curve, view: ChartView) -> Curve:
    """Who asks for smoothing asks for it of every curve; by itself it is for noisy ones."""
    return curve if view.smoothing is None else replace(curve, smooth=True)


def _legend(number: int, each: PlottedRun) -> Parts:
    from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES

    run = each.run
    best = f", best {format_fraction(run.best_accuracy)} @ {run.best_epoch}" if run.best_epoch else ""
    tested = f"test loss {format_loss(run.test_loss)}, accuracy {format_fraction(run.test_accuracy)}{best}"
    said = f" {run.shown_name} ({run.id}), {run.epoch} of {run.num_epochs} epochs: {tested}"
    return [(RUN_MARKERS[number], tone_style(RUN_TONES[number])), (said, "")]
