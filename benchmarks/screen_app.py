"""The real app on a given store, without a runner: what `benchmarks.screen` starts in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from lazytrain.tui.app import LazytrainApp


def main() -> None:
    """Arguments: the store's folder, redraws a second."""
    home, redraws = Path(sys.argv[1]), float(sys.argv[2])
    LazytrainApp(home, home / "data", redraws_per_second=redraws).run()


if __name__ == "__main__":
    main()
