"""`lazytrain report STUDY|RUN… -o report.md`: the written report, with its pictures in a folder beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lazytrain.engine.export.files import write_files
from lazytrain.engine.places import expand
from lazytrain.tui.commands.export import Teller, print_paths
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import Places
from lazytrain.tui.state.report_files import PictureFormat, make_written_report, report_files

if TYPE_CHECKING:
    from lazytrain.engine.queue.studies import Describe


def write_report(
    places: Places,
    references: Sequence[str],
    output: Path | None,
    *,
    settings: Sequence[str] = (),
    num_seeds: int | None = None,
    pictures: PictureFormat = PictureFormat.SVG,
    template: Path | None = None,
    force: bool = False,
    version: str,
) -> None:
    """Write the report of a study or of runs (none named: all that aren't archived) to `output`, or print it.

    Args:
        template: a person's own, instead of the shipped one.

    Raises:
        ExportError: a file is there already, or can't be written; options don't go together; or `template` can't be
            read, or has a mistake.
        RunNotFound, RunUnreadable, PresetError: what is named isn't there, or can't be used.
    """
    from lazytrain.presets import load_catalogue
    from lazytrain.tui.state.dataset_lookup import DatasetShelf
    from lazytrain.tui.words.written_report import write_markdown  # imports jinja2

    template = expand(template) if template is not None else None
    describe: Describe = DatasetShelf(places.data, places.cache).describe
    catalogue = load_catalogue(places.presets)
    with open_store(places.home) as store:
        report = make_written_report(
            *(store, catalogue, references, describe),
            settings=settings,
            num_seeds=num_seeds,
            tell=partial(write_line, sys.stderr),
        )
        now = store.clock()
    output = expand(output) if output is not None else None
    if output is None:
        sys.stdout.write(write_markdown(report, describe, now=now, version=version, template=template))
        return
    files = report_files(report, describe, output, pictures=pictures, now=now, version=version, template=template)
    print_paths(write_files(files, force=force, tell=Teller(sys.stderr)))
