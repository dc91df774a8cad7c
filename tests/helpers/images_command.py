"""What `lazytrain mistakes` prints, of an inspection that is made up: `WANTED [SECONDS]`.

WANTED is what the settings say, SECONDS how long a terminal's answer is waited for.
"""

from __future__ import annotations

import sys
from typing import Any

from lazytrain.engine.analysis.findings import Inspection
from lazytrain.tui.commands.learned import print_mistakes
from lazytrain.tui.plain.output import make_console
from lazytrain.tui.plain.printed_images import choose_way
from lazytrain.tui.terminal import asking
from tests.helpers.learned_app import inspection


class Run:
    name = shown_name = "a run"


def main() -> None:
    run: Any = Run()
    found: Inspection = inspection(num_mistakes=3)
    wanted: Any = sys.argv[1]
    # Of a terminal that answers in the end, however busy the machine is.
    asking.ask.__defaults__ = (float(sys.argv[2] if len(sys.argv) > 2 else 1),)
    console = make_console()
    print_mistakes(run, found, found.mistakes, console, choose_way(console, wanted))
    console.print("that is all")


if __name__ == "__main__":
    main()
