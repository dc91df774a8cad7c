"""The console command, also as `python -m lazytrain`: without arguments the screen, with arguments the command line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

COMPLETION = "_LAZYTRAIN_COMPLETE"
"""The variable by which a shell asks for completions, without arguments; `tui.commands.completion` answers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lazytrain` with `arguments` (default: the process's own); returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    status = _run(given)
    if arguments is None and (not given or "torch" in sys.modules):
        _end(status)
    return status


def _run(given: list[str]) -> int:
    if given or COMPLETION in os.environ:
        # The command line's libraries are imported only for it: the screen's first frame comes without them.
        from lazytrain.tui.commands.cli import run_command_line

        return run_command_line(given)

    from lazytrain.engine.places import PlaceError
    from lazytrain.tui.plain.streams import fill_closed
    from lazytrain.tui.start import REFUSED, start_screen
    from lazytrain.tui.state.environment import find_places

    fill_closed()
    try:
        places = find_places()
    except PlaceError as error:
        sys.stderr.write(f"lazytrain: {error}\n")
        return REFUSED
    return start_screen(places)


def _end(status: int) -> None:
    """End the process without taking torch apart, which takes Python one to two seconds, or waiting for imports."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
