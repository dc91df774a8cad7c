"""The subcommands: the same verbs as the screen's keys, for scripts and for those who want no screen.

Each is a few lines over the store; what they print is in `tui.output`, `tui.listing` and `tui.reporters`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from engine.background import be_nice, num_jobs
from engine.database import StoreError
from engine.datasets import DatasetError
from engine.errors import DeviceError
from engine.export.files import ExportError
from engine.learned import InspectionError
from engine.queries import QueryError
from engine.records import Run, State
from engine.report import SinceError, last_presence, make_report, read_since
from engine.settings import Settings as HomeSettings
from engine.settings import load_settings
from engine.store import NotPossible, RunNotFound, Store
from presets import DEFAULT, PresetError, load_catalogue
from tui.configure import check_device, configure
from tui.export_command import export
from tui.follow import FINISHED, REFUSED, follow_run, wait_until_confirmed
from tui.interrupts import Interrupts
from tui.label_commands import LabelError, archive, note, tag
from tui.learned_command import confusion, mistakes
from tui.listing import find_runs, presets_record, print_presets
from tui.opening import open_store
from tui.options import (
    ArchitectureName,
    AsJson,
    Data,
    Device,
    Filter,
    Home,
    HyperparametersName,
    Jobs,
    Name,
    RunReference,
    Settings,
)
from tui.output import make_console, print_json, print_run, print_runs, run_record
from tui.places import Places, find_places
from tui.plot_command import plot
from tui.report import print_report, report_record
from tui.report_command import PictureFormat, write_report
from tui.reporters import make_reporter, write_line
from tui.run_view import Order
from tui.study_command import study
from tui.text import state_look
from tui.working import MOST_JOBS, work_queue


class Refused(RuntimeError):
    """What was asked for is not done; the message says why and what to do."""


USER_ERRORS = (
    PresetError,
    DatasetError,
    StoreError,
    RunNotFound,
    NotPossible,
    DeviceError,
    ExportError,
    InspectionError,
    QueryError,
    LabelError,
    Refused,
)
"""What a person can put right: told in a sentence or two, with exit status 2."""

app = typer.Typer(
    help="A terminal monitor that also trains: without a subcommand the screen opens.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run `lazytrain` with `arguments`; returns the exit status. A person's mistake is no traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a glyph shows a question mark instead of ending the command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(list(arguments), prog_name="lazytrain")
    except USER_ERRORS as error:
        write_line(sys.stderr, f"lazytrain: {error}")
        return REFUSED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FINISHED if end.code is None else 1
    return FINISHED


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    home: Home = None,
    data: Data = None,
    device: Device = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if show_version:
        write_line(sys.stdout, f"lazytrain {own_version()}")
        raise typer.Exit
    context.obj = (home, data, device)
    if context.invoked_subcommand is None:
        from tui.start import start_screen  # textual is for the screen alone

        raise typer.Exit(start_screen(find_places(home, data), device or "auto"))


# ── looking ────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def presets(context: typer.Context, as_json: AsJson = False, home: Home = None) -> None:
    """List what can be trained."""
    catalogue = load_catalogue(_places(context, home).presets)
    if as_json:
        print_json(presets_record(catalogue))
    else:
        print_presets(catalogue, make_console())


@app.command()
def runs(
    context: typer.Context,
    words: Filter = None,
    order: Annotated[Order, typer.Option("--sort", help="now: at work, queued, then newest first.")] = "now",
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """List the runs: all, or those that fit.

    For example: lazytrain runs coolnet 'lr>0.01' state:finished tag:night 'acc>60'. Archived runs are listed only by
    the word archived. README.md has the whole of it.
    """
    with open_store(_places(context, home).home) as store:
        found = find_runs(store, words or (), order)
        if as_json:
            print_json([run_record(store, run) for run in found])
        elif words and not found:
            write_line(sys.stderr, "no run fits")
        else:
            print_runs(found, make_console())


@app.command()
def show(context: typer.Context, run: RunReference, as_json: AsJson = False, home: Home = None) -> None:
    """Show a run: its settings, epochs and log."""
    with open_store(_places(context, home).home) as store:
        found = store.find(run)
        if as_json:
            print_json(run_record(store, found))
        else:
            print_run(store, found, make_console())


@app.command()
def report(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY|RUN…]", help="Write about these: a study, or runs.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="How long ago (8h, 90min), a time (23:00), or 'last': the last screen. [12h]"),
    ] = None,
    as_json: AsJson = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write Markdown there, its pictures in a folder beside it.")
    ] = None,
    settings: Settings = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="The study was trained with N seeds.")
    ] = None,
    pictures: Annotated[PictureFormat, typer.Option("--pictures", help="What pictures are.")] = PictureFormat.SVG,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Say what finished, what failed and why, and how good it got.

    With a study or runs, or with -o, it is a written report in Markdown: what was compared, a table, the curves, the
    configuration, how it was measured. Without -o it is printed, without pictures.
    """
    places = _places(context, home, data)
    if what or output is not None:
        if as_json or since is not None:
            raise Refused("--since and --json go with the short report; `lazytrain export --format json` has it all")
        write_report(
            *(places, what or (), output),
            settings=settings or (),
            num_seeds=seeds,
            pictures=pictures,
            force=force,
            version=own_version(),
        )
        return
    if settings or seeds is not None or force:
        raise Refused("--set, --seeds and --force go with a study or with -o")
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


app.command()(plot)
app.command()(export)


@app.command()
def doctor(
    context: typer.Context,
    as_json: AsJson = False,
    service: Annotated[
        bool, typer.Option("--service", help="Print a systemd user unit that trains the queue from boot on.")
    ] = False,
    home: Home = None,
    data: Data = None,
    device: Device = None,
) -> None:
    """Say what is found here: device, data, terminal, …

    Versions, the device and why, threads, the data, the settings, the terminal, the store.
    """
    if service:
        from tui.service import service_unit

        sys.stdout.write(service_unit(_places(context, home, data), _device(context, device)))
        return
    from tui.doctor import examine, print_findings  # imports torch

    findings = examine(_places(context, home, data), _device(context, device))
    if as_json:
        print_json({section: dict(lines) for section, lines in findings.items()})
    else:
        print_findings(findings, make_console())


# ── training ───────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def train(
    context: typer.Context,
    architecture: ArchitectureName,
    hyperparameters: HyperparametersName = DEFAULT,
    *,
    settings: Settings = None,
    device: Device = None,
    name: Name = None,
    now: Annotated[
        bool, typer.Option("--now", help="Wait neither for a busy device, which is shared, nor for the hours.")
    ] = False,
    home: Home = None,
    data: Data = None,
) -> None:
    """Train a run here, without a screen.

    Prints its id first. Exit status: 0 finished, 1 failed, 2 refused before it started, 130 stopped and kept.
    """
    places, asked = _places(context, home, data), _device(context, device)
    load_settings(places.home)
    configuration = configure(places, architecture, hyperparameters, settings or (), asked)
    from engine.runner import Runner

    with Interrupts() as interrupts, open_store(places.home) as store:
        run = store.add_run(configuration, name)
        write_line(sys.stdout, run.id)
        status = follow_run(
            store,
            run.id,
            lambda: Runner(
                places.home,
                places.data,
                device=asked,
                only=run.id,
                share=now,
                command=f"lazytrain train ({run.name})",
                may_train=(lambda: None) if now else None,
            ),
            make_reporter(sys.stdout, sys.stderr),
            interrupts,
        )
    raise typer.Exit(status)


@app.command()
def queue(
    context: typer.Context,
    architecture: ArchitectureName,
    hyperparameters: HyperparametersName = DEFAULT,
    *,
    settings: Settings = None,
    device: Device = None,
    name: Name = None,
    home: Home = None,
    data: Data = None,
) -> None:
    """Queue a run; prints its id.

    An open screen or `lazytrain work` trains it.
    """
    places = _places(context, home, data)
    configuration = configure(places, architecture, hyperparameters, settings or (), _device(context, device))
    with open_store(places.home) as store:
        run = store.add_run(configuration, name)
        write_line(sys.stdout, run.id)
        if not store.runners():
            write_line(sys.stderr, f"queued {run.name}; nothing trains yet: `lazytrain work` trains the queue")


@app.command()
def work(
    context: typer.Context,
    jobs: Jobs = "1",
    forever: Annotated[bool, typer.Option("--forever", help="Wait for new runs when the queue is empty.")] = False,
    home: Home = None,
    data: Data = None,
    device: Device = None,
) -> None:
    """Train the queue, without a screen, until it is empty.

    Exit status: 0 all finished, 1 a run failed, 130 stopped by Ctrl-C (what was trained is kept).
    """
    places, asked = _places(context, home, data), _device(context, device)
    settings = load_settings(places.home)
    count = _num_jobs(jobs, settings)
    check_device(asked)
    be_nice(settings.nice)
    raise typer.Exit(work_queue(places, asked, count, forever=forever))


app.command()(study)
app.command()(confusion)
app.command()(mistakes)


# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def pause(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Pause a run; it stays in memory."""
    _ask(_places(context, home), run, Store.pause)


@app.command()
def resume(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Let a run go on, or queue it again.

    A paused run goes on at once; a stopped, failed or interrupted one is queued again.
    """
    _ask(_places(context, home), run, Store.resume)


@app.command()
def stop(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Stop a run and keep it; `resume` goes on."""
    _ask(_places(context, home), run, Store.stop)


@app.command()
def discard(
    context: typer.Context,
    run: RunReference,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    home: Home = None,
) -> None:
    """Delete a run and its checkpoints; asks first."""
    with open_store(_places(context, home).home) as store:
        found = store.find(run)
        what = f"{found.name} ({found.id}, {found.state}, {found.epoch} of {found.num_epochs} epochs)"
        if not yes:
            if not sys.stdin.isatty():
                raise Refused(f"discarding {what} deletes it for good: say so with --yes")
            if not typer.confirm(f"Delete {what} for good?", err=True):
                raise typer.Exit(REFUSED)
        store.discard(found.id)
        try:
            wait_until_confirmed(store, found.id)
        except RunNotFound:
            write_line(sys.stdout, f"discarded: {what}")
        else:
            write_line(sys.stdout, f"asked to discard {what}: deleted as soon as its trainer leaves it")


@app.command()
def rename(
    context: typer.Context,
    run: RunReference,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    home: Home = None,
) -> None:
    """Give a run another name."""
    with open_store(_places(context, home).home) as store:
        found = store.find(run)
        try:
            renamed = store.rename(found.id, name)
        except ValueError as error:
            raise Refused(str(error)) from None
        write_line(sys.stdout, f"{found.name} is now {renamed.name}")


# Words that begin with - are tags to take away: only the long form of an option is one.
app.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})(tag)
app.command()(note)
app.command()(archive)


# ── shared ─────────────────────────────────────────────────────────────────────────────────────────────────


def own_version() -> str:
    """The installed version."""
    try:
        return version("lazytrain")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"


def _places(context: typer.Context, home: Path | None, data: Path | None = None) -> Places:
    """Options after the subcommand, else those before it, else the environment."""
    outer_home, outer_data, _ = context.obj
    return find_places(home or outer_home, data or outer_data)


def _num_jobs(jobs: str, settings: HomeSettings) -> int:
    if jobs == "auto":
        return num_jobs(os.cpu_count() or 1, keep_core_free=settings.keep_core_free)
    if not jobs.isdecimal() or not 1 <= int(jobs) <= MOST_JOBS:
        raise Refused(f"--jobs: {jobs!r} must be 'auto' or a number from 1 to {MOST_JOBS}")
    return int(jobs)


def _device(context: typer.Context, device: str | None) -> str:
    return device or context.obj[2] or "auto"


def _ask(places: Places, reference: str, wish: Callable[[Store, str], Run]) -> None:
    """Write a wish into the store, wait a moment for training to confirm it, and print how the run stands."""
    with open_store(places.home) as store:
        found = store.find(reference)
        wish(store, found.id)
        try:
            run = wait_until_confirmed(store, found.id)
        except RunNotFound:
            raise Refused(f"{found.name} ({found.id}) was discarded meanwhile") from None
        if run.pending is not None:
            standing = state_look(run).word
            write_line(sys.stdout, f"asked {run.name} ({run.id}) to {run.pending}: not confirmed yet, it is {standing}")
            return
        hint = ""
        if run.state is State.QUEUED and not store.runners():
            hint = ": nothing trains yet, `lazytrain work` trains the queue"
        write_line(sys.stdout, f"{state_look(run)}: {run.name} ({run.id}){hint}")
