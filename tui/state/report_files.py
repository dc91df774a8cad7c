"""A written report as files: which study or runs it is about, the Markdown, and its pictures in a folder beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.export.files import ExportError, OutputFile, distinct_names
from lazytrain.engine.records import Kind
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable

if TYPE_CHECKING:
    from lazytrain.engine.export.logged_report import LoggedReport
    from lazytrain.engine.export.pictures.figure import Figure
    from lazytrain.engine.export.report_view import Chapter, WrittenReport
    from lazytrain.engine.queue.studies import Describe
    from lazytrain.engine.records import Run
    from lazytrain.presets import Catalogue


class PictureFormat(StrEnum):
    """What `--pictures` takes."""

    SVG = "svg"
    PNG = "png"


def make_written_report(
    store: Store,
    catalogue: Catalogue,
    references: Sequence[str],
    describe: Describe,
    *,
    settings: Sequence[str] = (),
    num_seeds: int | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> WrittenReport | LoggedReport:
    """The report of the study or the runs that `references` name; raises as `write_report` does.

    Runs that programs and commands of one's own train have a report of their own kind.

    Args:
        tell: told of runs that are left out, where none are named.
    """
    from lazytrain.engine.analysis.gathered import names_of
    from lazytrain.engine.commands.queueing import runs_of_study
    from lazytrain.engine.export.logged_report import report_logged
    from lazytrain.engine.export.written_report import report_runs, report_study
    from lazytrain.presets import parse_setting
    from lazytrain.tui.state.configure import anchor

    studies = [reference for reference in references if reference in catalogue.studies]
    if studies and len(references) > 1:
        raise ExportError(f"{studies[0]} is a study: it is reported alone, or name runs only")
    if studies:
        overrides = anchor(dict(parse_setting(text) for text in settings))
        return report_study(store, catalogue, studies[0], describe, settings=overrides, num_seeds=num_seeds)
    commands = [reference for reference in references if reference in catalogue.command_studies]
    if commands and (len(references) > 1 or settings or num_seeds is not None):
        raise ExportError(f"{commands[0]} is a study of a command: it is reported alone, with all its runs")
    if commands:
        runs = runs_of_study(store.runs(), commands[0])
        return report_logged(store, runs, catalogue.command_studies[commands[0]].get().title)
    if settings or num_seeds is not None:
        raise ExportError("--set and --seeds go with a study, to say which of its runs are meant")
    try:
        runs = [store.find(reference) for reference in references] or [run for run in store.runs() if not run.archived]
    except RunNotFound as error:
        raise RunNotFound(f"{error}; and there is no such study: `lazytrain presets` lists them") from None
    logged = [run for run in runs if run.kind is not Kind.OWN]
    if logged and len(logged) == len(runs):
        return report_logged(store, runs, names_of(runs) if references else "all runs")
    if logged and references:
        raise ExportError(
            f"{names_of(logged)}: trained by programs or commands of your own; report them apart from other runs"
        )
    if not references:
        runs = sorted(_readable(store, runs, tell), key=lambda run: run.created)
    return report_runs(store, runs, catalogue, names_of(runs) if references else "all runs")


def _readable(store: Store, runs: Sequence[Run], tell: Callable[[str], object]) -> Iterator[Run]:
    for run in runs:
        try:
            store.configuration(run.id)
        except RunUnreadable as error:
            tell(f"left out: {error}")
        else:
            yield run


def report_files(
    report: WrittenReport | LoggedReport,
    describe: Describe,
    output: Path,
    *,
    now: float,
    version: str,
    pictures: PictureFormat = PictureFormat.SVG,
    template: Path | None = None,
) -> list[OutputFile]:
    """`report.md`, and a picture for each chapter in `report-files/`. Raises TemplateError as `write_markdown` does."""
    from lazytrain.engine.export.formats import Format, write_metric_picture, write_picture
    from lazytrain.engine.export.report_view import WrittenReport
    from lazytrain.tui.words.written_report import write_markdown  # imports jinja2

    folder = output.with_name(f"{output.stem}-files")
    if not isinstance(report, WrittenReport):
        name = f"{distinct_names([report.title])[0]}.{pictures}"
        links = [f"{folder.name}/{name}"] if report.drawn else []
        text = write_markdown(report, describe, now=now, version=version, pictures=links, template=template)
        draw = partial(write_metric_picture, report.drawn, Format(pictures.value))
        return [
            *([OutputFile(folder / name, draw, name)] if links else []),
            OutputFile(output, lambda file: file.write(text.encode()), output.name),
        ]
    drawn = [chapter for chapter in report.chapters if any(setting.drawn for setting in chapter.settings)]
    names = [f"{name}.{pictures}" for name in distinct_names([chapter.title for chapter in drawn])]
    addresses = iter(names)
    links = [f"{folder.name}/{next(addresses)}" if chapter in drawn else None for chapter in report.chapters]
    text = write_markdown(report, describe, now=now, version=version, pictures=links, template=template)
    return [
        *(
            OutputFile(folder / name, partial(write_picture, _figure(chapter), Format(pictures.value)), name)
            for chapter, name in zip(drawn, names, strict=True)
        ),
        OutputFile(output, lambda file: file.write(text.encode()), output.name),
    ]


def _figure(chapter: Chapter) -> Figure:
    from lazytrain.engine.export.pictures.figure import Figure, Group  # numpy

    groups = tuple(Group(name=setting.label, runs=setting.drawn) for setting in chapter.settings if setting.drawn)
    return Figure(groups=groups, title=chapter.title)
