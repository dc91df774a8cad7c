"""What the screens can write of runs and studies, and writing it off the screen's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lazytrain.engine.analysis.gathered import names_of
from lazytrain.engine.export.files import file_name, write_files
from lazytrain.engine.export.formats import Format, default_output, plan_export
from lazytrain.engine.records import Kind as RunKind
from lazytrain.engine.records import Run

REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is taken away: runs, or a study with those of its runs that are there."""

    runs: tuple[Run, ...] = ()
    study: str | None = None

    @property
    def name(self) -> str:
        return self.study or names_of(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A line to choose from."""

    key: str
    label: str
    about: str


_OF_LOGGED = {
    Format.CSV: "a table: a line a value of a metric",
    Format.JSON: Format.JSON.about,
    Format.TENSORBOARD: Format.TENSORBOARD.about,
    Format.SVG: "a picture with a chart of each metric, sharp at any size",
    Format.PNG: Format.PNG.about,
}
"""What is made of runs that programs and commands of one's own train."""


def kinds(taken: Taken) -> tuple[Kind, ...]:
    """What can be made of it."""
    report = Kind(key=REPORT, label="report", about="tables, curves and configuration, in Markdown")
    if taken.study is not None:
        return (report,)
    if taken.runs and all(run.kind is not RunKind.OWN for run in taken.runs):  # they keep their weights themselves
        return (*(Kind(key=form.value, label=form.value, about=about) for form, about in _OF_LOGGED.items()), report)
    weights = Kind(key="weights last", label="weights, last", about="the same of its newest checkpoint")
    forms = tuple(Kind(key=form.value, label=form.value, about=form.about) for form in Format)
    return (*forms, weights, report)


def default_path(taken: Taken, key: str) -> Path:
    """Where it goes unless another place is written, in the current folder."""
    if key == REPORT:
        return Path(f"{file_name(taken.name)}-report.md")
    return default_output(taken.runs, Format(key.split(maxsplit=1)[0]))


def take_away(
    home: Path,
    data: Path,
    taken: Taken,
    key: str,
    output: Path,
    *,
    force: bool,
    tell: Callable[[int, int, str], None],
) -> Sequence[Path]:
    """Write it, in whatever thread this is called; returns the files.

    Raises:
        AlreadyThere: a file is there, and `force` isn't given.
        ExportError, RunNotFound, RunUnreadable, StoreError, PresetError: it can't be done; the message says what to do.
    """
    from lazytrain.engine.store.store import Store
    from lazytrain.tui.state.dataset_lookup import DatasetShelf
    from lazytrain.tui.state.environment import Places

    places = Places(home=home, data=data)
    describe = DatasetShelf(places.data, places.cache).describe
    with Store(home) as store:
        if key == REPORT:
            from lazytrain.engine.export.written_report import report_study
            from lazytrain.presets import load_catalogue
            from lazytrain.tui.state.environment import own_version
            from lazytrain.tui.state.report_files import make_written_report, report_files
            from lazytrain.tui.state.study_marks import how_launched

            catalogue = load_catalogue(places.presets)
            if taken.study is not None and taken.study not in catalogue.command_studies:
                launched = how_launched(store, store.runs(), catalogue, taken.study)
                settings, num_seeds = launched.settings, launched.num_seeds
                report = report_study(store, catalogue, taken.study, describe, settings=settings, num_seeds=num_seeds)
            else:
                named = [taken.study] if taken.study is not None else [run.id for run in taken.runs]
                report = make_written_report(store, catalogue, named, describe)
            files = report_files(report, describe, output, now=store.clock(), version=own_version())
        else:
            form, _, which = key.partition(" ")
            files = plan_export(
                *(store, taken.runs, Format(form), output),
                describe=describe,
                which="last" if which == "last" else "best",
            )
    return write_files(files, force=force, tell=tell)
