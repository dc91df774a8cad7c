"""Start the screen, or say why there can't be one here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from tui.places import Places

REFUSED = 2
"""Exit status of what was refused before it started."""


def start_screen(places: Places, device: str = "auto") -> int:
    """Run the Textual app until it is left; returns the exit status."""
    problem = find_screen_problem(sys.stdin, sys.stderr, os.environ)
    if problem:
        sys.stderr.write(f"lazytrain: {problem}\n")
        return REFUSED

    from engine.database import StoreError
    from engine.runner import Runner
    from tui.app import LazytrainApp

    try:
        runner = Runner(places.home, places.data, device=device)
        app = LazytrainApp(places.home, places.data, device=device, runner=runner)
    except StoreError as error:
        sys.stderr.write(f"lazytrain: {error}\n")
        return REFUSED
    try:
        result = app.run()
    finally:
        # Whatever ended the screen: a run at work here is saved, and the worker doesn't hold the process.
        runner.stop()
    return result if result is not None else app.return_code or 0


def find_screen_problem(stdin: TextIO | None, stderr: TextIO | None, environment: Mapping[str, str]) -> str | None:
    """Why no screen can be shown, in one sentence; None if it can. Textual reads stdin and draws on stderr."""
    instead = (
        "`lazytrain train ARCHITECTURE` trains without one, `lazytrain work` trains what is queued, "
        "and `lazytrain --help` lists the rest"
    )
    for stream, name in ((stdin, "standard input"), (stderr, "standard error")):
        if stream is None or not stream.isatty():
            return f"the screen needs a terminal, and {name} is none: {instead}"
    if environment.get("TERM", "") == "dumb":
        return f"the screen needs a terminal that can be drawn on, and TERM is 'dumb': {instead}"
    return None
