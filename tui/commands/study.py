"""`lazytrain study`: show what a study would train, with the expected times, then train or queue it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from lazytrain.engine.data.datasets import DatasetError, DatasetFacts
from lazytrain.engine.queue.studies import Standing, Twins, plan_study
from lazytrain.engine.records import Run
from lazytrain.engine.settings.settings import load_settings
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.presets import Catalogue, Hyperparameters, PresetError, load_catalogue, parse_setting
from lazytrain.tui.commands.command_study import CommandStudyRuns, underway
from lazytrain.tui.commands.completion import studies
from lazytrain.tui.commands.options import AsJson, Data, Device, Home, Settings
from lazytrain.tui.plain.follow import FAILED, FINISHED, REFUSED, follow_run
from lazytrain.tui.plain.interrupts import Interrupts
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import make_console, print_json, print_table
from lazytrain.tui.plain.reporters import make_reporter, tell_line, write_line
from lazytrain.tui.state.configure import anchor, check_device
from lazytrain.tui.state.dataset_lookup import DatasetShelf
from lazytrain.tui.state.environment import Places, find_places
from lazytrain.tui.state.headline import Expectation
from lazytrain.tui.state.study_plan import StudyDraft, StudyRow, queue_rows
from lazytrain.tui.state.study_words import describe_end, describe_reuse, describe_row, describe_seconds, describe_total
from lazytrain.tui.words.text import STATE_LOOKS

WAIT_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""How long another process that trains may take for its next answer before the rest is found out here."""


def study(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="One of those in `lazytrain presets`.", show_default=False, autocompletion=studies
        ),
    ],
    *,
    settings: Settings = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="Train each with N seeds; the study's own by default.")
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Only queue: a screen or `lazytrain work` trains it.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Train anew what is there already.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before it begins.")] = False,
    as_json: AsJson = False,
    device: Device = None,
    home: Home = None,
    data: Data = None,
) -> None:
    """Train the runs of a study here, or queue them.

    One after another. Shows them first, with the expected times. What was trained before, by itself or in another
    study, isn't trained again; what was stopped goes on, or starts again where it is a command. With --json it only
    says what it would do, unless --queue is given too.

    Exit status: 0 all finished, 1 one failed or can't be trained, 2 refused, 130 stopped and kept.
    """
    outer_home, outer_data, outer_device = context.obj
    places, asked = find_places(home or outer_home, data or outer_data), device or outer_device or "auto"
    load_settings(places.home)
    catalogue = load_catalogue(places.presets)
    if name in catalogue.command_studies:
        commands = CommandStudyRuns(catalogue, name, settings or (), seeds, again=again)
        check_device(asked)
        with open_store(places.home, "lazytrain study") as store:
            raise typer.Exit(_run_commands(places, store, commands, asked, queue=queue, yes=yes, as_json=as_json))
    shelf = DatasetShelf(places.data, places.cache)
    planned = plan_study(
        catalogue,
        name,
        lambda values: _describe(shelf, values),
        device=asked,
        module_folder=places.presets,
        settings=anchor(dict(parse_setting(text) for text in settings or ())),
        num_seeds=seeds,
    )
    check_device(asked)
    with open_store(places.home, "lazytrain study") as store:
        draft = StudyDraft(planned, again=again)
        rows = _find_out(store, draft, asked)
        expectation = Expectation(store, shelf)
        end = describe_end(rows, store.runs(), expectation.seconds, store.clock())
        if not as_json:
            _print(rows, end)
        chosen = [row for row in rows if row.chosen]
        refused = [row for row in rows if row.refusal is not None]
        if refused and not chosen and all(row.standing is Standing.NEW for row in rows):
            raise PresetError(f"nothing of {name} can be trained: {refused[0].refusal}")
        if as_json and not queue:
            print_json(_record(catalogue, name, rows))
            return
        if chosen and not (yes or queue or _confirm(len(chosen))):
            raise typer.Exit(REFUSED)
        queued = queue_rows(store, rows)
        if queue:
            try:
                _tell_queued(store, _record(catalogue, name, rows) if as_json else None, queued)
            except BrokenPipeError:
                raise
            except OSError:
                # Nobody can be told of them: none is left behind.
                twins = {row.twin.id for row in rows if row.twin is not None}
                for run in queued:
                    (store.stop if run.id in twins else store.discard)(run.id)
                raise
            raise typer.Exit(FAILED if refused else FINISHED)
        waiting = [row.twin for row in rows if row.twin and not row.again and row.standing is Standing.UNDERWAY]
        status = _train(places, store, name, asked, [*waiting, *queued])
    raise typer.Exit(status or (FAILED if refused else FINISHED))


def _run_commands(
    places: Places,
    store: Store,
    commands: CommandStudyRuns,
    device: str,
    *,
    queue: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """The same of a study whose runs are commands; the exit status."""
    rows = commands.rows(store)
    if as_json and not queue:
        print_json(commands.record(rows))
        return FINISHED
    if not as_json:
        commands.show(rows)
    chosen = sum(row.chosen for row in rows)
    if chosen and not (yes or queue or _confirm(chosen)):
        return REFUSED
    queued = commands.queue(store, rows)
    if queue:
        try:
            _tell_queued(store, commands.record(rows) if as_json else None, queued)
        except BrokenPipeError:
            raise
        except OSError:
            # Nobody can be told of them: none is left behind.
            for run in queued:
                store.discard(run.id)
            raise
        return FINISHED
    return _train(places, store, commands.name, device, [*underway(rows), *queued])


def _describe(shelf: DatasetShelf, values: Hyperparameters) -> DatasetFacts | DatasetError:
    return (shelf.known(values) if shelf.is_found(values) else None) or shelf.find(values)


def _confirm(count: int) -> bool:
    """Ask, where somebody can answer."""
    if not sys.stdin.isatty():
        return True
    return typer.confirm(f"Train {count} run{'' if count == 1 else 's'} now?", default=True, err=True)


# ── times and checks ───────────────────────────────────────────────────────────────────────────────────────


def _find_out(store: Store, draft: StudyDraft, asked: str) -> list[StudyRow]:
    """The study's rows, each checked, with the times that can be had: from who trains now, else measured here."""
    twins, silent = Twins(), 0.0
    wait = threading.Event().wait
    before = -1
    while True:
        rows = draft.rows(store, twins, store.runs(), measure=True)
        unknown = sum(row.check.pending or (row.estimate is not None and row.estimate.pending) for row in rows)
        if not unknown:
            _tell_measuring(0)
            return rows
        if unknown != before:
            _tell_measuring(unknown)
            silent, before = 0.0, unknown
        if store.runners() and silent < PATIENCE_SECONDS:
            wait(WAIT_SECONDS)
            silent += WAIT_SECONDS
        else:
            _answer(store, asked)


def _answer(store: Store, asked: str) -> None:
    """Find the newest answer out in this process."""
    from lazytrain.engine.compute.device import choose_device  # imports torch
    from lazytrain.engine.queue.answers import Answers
    from lazytrain.engine.store.journal import Journal

    with Journal(store.home) as journal, contextlib.closing(Answers()) as answers:
        answers.wait(journal, choose_device(asked).device)


def _tell_measuring(count: int) -> None:
    """A line that goes away, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[Kmeasuring: {count} to go…" if count else "\r\x1b[K")
        sys.stderr.flush()


# ── saying it ──────────────────────────────────────────────────────────────────────────────────────────────


def _print(rows: Sequence[StudyRow], end: str) -> None:
    console = make_console()
    cells = [
        (_glyph(row), row.planned.short_name, str(row.planned.configuration.hyperparameters.epochs), *_outlook(row))
        for row in rows
    ]
    print_table(console, ("", "+run", ">epochs", ">time", "what"), cells)
    for reason in dict.fromkeys(row.refusal for row in rows if row.refusal is not None):
        console.print(f"can't be trained: {reason}", style="red", soft_wrap=True)
    total = describe_total(rows, "time unknown")
    console.print(" · ".join(part for part in (total, end) if part), style="bold", soft_wrap=True)
    reuse = describe_reuse(rows)
    if reuse:
        console.print(f"{reuse}; --again trains anew", soft_wrap=True)


def _glyph(row: StudyRow) -> Text:
    if row.refusal is not None:
        return Text("⚠", style="red")
    if row.chosen:
        return Text("·")
    return Text(STATE_LOOKS[row.twin.state].glyph if row.twin is not None else " ")


def _outlook(row: StudyRow) -> tuple[str, str]:
    """Expected time, and what becomes of the run."""
    if row.refusal is not None:
        return "", "can't be trained"
    twin = f" ({row.twin.id})" if row.twin is not None else ""
    if not row.chosen:
        return "", f"{describe_row(row)}{twin}"
    match row.standing:
        case Standing.NEW:
            what = "to train"
        case Standing.KEPT if row.twin is not None:
            what = f"goes on after epoch {row.twin.epoch}{twin}"
        case _:
            what = f"again{twin}"
    return describe_seconds(row), what


def _record(catalogue: Catalogue, name: str, rows: Sequence[StudyRow]) -> dict[str, Any]:
    """The plan for scripts; `run` is the id of the one that is there, times are in seconds."""
    return {
        "study": name,
        "title": catalogue.study(name).title,
        "runs": [
            {
                "name": row.planned.name,
                "architecture": row.planned.configuration.architecture_name,
                "hyperparameters_preset": row.planned.configuration.hyperparameters_name,
                "hyperparameters": row.planned.configuration.hyperparameters.model_dump(),
                "identity": row.planned.identity,
                "standing": row.standing.value,
                "run": row.twin.id if row.twin is not None else None,
                "train": row.chosen,
                "expected_seconds": row.seconds_to_go,
                "error": row.refusal,
            }
            for row in rows
        ],
    }


def _tell_queued(store: Store, record: dict[str, Any] | None, queued: Sequence[Run]) -> None:
    if record is not None:
        print_json({**record, "queued": [run.id for run in queued]})
    else:
        for run in queued:
            write_line(sys.stdout, f"{run.id}  {run.shown_name}")
    if queued and not store.runners():
        write_line(sys.stderr, f"queued {len(queued)}; nothing trains yet: `lazytrain work` trains the queue")


# ── training ───────────────────────────────────────────────────────────────────────────────────────────────


def _train(places: Places, store: Store, name: str, device: str, runs: Sequence[Run]) -> int:
    """Train, or follow where it is trained already, one after another; a failure doesn't end it. The exit status."""
    from lazytrain.engine.queue.runner import Runner

    status = FINISHED
    with Interrupts() as interrupts:
        for number, run in enumerate(runs, start=1):
            tell_line(sys.stdout, f"{number}/{len(runs)}  {run.id}  {run.shown_name}")

            def make_runner(only: str = run.id) -> Runner:
                return Runner(places.home, places.data, device=device, only=only, command=f"lazytrain study {name}")

            ended = _follow(store, run, make_runner, interrupts)
            if interrupts.received is not None:
                rest = len(runs) - number
                if rest:
                    tell_line(sys.stderr, f"{rest} more stay in the queue: `lazytrain work` trains them")
                return ended
            status = status or (FAILED if ended else FINISHED)
    return status


def _follow(store: Store, run: Run, make_runner: Callable[[], Any], interrupts: Interrupts) -> int:
    try:
        return follow_run(store, run.id, make_runner, make_reporter(sys.stdout, sys.stderr), interrupts)
    except RunNotFound:
        tell_line(sys.stderr, f"{run.shown_name} ({run.id}) was discarded meanwhile")
        return FAILED
