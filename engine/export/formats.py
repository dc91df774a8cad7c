"""The formats that runs are taken away in, and the files that each makes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lazytrain.engine.analysis.gathered import Gathered, gather, names_of
from lazytrain.engine.data.origin import OriginDamaged, read_origin
from lazytrain.engine.export.files import ExportError, OutputFile, distinct_names, file_name
from lazytrain.engine.export.foreign import ForeignRun, write_foreign_json, write_values
from lazytrain.engine.export.own_code import find_sources
from lazytrain.engine.export.record import write_json
from lazytrain.engine.export.tables import epochs_path, write_epochs, write_points
from lazytrain.engine.export.tensorboard import event_file, require_tensorboard, write_events, write_foreign_events
from lazytrain.engine.export.weights import (
    Describe,
    Which,
    describe_net,
    describe_sources,
    read_weights,
    write_safetensors,
    write_state_dict,
)
from lazytrain.engine.places import module_folder
from lazytrain.engine.records import Kind, Run

if TYPE_CHECKING:
    from lazytrain.engine.export.pictures.figure import Figure
    from lazytrain.engine.store.reading import Reader


MOST_SAID = 6
"""Settings that stand beneath a picture's title."""


class Format(StrEnum):
    """What `--format` takes."""

    CSV = "csv"
    JSON = "json"
    TENSORBOARD = "tensorboard"
    SVG = "svg"
    PNG = "png"
    WEIGHTS = "weights"

    @property
    def makes_folder(self) -> bool:
        """Whether `-o` names a folder instead of a file."""
        return self in (Format.TENSORBOARD, Format.WEIGHTS)

    @property
    def about(self) -> str:
        """What one gets, in a few words."""
        return _ABOUT[self]


_ABOUT = {
    Format.CSV: "tables: one of all points, one of all epochs",
    Format.JSON: "everything known: settings, figures, log",
    Format.TENSORBOARD: "a folder that TensorBoard opens",
    Format.SVG: "a picture of loss and accuracy, sharp at any size",
    Format.PNG: "the same picture in pixels",
    Format.WEIGHTS: "the trained net, and the Python that loads it",
}


def default_output(runs: Sequence[Run], form: Format) -> Path:
    """`coolnet-v10-default.csv` in the current folder, `coolnet-v10-default-tensorboard` for a folder."""
    name = file_name(names_of(runs))
    return Path(f"{name}-{form}" if form.makes_folder else f"{name}.{form}")


def plan_export(
    reader: Reader,
    runs: Sequence[Run],
    form: Format,
    output: Path,
    *,
    describe: Describe,
    which: Which = "best",
    points: bool = True,
) -> list[OutputFile]:
    """The files that an export of `runs` makes, for `engine.export.files.write_files`.

    csv, json, svg and png put all runs into one file (csv: two); tensorboard gives each a folder in `output`, and so
    does weights where there are several runs. All is read here, and drawn and written later.

    Args:
        describe: what is known of a run's data, for the names of classes.
        which: weights of the best epoch or of the last checkpoint.
        points: of json: whether the windows within epochs are in it.

    Raises:
        ExportError: a run has nothing to take away in this format, or what writes it isn't installed.
        RunNotFound: a run is gone.
        RunUnreadable: a run's stored configuration can't be used.
    """
    if not runs:
        raise ExportError("no runs to export: name them, `lazytrain runs` lists them")
    runs = list({run.id: run for run in runs}.values())
    names = distinct_names([run.name for run in runs])
    if foreign := [run for run in runs if run.kind is not Kind.OWN]:
        return _foreign(reader, runs, foreign, form, output)
    if form is Format.WEIGHTS:
        folders = [output / name for name in names] if len(runs) > 1 else [output]
        return [
            file
            for run, folder in zip(runs, folders, strict=True)
            for file in _weights(reader, run, folder, describe, which)
        ]
    if form is Format.TENSORBOARD:
        require_tensorboard()
    gathered = [gather(reader, run.id) for run in runs]
    match form:
        case Format.CSV:
            return [
                OutputFile(output, partial(write_points, gathered), "points"),
                OutputFile(epochs_path(output), partial(write_epochs, gathered), "epochs"),
            ]
        case Format.JSON:
            return [OutputFile(output, partial(write_json, gathered, points=points), names_of(runs))]
        case Format.TENSORBOARD:
            return [
                OutputFile(event_file(output / name, each.run), partial(write_events, each), each.run.name)
                for name, each in zip(names, gathered, strict=True)
            ]
        case _:
            if not any(each.packed or each.epochs or each.run.diverged for each in gathered):
                whose = f"{names_of(runs)} has" if len(runs) == 1 else "these runs have"
                raise ExportError(f"{whose} no figures yet: there is nothing to draw before training has begun")
            return [OutputFile(output, partial(write_picture, make_figure(gathered), form), names_of(runs))]


def make_figure(gathered: Sequence[Gathered]) -> Figure:
    """The picture of some runs, one curve each."""
    from lazytrain.engine.export.pictures.figure import Figure, Group

    return Figure(
        groups=tuple(Group(name=each.run.name, runs=(each,)) for each in gathered),
        title=names_of([each.run for each in gathered]),
        subtitle=_subtitle(gathered),
        report_accuracy=_report_accuracy(gathered),
    )


def write_picture(figure: Figure, form: Format, file: BinaryIO) -> None:
    """The picture as SVG or PNG."""
    _hush_matplotlib()
    from lazytrain.engine.export.pictures.picture import draw_figure  # matplotlib: about a second

    draw_figure(figure).save("png" if form is Format.PNG else "svg", file)


def write_metric_picture(runs: Sequence[ForeignRun], form: Format, file: BinaryIO) -> None:
    """What runs of programs and commands logged, as SVG or PNG."""
    _hush_matplotlib()
    from lazytrain.engine.export.pictures.metrics import MetricFigure, draw_metrics  # matplotlib: about a second

    projects = list(dict.fromkeys(each.run.project for each in runs if each.run.project))
    subtitle = " · ".join(projects if len(runs) > 1 else [*projects, *_said_of(runs[0])])
    figure = MetricFigure(runs=tuple(runs), title=names_of([each.run for each in runs]), subtitle=subtitle)
    draw_metrics(figure).save("png" if form is Format.PNG else "svg", file)


def _said_of(foreign: ForeignRun) -> list[str]:
    """The first of its settings."""
    config = foreign.details.get("config")
    return [f"{name} {value}" for name, value in list(config.items())[:MOST_SAID]] if isinstance(config, dict) else []


def _hush_matplotlib() -> None:
    """Where it can't keep its cache it says so by a log that nobody set up, which is stderr: in the midst of the
    screen."""
    log = logging.getLogger("matplotlib")
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def _subtitle(gathered: Sequence[Gathered]) -> str:
    """What all of them share of what matters most."""
    facts = [
        {
            "dataset": values.dataset,
            "batch": f"batch size {values.batch_size}",
            "optimizer": values.optimizer.upper() if values.optimizer == "sgd" else values.optimizer,
            "lr": f"learning rate {values.learning_rate:g}",
            "seed": f"seed {values.seed}",
        }
        for values in (each.configuration.hyperparameters for each in gathered)
    ]
    return " · ".join(text for name, text in facts[0].items() if all(each[name] == text for each in facts))


def _report_accuracy(gathered: Sequence[Gathered]) -> float | None:
    figures = {each.configuration.report.test_accuracy if each.configuration.report else None for each in gathered}
    return figures.pop() if len(figures) == 1 else None


def _write_bytes(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _foreign(
    reader: Reader, runs: Sequence[Run], foreign: Sequence[Run], form: Format, output: Path
) -> list[OutputFile]:
    """The files of runs that somebody else trains: their values, or all that is known of them."""
    whose = names_of(foreign)
    if len(foreign) < len(runs):
        raise ExportError(f"{whose}: trained by programs or commands of your own; export them apart from other runs")
    if form is Format.WEIGHTS:
        raise ExportError(f"{whose}: trained by programs or commands of your own, which keep their weights themselves")
    if form is Format.TENSORBOARD:
        require_tensorboard()
    read = [ForeignRun(reader, run.id) for run in foreign]
    match form:
        case Format.CSV:
            return [OutputFile(output, partial(write_values, read), "values")]
        case Format.JSON:
            return [OutputFile(output, partial(write_foreign_json, read), whose)]
        case Format.TENSORBOARD:
            names = distinct_names([run.name for run in foreign])
            return [
                OutputFile(event_file(output / name, each.run), partial(write_foreign_events, each), each.run.name)
                for name, each in zip(names, read, strict=True)
            ]
        case _:
            if not any(each.series for each in read):
                raise ExportError(f"{whose}: nothing was logged yet, so there is nothing to draw")
            return [OutputFile(output, partial(write_metric_picture, read, form), whose)]


def _weights(reader: Reader, run: Run, folder: Path, describe: Describe, which: Which) -> list[OutputFile]:
    configuration = reader.configuration(run.id)
    weights = read_weights(reader, run, which)
    try:
        origin = read_origin(reader.run_folder(run.id))
    except OriginDamaged:
        origin = None  # as if an older lazytrain had begun it: classes are those that the data have now
    script = describe_net(run, configuration, weights, describe, origin)
    module, own = configuration.architecture.module, module_folder(reader.home)
    # Read now: what stands in a file when another was written may be something else.
    sources = find_sources(module, own) if module is not None else {}
    if module is not None:
        script = replace(script, notes=(*script.notes, describe_sources(configuration, sources, own)), own_code=True)
    copies = {path: file.read_bytes() for path, file in sources.items()}
    return [
        *(
            OutputFile(folder / path, partial(_write_bytes, content), f"source of {run.shown_name}")
            for path, content in copies.items()
        ),
        OutputFile(
            folder / "weights.safetensors",
            lambda file: write_safetensors(weights, run, script, file),
            f"weights of {run.shown_name}",
        ),
        OutputFile(folder / "weights.pt", lambda file: write_state_dict(weights, file), f"weights of {run.shown_name}"),
        OutputFile(folder / "load.py", lambda file: file.write(script.text().encode()), f"load.py of {run.shown_name}"),
    ]
