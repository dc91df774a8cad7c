"""The real app, which says in the terminal's title how often it has drawn: `<updates> <complete redraws>`."""

from __future__ import annotations

import sys
from pathlib import Path

from textual.widgets import Input

from lazytrain.tui.app import LazytrainApp


def main() -> None:
    # A cursor that blinks with the redraw itself would be a difference that nobody left out.
    Input.cursor_blink._default = False
    home = Path(sys.argv[1])
    app = LazytrainApp(home, home / "data", redraws_per_second=20)
    asked: list[bool] = []
    updates = redraws = 0
    redraw = app.action_redraw

    def note_redraw() -> None:
        asked.append(True)
        redraw()

    def say() -> None:
        nonlocal updates, redraws
        driver, cells = app._driver, app._cells
        if driver is None or cells is None:
            return
        updates += 1
        if asked and cells.complete:
            asked.clear()
            redraws += 1
        driver.write(f"\x1b]2;{updates} {redraws}\x07")
        driver.flush()

    app.action_redraw = note_redraw
    app.post_display_hook = say
    app.run()


if __name__ == "__main__":
    main()
