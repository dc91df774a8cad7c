"""The real app, with inspections of nets that are made up: `python -m tests.helpers.images_app HOME`."""

from __future__ import annotations

import sys
from pathlib import Path

from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.screens.inspections import Inspections
from tests.helpers.learned_app import FakeInspector, filters, inspection


def main() -> None:
    home = Path(sys.argv[1])
    app = LazytrainApp(home, home / "data")
    found = FakeInspector(inspection(num_mistakes=30, filters=filters()))
    inspections = Inspections(app.store, lambda _run, _best: found)
    setattr(Inspections, "of", lambda *_: inspections)  # noqa: B010
    app.run()


if __name__ == "__main__":
    main()
