"""The subcommand that gives a run's log, with what a command printed."""

from __future__ import annotations

import sys
import threading
from typing import Annotated

import typer

from lazytrain.engine.records import PRINTED, Message, iso
from lazytrain.engine.store.store import RunNotFound
from lazytrain.tui.commands.options import AsJson, Home, RunReference
from lazytrain.tui.commands.shared import places_of
from lazytrain.tui.plain.open_store import open_store
from lazytrain.tui.plain.output import print_json
from lazytrain.tui.plain.reporters import write_line
from lazytrain.tui.words.text import format_moment

LOOK_SECONDS = 0.2


def log(
    context: typer.Context,
    run: RunReference,
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", min=0, help="The last N lines.")] = 10_000,
    output: Annotated[bool, typer.Option("--output", help="Only what a command printed, as it was.")] = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more comes, until the run is over.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show a run's log, and what a command printed.

    For example: lazytrain log last -n 50, or: lazytrain log night-1 --output | grep loss
    """
    with open_store(places_of(context, home).home) as store:
        found = store.find(run)

        def read(since: int, limit: int) -> list[Message]:
            if output:
                return store.printed(found.id, since, limit)
            return store.messages(found.id, since, limit, details=True)

        messages = read(0, lines)
        if as_json:
            print_json([{"time": iso(each.time), "level": each.level, "text": each.text} for each in messages])
            return
        _print(messages, plain=output)
        last = messages[-1].id if messages else 0
        tick = threading.Event()
        while follow:
            try:
                over = store.run(found.id).state.over
            except RunNotFound:
                break
            new = read(last, 10_000)
            _print(new, plain=output)
            last = new[-1].id if new else last
            if over:
                break
            tick.wait(LOOK_SECONDS)


def _print(messages: list[Message], *, plain: bool) -> None:
    for each in messages:
        mark = "" if each.level in ("info", "detail", "stdout") else f"{each.level}: "
        head = "" if plain else f"{format_moment(each.time)}  {'  ' if each.level in PRINTED else ''}{mark}"
        write_line(sys.stdout, head + each.text)
