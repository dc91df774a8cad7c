"""Tells whoever the settings name that a run has ended whose own program can't wait for that.

Arguments: the home and the run's id. It is started by that program at its end, and outlives it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lazytrain.engine.settings.notices import Herald
from lazytrain.engine.settings.settings import SettingsError, load_settings
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import RunNotFound


def main(home: Path, run_id: str) -> None:
    """Send the notices, and wait for them."""
    try:
        with Journal(home, make=False) as journal:
            run = journal.run(run_id)
            try:
                settings = load_settings(home)
            except SettingsError as error:
                journal.say(run_id, f"nobody was told: {error}", "warning")
                return
    except RunNotFound:
        return  # discarded meanwhile
    herald = Herald(home, lambda: settings)
    herald(run)
    herald.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
