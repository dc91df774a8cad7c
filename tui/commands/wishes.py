"""The subcommands that ask something of a run, wherever it is trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Annotated

import typer

from lazytrain.engine.records import ACTIVE, Kind, Run, State
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.tui.commands.options import (
    Home,
    RunReference,
    RunReferences,
)
from lazytrain.tui.commands.shared import Refused, places_of
from lazytrain.tui.plain.follow import REFUSED, wait_until_confirmed
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import Places
from lazytrain.tui.words.text import state_look


def pause(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Pause a run; it stays in memory."""
    _ask(places_of(context, home), run, Store.pause, ACTIVE - {State.PAUSED}, ACTIVE)


def resume(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Let a run go on, or queue it again.

    A paused run goes on at once; a stopped, failed or interrupted one is queued again.
    """
    resumable = {state for state in State if state.resumable}
    _ask(places_of(context, home), run, Store.resume, {State.PAUSED}, resumable)


def stop(context: typer.Context, run: RunReference, home: Home = None) -> None:
    """Stop a run and keep it; `resume` goes on."""
    _ask(places_of(context, home), run, Store.stop, ACTIVE, {State.QUEUED})


def discard(
    context: typer.Context,
    runs: RunReferences,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    home: Home = None,
) -> None:
    """Delete runs and their checkpoints; asks first."""
    with open_store(places_of(context, home).home) as store:
        # All are found before the first is deleted: a mistyped one changes nothing.
        found = list({run.id: run for run in (store.find(reference) for reference in runs)}.values())
        whats = {run.id: _describe(run) for run in found}
        if not yes:
            if not sys.stdin.isatty():
                raise Refused(f"discarding {', '.join(whats.values())} deletes it for good: say so with --yes")
            listed = "\n  ".join(["", *whats.values()]) + "\n" if len(found) > 1 else f" {whats[found[0].id]} "
            if not typer.confirm(f"Delete{listed}for good?", err=True):
                raise typer.Exit(REFUSED)
        for run in found:
            _discard(store, run.id, whats[run.id])


def _describe(run: Run) -> str:
    how_far = f"{run.epoch} of {run.num_epochs} epochs" if run.kind is Kind.OWN else f"{run.step:,} steps"
    return f"{run.shown_name} ({run.id}, {run.state}, {how_far})"


def _discard(store: Store, run_id: str, what: str) -> None:
    store.discard(run_id)
    try:
        wait_until_confirmed(store, run_id)
    except RunNotFound:
        write_line(sys.stdout, f"discarded: {what}")
    else:
        write_line(sys.stdout, f"asked to discard {what}: deleted as soon as its trainer leaves it")


def rename(
    context: typer.Context,
    run: RunReference,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    home: Home = None,
) -> None:
    """Give a run another name."""
    with open_store(places_of(context, home).home) as store:
        found = store.find(run)
        try:
            renamed = store.rename(found.id, name)
        except ValueError as error:
            raise Refused(str(error)) from None
        write_line(sys.stdout, f"{found.shown_name} is now {renamed.shown_name}")


# Words that begin with - are tags to take away: only the long form of an option is one.


def _ask(places: Places, reference: str, wish: Callable[[Store, str], Run], *prefer: Collection[State]) -> None:
    """Write a wish into the store, wait a moment for training to confirm it, and print how the run stands.

    `last` is the last run in a state of the first of `prefer`, or the next: those of which it makes sense to ask it.
    """
    with open_store(places.home, f"lazytrain {wish.__name__}") as store:
        found = store.find(reference, *prefer)
        wish(store, found.id)
        try:
            run = wait_until_confirmed(store, found.id)
        except RunNotFound:
            raise Refused(f"{found.shown_name} ({found.id}) was discarded meanwhile") from None
        if run.pending is not None:
            standing = state_look(run).word
            write_line(
                sys.stdout, f"asked {run.shown_name} ({run.id}) to {run.pending}: not confirmed yet, it is {standing}"
            )
            return
        hint = ""
        if run.state is State.QUEUED and not store.runners():
            hint = ": nothing trains yet, `lazytrain work` trains the queue"
        write_line(sys.stdout, f"{state_look(run)}: {run.shown_name} ({run.id}){hint}")
