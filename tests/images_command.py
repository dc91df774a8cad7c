"""What `lazytrain mistakes` prints, of an inspection that is made up: `python -m tests.images_command SETTING`."""

from __future__ import annotations

import sys
from typing import Any

from engine.learned import Inspection
from tests.learned_app import inspection
from tui.learned_command import print_mistakes
from tui.output import make_console
from tui.printed_images import choose_way


class Run:
    name = "a run"


def main() -> None:
    run: Any = Run()
    found: Inspection = inspection(num_mistakes=3)
    wanted: Any = sys.argv[1]
    console = make_console()
    print_mistakes(run, found, found.mistakes, console, choose_way(console, wanted))
    console.print("that is all")


if __name__ == "__main__":
    main()
