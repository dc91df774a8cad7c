"""The subcommands that look: presets, runs, a run, what happened, this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lazytrain.engine.analysis.digest import SinceError, last_presence, make_report, read_since
from lazytrain.engine.analysis.facts import logged_accuracies
from lazytrain.engine.places import module_folder
from lazytrain.presets import load_catalogue
from lazytrain.tui.commands.completion import studies_and_runs
from lazytrain.tui.commands.options import (
    AsJson,
    Data,
    Device,
    Filter,
    Home,
    Ray,
    RunReference,
    Settings,
)
from lazytrain.tui.commands.report import PictureFormat, write_report
from lazytrain.tui.commands.shared import Refused, device_of, places_of
from lazytrain.tui.plain.digest import print_report
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import make_console, print_json
from lazytrain.tui.plain.overview import find_misfits, find_runs, presets_record, print_presets
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.plain.run_page import print_run
from lazytrain.tui.plain.run_record import run_record
from lazytrain.tui.plain.run_table import print_runs
from lazytrain.tui.state.environment import own_version
from lazytrain.tui.state.run_view import Order
from lazytrain.tui.words.digest import report_record

WRITTEN = "The written report"
"""What the options of one are listed under in the help."""


def presets(context: typer.Context, as_json: AsJson = False, home: Home = None) -> None:
    """List what can be trained."""
    places = places_of(context, home)
    catalogue = load_catalogue(places.presets)
    misfits = find_misfits(catalogue, module_folder(places.home))
    if as_json:
        print_json(presets_record(catalogue, misfits))
    else:
        print_presets(catalogue, misfits, make_console())


def runs(
    context: typer.Context,
    words: Filter = None,
    order: Annotated[Order, typer.Option("--sort", help="now: at work, queued, then newest first.")] = "now",
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """List the runs: all, or those that fit.

    For example: lazytrain runs coolnet 'lr>0.01' state:finished tag:night 'acc>60'. Archived runs are listed only by
    the word archived. A word is looked for in the name; : = != < > <= >= ask for a field, such as state,
    tag, acc, best or any hyperparameter.
    """
    with open_store(places_of(context, home).home) as store:
        found = find_runs(store, words or (), order)
        if as_json:
            print_json([run_record(store, run) for run in found])
        elif words and not found:
            write_line(sys.stderr, "no run fits")
        else:
            archived = sum(run.archived for run in store.runs())
            print_runs(found, make_console(), store.validated(), archived, logged_accuracies(store, found))


def show(context: typer.Context, run: RunReference, as_json: AsJson = False, home: Home = None) -> None:
    """Show a run: its settings, epochs and log."""
    with open_store(places_of(context, home).home) as store:
        found = store.find(run)
        if as_json:
            print_json(run_record(store, found))
        else:
            print_run(store, found, make_console())


def report(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY|RUN…]",
            help="Write about these: a study, or runs.",
            show_default=False,
            autocompletion=studies_and_runs,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="How long ago (8h, 90min), a time (23:00), or 'last': the last screen. [12h]"),
    ] = None,
    as_json: AsJson = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Write Markdown there, its pictures in a folder beside it.", rich_help_panel=WRITTEN
        ),
    ] = None,
    settings: Settings = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", metavar="N", help="The study was trained with N seeds.", rich_help_panel=WRITTEN),
    ] = None,
    pictures: Annotated[
        PictureFormat, typer.Option("--pictures", help="What pictures are.", rich_help_panel=WRITTEN)
    ] = PictureFormat.SVG,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", help="Write it by this Jinja2 template instead of the shipped one.", rich_help_panel=WRITTEN
        ),
    ] = None,
    print_template: Annotated[
        bool,
        typer.Option(
            "--print-template", help="Print the shipped template, to start one's own from.", rich_help_panel=WRITTEN
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.", rich_help_panel=WRITTEN)] = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Say what finished, what failed and why, and how good it got.

    With a study or runs, or with -o, it is a written report in Markdown: what was compared, a table, the curves, the
    configuration, how it was measured. Without -o it is printed, without pictures.
    """
    if print_template:
        from lazytrain.tui.words.written_report import shipped_template  # imports jinja2

        sys.stdout.write(shipped_template())
        return
    places = places_of(context, home, data)
    if what or output is not None:
        if as_json or since is not None:
            raise Refused("--since and --json go with the short report; `lazytrain export --format json` has it all")
        write_report(
            *(places, what or (), output),
            settings=settings or (),
            num_seeds=seeds,
            pictures=pictures,
            template=template,
            force=force,
            version=own_version(),
        )
        return
    if settings or seeds is not None or force or template is not None:
        raise Refused("--set, --seeds, --template and --force go with a study or with -o")
    with open_store(places.home) as store:
        now = store.clock()
        try:
            moment = read_since(since or "12h", now, last_presence(store.home))
        except SinceError as error:
            raise Refused(f"--since: {error}") from None
        found = make_report(store, moment, now)
    if as_json:
        print_json(report_record(found))
    else:
        print_report(found, make_console())


def doctor(
    context: typer.Context,
    as_json: AsJson = False,
    service: Annotated[
        bool, typer.Option("--service", help="Print a systemd user unit that trains the queue from boot on.")
    ] = False,
    ray: Ray = None,
    home: Home = None,
    data: Data = None,
    device: Device = None,
) -> None:
    """Say what is found here: device, data, terminal, store.

    Versions, the device and why, threads, the data, the settings, the terminal, the store; with --ray the nodes of
    a cluster and what differs there. Exit status 1 if a file of yours can't be used (settings, a preset, the store), or
    nothing could be trained on the cluster.
    """
    if service:
        from lazytrain.tui.plain.service import service_unit

        sys.stdout.write(service_unit(places_of(context, home, data), device_of(context, device)))
        return
    from lazytrain.tui.commands.doctor import examine, has_broken, print_findings  # imports torch

    findings = examine(places_of(context, home, data), device_of(context, device), cluster=ray)
    if as_json:
        print_json({section: dict(lines) for section, lines in findings.items()})
    else:
        print_findings(findings, make_console())
    if has_broken(findings):
        raise typer.Exit(1)
