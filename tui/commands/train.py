"""The subcommands that train, or queue what is to be trained."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from lazytrain.engine.records import Run
from lazytrain.engine.settings.niceness import be_nice, num_jobs
from lazytrain.engine.settings.settings import Settings as HomeSettings
from lazytrain.engine.settings.settings import load_settings
from lazytrain.engine.store.store import Store
from lazytrain.presets import DEFAULT
from lazytrain.tui.commands.command import (
    After,
    CommandOptions,
    CommandWanted,
    Environment,
    Folder,
    NeedsOption,
    Project,
)
from lazytrain.tui.commands.options import (
    ArchitectureName,
    CpusPerRun,
    Data,
    Device,
    GpusPerRun,
    Home,
    HyperparametersName,
    Jobs,
    Name,
    Ray,
    Settings,
)
from lazytrain.tui.commands.shared import Refused, device_of, places_of
from lazytrain.tui.plain.follow import follow_run
from lazytrain.tui.plain.interrupts import Interrupts
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.reporters import make_reporter, write_line
from lazytrain.tui.plain.working import MOST_JOBS, MOST_REMOTE_JOBS, ClusterOptions, work_cluster, work_queue
from lazytrain.tui.state.configure import check_device, configure
from lazytrain.tui.state.environment import Places
from lazytrain.tui.terminal.outlet import Outlet


def train(
    context: typer.Context,
    architecture: ArchitectureName = None,
    hyperparameters: HyperparametersName = DEFAULT,
    *,
    settings: Settings = None,
    device: Device = None,
    name: Name = None,
    now: Annotated[
        bool, typer.Option("--now", help="Wait neither for a busy device, which is shared, nor for the hours.")
    ] = False,
    project: Project = None,
    cwd: Folder = None,
    env: Environment = None,
    needs: NeedsOption = None,
    after: After = None,
    home: Home = None,
    data: Data = None,
) -> None:
    """Train a run here, without a screen.

    Of a net, by two presets; or a command of your own, by a preset of it or as it stands after --, as in:
    lazytrain train -- python train.py --lr 0.1

    Prints its id first. Exit status: 0 finished, 1 failed, 2 refused before it started, 130 stopped and kept.
    """
    places, asked = places_of(context, home, data), device_of(context, device)
    load_settings(places.home)
    options = CommandOptions(project=project, folder=cwd, environment=env, needs=needs, after=after)
    add = _wanted(context, places, (architecture, hyperparameters), settings, asked, name, options)
    from lazytrain.engine.queue.runner import Runner

    with Interrupts() as interrupts, open_store(places.home, "lazytrain train") as store:
        run = _tell(store, add(store))
        status = follow_run(
            store,
            run.id,
            lambda: Runner(
                places.home,
                places.data,
                device=asked,
                only=run.id,
                share=now,
                command=f"lazytrain train ({run.shown_name})",
                may_train=(lambda: None) if now else None,
            ),
            make_reporter(sys.stdout, sys.stderr),
            interrupts,
        )
    raise typer.Exit(status)


def queue(
    context: typer.Context,
    architecture: ArchitectureName = None,
    hyperparameters: HyperparametersName = DEFAULT,
    *,
    settings: Settings = None,
    device: Device = None,
    name: Name = None,
    project: Project = None,
    cwd: Folder = None,
    env: Environment = None,
    needs: NeedsOption = None,
    after: After = None,
    home: Home = None,
    data: Data = None,
) -> None:
    """Queue a run; prints its id.

    Of a net, by two presets; or a command of your own, by a preset of it or as it stands after --, as in:
    lazytrain queue --name night-1 -- python train.py --lr 0.1

    An open screen or `lazytrain work` trains it.
    """
    places = places_of(context, home, data)
    options = CommandOptions(project=project, folder=cwd, environment=env, needs=needs, after=after)
    presets = (architecture, hyperparameters)
    add = _wanted(context, places, presets, settings, device_of(context, device), name, options)
    with open_store(places.home) as store:
        run = _tell(store, add(store))
        if not store.runners():
            write_line(sys.stderr, f"queued {run.shown_name}; nothing trains yet: `lazytrain work` trains the queue")


def _wanted(
    context: typer.Context,
    places: Places,
    presets: tuple[str | None, str],
    settings: list[str] | None,
    device: str,
    name: str | None,
    options: CommandOptions,
) -> Callable[[Store], Run]:
    """What queues the run that was asked for, checked as far as it can be without the store."""
    architecture, hyperparameters = presets
    command = CommandWanted(context, places, architecture, settings, options)
    if command or architecture is None:
        return lambda store: command.add(store, name)
    configuration = configure(places, architecture, hyperparameters, settings or (), device)
    return lambda store: store.add_run(configuration, name)


def _tell(store: Store, run: Run) -> Run:
    """Print the id of a run that was queued; where nobody can be told of it, it isn't left behind."""
    try:
        write_line(sys.stdout, run.id)
    except BrokenPipeError as error:
        # A reader that has seen enough is no reason to lose a run.
        Outlet(sys.stdout).lose(error)
    except OSError:
        store.discard(run.id)
        raise
    return run


def work(
    context: typer.Context,
    jobs: Jobs = None,
    ray: Ray = None,
    cpus_per_run: CpusPerRun = 1.0,
    gpus_per_run: GpusPerRun = 0.0,
    forever: Annotated[bool, typer.Option("--forever", help="Wait for new runs when the queue is empty.")] = False,
    home: Home = None,
    data: Data = None,
    device: Device = None,
) -> None:
    """Train the queue, without a screen, until it is empty.

    Here, or with --ray on all machines of a Ray cluster, as many runs at once as fit.

    Exit status: 0 all finished, 1 a run failed, 130 stopped by Ctrl-C (what was trained is kept).
    """
    places, asked = places_of(context, home, data), device_of(context, device)
    settings = load_settings(places.home)
    cluster = _cluster(context, ray, cpus_per_run, gpus_per_run, asked)
    if cluster is not None:
        most = None if jobs in (None, "auto") else _num_jobs(jobs, settings, MOST_REMOTE_JOBS)
        be_nice(settings.nice)
        raise typer.Exit(work_cluster(places, cluster, most, forever=forever))
    count = _num_jobs(jobs or "1", settings)
    check_device(asked)
    be_nice(settings.nice)
    raise typer.Exit(work_queue(places, asked, count, forever=forever))


def _cluster(
    context: typer.Context, address: str | None, cpus: float, gpus: float, device: str
) -> ClusterOptions | None:
    """What `--ray` and its like ask for, checked as far as it can be without the cluster; None without `--ray`."""
    if address is None:
        for name in ("cpus_per_run", "gpus_per_run"):
            source = context.get_parameter_source(name)
            if source is not None and source.name != "DEFAULT":
                raise Refused(f"--{name.replace('_', '-')} is for runs on a cluster: name that by --ray")
        return None
    if device != "auto":
        raise Refused(f"--device {device} is for this machine: what runs get of a cluster says --gpus-per-run")
    if not cpus and not gpus:
        raise Refused("--cpus-per-run 0: a run needs a CPU or a GPU; --gpus-per-run says how much of one")
    if gpus > 1 and gpus != int(gpus):
        raise Refused(f"--gpus-per-run {gpus:g}: a part of one GPU, such as 0.25, or a whole number")
    from lazytrain.engine.cluster.joining import import_ray

    import_ray(address)  # Whether it is there is known at once.
    return ClusterOptions(address=address, cpus=cpus, gpus=gpus)


def _num_jobs(jobs: str, settings: HomeSettings, most: int = MOST_JOBS) -> int:
    if jobs == "auto":
        return num_jobs(os.cpu_count() or 1, keep_core_free=settings.keep_core_free)
    if not jobs.isdecimal() or len(jobs) > len(str(most)) or not 1 <= int(jobs) <= most:
        raise Refused(f"--jobs: {jobs!r} must be 'auto' or a number from 1 to {most}")
    return int(jobs)
