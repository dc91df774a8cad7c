"""Logger and callbacks for trainings whose loop another library has: Lightning, Transformers, Keras.

Each module is imported only when it is asked for, and says which command brings the library it is made for.

    from lazytrain.integrations.lightning import LazytrainLogger, LazytrainSteering
    from lazytrain.integrations.transformers import LazytrainCallback
    from lazytrain.integrations.keras import LazytrainCallback
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import lazytrain

__all__ = ["RunOfLoop", "brought_by"]


def brought_by(command: str, *names: str) -> Any:
    """The first of these modules that the program has imported, or can import.

    Raises:
        ImportError: none can be; the message has the command that brings it.
    """
    for name in sorted(names, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # What the library itself misses is its own matter.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
    raise ImportError(f"{' or '.join(names)} isn't installed: `{command}` brings it")


class RunOfLoop:
    """The run that a loop of another library logs to: begun with the loop, or the program's own where it has one.

    Args:
        options: of `lazytrain.init`; without any, a run that the program has begun is taken.
    """

    def __init__(self, **options: Any) -> None:
        self._options = {name: each for name, each in options.items() if each is not None}
        self._run: Any = None

    @property
    def begun(self) -> bool:
        """Whether there is one."""
        return self._run is not None

    def get(self) -> Any:
        """The run; begun now where there is none."""
        if self._run is None:
            own = lazytrain.run if not self._options else None
            self._run = own if own is not None else lazytrain.init(**self._options)
        return self._run

    def begin(self, config: Any) -> Any:
        """The run of a loop that begins: where the one before it has ended, another."""
        if self._run is not None and self._run is not lazytrain.run:
            self._run = None
        run = self.get()
        run.config.update(config)
        return run
