"""What `lazytrain mistakes` prints, of an inspection that is made up: its argument is what the settings say."""

from __future__ import annotations

import sys
from typing import Any

from lazytrain.engine.analysis.findings import Inspection
from lazytrain.tui.commands.learned import print_mistakes
from lazytrain.tui.plain.output import make_console
from lazytrain.tui.plain.printed_images import choose_way
from tests.helpers.learned_app import inspection


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
