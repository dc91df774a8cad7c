"""`lazytrain tag`, `note` and `archive`: what a person calls runs, without a screen."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lazytrain.engine.records import Run
from lazytrain.engine.store.store import Store
from lazytrain.tui.commands.options import Home, RunReference, RunReferences
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.state.environment import find_places
from lazytrain.tui.words.text import NOTHING


class LabelError(ValueError):
    """A tag that can't be one; the message says what would be right."""


def tag(
    context: typer.Context,
    run: RunReference,
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[+TAG|-TAG]…", help="+night adds a tag, -night takes it away.", show_default=False),
    ] = None,
    home: Home = None,
) -> None:
    """Give a run tags (+night), or take them away (-night).

    Without any it prints those it has. `lazytrain runs tag:night` lists what has one.
    """
    with _store(context, home) as store:
        found = store.find(run)
        tags = set(found.tags)
        for change in changes or ():
            word = change[1:] if change[:1] in "+-" else change
            if change.startswith("-") and word not in tags:
                raise LabelError(f"{change}: {found.shown_name} has no tag {word} (it has: {_say_tags(found)})")
            tags = tags - {word} if change.startswith("-") else tags | {word}
        try:
            found = store.tag(found.id, tags) if changes else found
        except ValueError as error:
            raise LabelError(str(error)) from None
        write_line(sys.stdout, f"{found.shown_name}: {_say_tags(found)}")


def note(
    context: typer.Context,
    run: RunReference,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]…", help="In place of an earlier note; '' takes it away.", show_default=False),
    ] = None,
    home: Home = None,
) -> None:
    """Keep a note beside a run, or print the one there is."""
    with _store(context, home) as store:
        found = store.find(run)
        if words:
            try:
                found = store.annotate(found.id, " ".join(words))
            except ValueError as error:
                raise LabelError(str(error)) from None
        write_line(sys.stdout, f"{found.shown_name}: {found.note or NOTHING}")


def archive(
    context: typer.Context,
    runs: RunReferences,
    undo: Annotated[bool, typer.Option("--undo", help="Back into the list.")] = False,
    home: Home = None,
) -> None:
    """Take runs out of the list; nothing is deleted.

    Only the word archived finds them then: `lazytrain runs archived`.
    """
    with _store(context, home) as store:
        # All are found before the first is put away: a mistyped one changes nothing.
        for found in [store.find(reference) for reference in runs]:
            store.put_away(found.id, away=not undo)
            write_line(sys.stdout, f"{'listed again' if undo else 'archived'}: {found.shown_name} ({found.id})")


def _store(context: typer.Context, home: Home) -> Store:
    outer_home, outer_data, _ = context.obj
    return Store(find_places(home or outer_home, outer_data).home)


def _say_tags(run: Run) -> str:
    return " ".join(f"#{tag}" for tag in run.tags) or NOTHING
