"""The console command: without arguments the screen, with arguments the command line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

SIBLINGS = ("engine", "presets")
COMPLETION = "_LAZYTRAIN_COMPLETE"
"""The variable by which a shell asks for completions; it gives no arguments then."""
REFUSED = 2
"""Exit status of what was refused before it started."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `lazytrain` with `arguments` (default: the process's own); returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    problem = find_foreign_package(Path(__file__).resolve().parent.parent)
    if problem:
        sys.stderr.write(f"lazytrain: {problem}\n")
        return REFUSED
    status = _run(given)
    if arguments is None and (not given or "torch" in sys.modules):
        _end(status)
    return status


def _run(given: list[str]) -> int:
    if given or COMPLETION in os.environ:
        # The command line's libraries are imported only for it: the screen's first frame comes without them.
        from tui.cli import run_command_line

        return run_command_line(given)

    from tui.places import find_places
    from tui.start import start_screen

    return start_screen(find_places())


def _end(status: int) -> None:
    """End the process without taking torch apart, which takes Python one to two seconds, or waiting for imports."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.flush()
    os._exit(status)


def find_foreign_package(folder: Path) -> str | None:
    """What is wrong if `engine` or `presets` would not be imported from `folder`, our own; None if all is well.

    The names are general, so another package of that name may come first on Python's path.
    """
    for name in SIBLINGS:
        spec = find_spec(name)
        if spec is None:
            return f"its package '{name}' is missing from {folder}: install lazytrain again"
        found = Path(spec.origin).resolve().parent if spec.origin else None
        if found != folder / name:
            where = found or ", ".join(spec.submodule_search_locations or ()) or "somewhere else"
            return (
                f"another package named '{name}' ({where}) hides lazytrain's own ({folder / name}): "
                "take it off PYTHONPATH, or install lazytrain in an environment of its own"
            )
    return None


if __name__ == "__main__":
    sys.exit(main())
